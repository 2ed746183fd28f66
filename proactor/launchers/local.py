"""The processes of this machine that are launched or adopted: one register, whatever launched them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import define, field
from twisted.internet.defer import Deferred, succeed

from ..errors import Conflict
from ..interfaces import Handle
from ..model import Exit
from .grip import Grip, grip
from .identity import alive
from .turns import InTurn
from .watched import UNKNOWN, LocalReactor, Watched

__all__ = ["LocalLauncher", "Processes"]

_Place = tuple[str, int]


@define(eq=False)
class Processes:
    """All that live, by guid and incarnation. Of ends at the same moment each is told in its turn."""

    reactor: LocalReactor
    _watched: dict[_Place, Watched] = field(factory=dict)
    _pids: dict[int, Watched] = field(factory=dict)
    _turns: InTurn = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._turns = InTurn(self.reactor)

    def hold(self, handle: Handle, hold: Grip, ended: Callable[[Exit], None]) -> Watched:
        """Take up a process; its end is told by who knows of it, or found out, if :meth:`Watched.watch` is called."""
        watched = Watched(self.reactor, handle.identity, hold, partial(self._over, handle, ended))
        self._watched[handle.guid, handle.incarnation] = watched
        self._pids[handle.pid] = watched
        return watched

    def _over(self, handle: Handle, ended: Callable[[Exit], None], watched: Watched, exit_: Exit) -> None:
        self._drop(handle, watched)
        self._turns.call(partial(_tell, watched, ended, exit_))

    def _drop(self, handle: Handle, watched: Watched) -> None:
        place = (handle.guid, handle.incarnation)
        if self._watched.get(place) is watched:
            del self._watched[place]
        if self._pids.get(handle.pid) is watched:
            del self._pids[handle.pid]

    def launched(self, handle: Handle, ended: Callable[[Exit], None]) -> None:
        """Take up a process that was just launched, and find out of its end; it may have come already."""
        hold = grip(handle.identity)
        if hold is None:
            self._turns.call(partial(ended, UNKNOWN))
        else:
            self.hold(handle, hold, ended).watch()

    def adopt(self, handle: Handle, ended: Callable[[Exit], None]) -> bool:
        """Take over a process; see :class:`~proactor.interfaces.ILauncher`."""
        hold = grip(handle.identity) if alive(handle.identity) else None
        if hold is None:
            return False
        self.hold(handle, hold, ended).watch()
        return True

    def stop(self, handle: Handle, grace: float) -> Deferred[None]:
        """End a process; see :class:`~proactor.interfaces.ILauncher`."""
        watched = self._watched.get((handle.guid, handle.incarnation))
        return succeed(None) if watched is None else watched.stop(grace)

    def signal(self, handle: Handle, number: int) -> None:
        """Send a signal; see :class:`~proactor.interfaces.ILauncher`."""
        watched = self._watched.get((handle.guid, handle.incarnation))
        if watched is None or not watched.signal(number):
            raise Conflict(f"the process of {handle.guid} has ended")

    def knows(self, pid: int) -> bool:
        """Whether it is one of these, whose end will be seen to."""
        return pid in self._pids


def _tell(watched: Watched, ended: Callable[[Exit], None], exit_: Exit) -> None:
    try:
        ended(exit_)
    finally:
        watched.settle()


class LocalLauncher:
    """What launchers of this machine have in common: all but the launch.

    :param processes: those of others included, where it is shared.
    """

    def __init__(self, reactor: LocalReactor, processes: Processes | None = None) -> None:
        self.processes = Processes(reactor) if processes is None else processes

    def adopt(self, handle: Handle, ended: Callable[[Exit], None]) -> bool:
        """Take over a process; see :class:`~proactor.interfaces.ILauncher`."""
        return self.processes.adopt(handle, ended)

    def stop(self, handle: Handle, grace: float) -> Deferred[None]:
        """End a process; see :class:`~proactor.interfaces.ILauncher`."""
        return self.processes.stop(handle, grace)

    def signal(self, handle: Handle, number: int) -> None:
        """Send a signal; see :class:`~proactor.interfaces.ILauncher`."""
        self.processes.signal(handle, number)
