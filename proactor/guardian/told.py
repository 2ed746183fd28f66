"""What the guardian has to know, as lines: said when it changes, and all of it to another guardian."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import define, field

from ..guardian_main.protocol import Said

__all__ = ["Told"]


@define(eq=False)
class Told:
    """Lines of :mod:`proactor.guardian_main`, and what they are made of.

    :param mark: what the processes have in their environment, ``NAME=VALUE``; ``earlier``: what those of earlier
        initiators have.
    :param grace: seconds between SIGTERM and SIGKILL of a process that is not told of.
    :param linger: seconds that it waits for the next initiator when no process is left.
    """

    mark: str
    grace: float
    linger: float
    adopt: bool
    earlier: Sequence[str] = ()
    _watched: dict[int, str] = field(factory=dict)
    _kept: dict[str, Callable[[], int]] = field(factory=dict)
    _cut: dict[str, str] = field(factory=dict)

    def adopting(self, adopt: bool) -> Said:
        """Whether processes and sockets are for the next initiator."""
        self.adopt = adopt
        return f"adopt {'yes' if adopt else 'no'}", None

    def watch(self, pid: int, start: int, grace: float) -> Said:
        """There is a process."""
        self._watched[pid] = f"watch {pid} {start} {grace}"
        return self._watched[pid], None

    def unwatch(self, pid: int) -> Said | None:
        """There is none any more; None where there was none."""
        return None if self._watched.pop(pid, None) is None else (f"unwatch {pid}", None)

    def keep(self, guid: str, fileno: Callable[[], int]) -> Said:
        """There is a socket, or another in its place."""
        self._kept[guid] = fileno
        return f"keep {guid}", fileno

    def let_go(self, guid: str) -> Said | None:
        """There is none any more; None where there was none."""
        return None if self._kept.pop(guid, None) is None else (f"drop {guid}", None)

    def cut(self, guid: str, most: int) -> Said | None:
        """There is a log, or it is to take another number of bytes at most; None where that is what was said."""
        line = f"cut {guid} {most}"
        if self._cut.get(guid) == line:
            return None
        self._cut[guid] = line
        return line, None

    def leave_uncut(self, guid: str) -> Said | None:
        """There is none any more; None where there was none."""
        return None if self._cut.pop(guid, None) is None else (f"uncut {guid}", None)

    def took_over(self, marks: Sequence[str], sockets: Mapping[str, Callable[[], int]]) -> None:
        """This was told by an earlier initiator."""
        self.earlier = marks
        self._kept.update(sockets)

    def all(self) -> Iterator[Said]:
        """Everything, in order."""
        for mark in (*self.earlier, self.mark):
            yield f"mark {mark} {self.grace}", None
        yield self.adopting(self.adopt)
        yield f"linger {self.linger}", None
        for line in self._watched.values():
            yield line, None
        for guid, fileno in self._kept.items():
            yield f"keep {guid}", fileno
        for line in self._cut.values():
            yield line, None
