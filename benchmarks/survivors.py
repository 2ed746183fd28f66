"""Who is to live through a storm: processes that nobody has killed, looked at again and again, and what became of them.

A process is to live from the moment it runs its module on. One that is forked and has not been let begin yet ends with
the initiator that forked it, as it must: nobody would know of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from .lives import Caller, Life, born, processors

#: A file in the folder of a storm in which findings are told as they are made.
FINDINGS = "findings"
#: How much is told of a finding: lines of each log, events of the timeline.
_LINES, _EVENTS = 30, 40


@frozen
class Process:
    """One process of a guid, known by its number and its start time.

    :param seen: at which look it was seen first: their number is that of the kills by then.
    """

    guid: str
    pid: int
    start: str
    seen: int = field(eq=False)

    @property
    def lives(self) -> bool:
        """Whether it does, and no other has its number."""
        return born(self.pid) == self.start

    def __str__(self) -> str:
        return f"pid {self.pid} started at {self.start}"


def is_begun(pid: int, module: str) -> bool:
    """Whether a process runs its module: until it is let begin its command line is that of the fork server."""
    with suppress(OSError):
        return module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return False


@define(eq=False)
class Survivors:
    """Those of some guids that are to live on.

    :param caller: who calls them all the time, and knows what each has in its memory.
    :param section: of the configuration, which is their module's.
    :ivar looked_at: how many survivors were looked at, each as often as there were kills.
    :ivar changed: what is to be told of those that were not there any more.
    :ivar unbegun: how many ended before they were let begin, with the initiator.
    """

    life: Life
    guids: list[str]
    caller: Caller
    section: str
    looked_at: int = 0
    changed: list[str] = field(factory=list)
    unbegun: int = 0
    kills: int = 0
    _waiting: dict[int, str] = field(factory=dict)
    _known: dict[tuple[int, str], Process] = field(factory=dict)
    _killed: set[tuple[int, str]] = field(factory=set)

    def look(self) -> dict[str, list[int]]:
        """See who is there now: all processes by guid. What was there and is not is told, as is a second one."""
        held = processors(self.life.folder / "home")
        self._waiting = {}
        for guid in self.guids:
            for pid in held.get(guid, ()):
                start = born(pid)
                if start is not None and is_begun(pid, self.section):
                    self._known.setdefault((pid, start), Process(guid, pid, start, self.kills))
                elif start is not None:
                    self._waiting[pid] = start
            self._see_twins(guid)
        self._check("nothing", ())
        return held

    def _see_twins(self, guid: str) -> None:
        found = [known for place, known in self._known.items() if known.guid == guid and place not in self._killed]
        living = [known for known in found if known.lives]
        if len(living) > 1 and all(known.lives for known in living):
            self._found(f"{guid}: {len(living)} processes at once: {', '.join(map(str, living))}")

    def killed(self, pids: list[int]) -> None:
        """These were."""
        self._killed |= {(pid, start) for pid, start in self._known if pid in pids}

    def check(self, whom: str, pids: list[int]) -> None:
        """See, after a kill, that all others live.

        :param whom: what was killed, the processes of processors among them.
        """
        self.kills += 1
        self.looked_at += sum(place not in self._killed for place in self._known)
        self.unbegun += sum(born(pid) != start for pid, start in self._waiting.items() if pid not in pids)
        self._check(whom, pids)

    def _check(self, whom: str, pids: object) -> None:
        for place, process in list(self._known.items()):
            if not process.lives:
                del self._known[place]
                if place not in self._killed:
                    self._found(self._told(process, f"{whom} {pids}" if pids else whom))

    def _found(self, text: str) -> None:
        self.changed.append(text)
        with (self.life.folder / FINDINGS).open("a") as file:
            file.write(f"{text}\n")

    def _told(self, process: Process, whom: str) -> str:
        """All that there is to know of one that did not live on."""
        guid, now = process.guid, processors(self.life.folder / "home").get(process.guid, [])
        after = ", ".join(f"pid {pid} started at {born(pid)} {self._nonce(pid, born(pid))}" for pid in now)
        where = f"before: {process} {self._nonce(process.pid, process.start)}; after: {after or 'nothing'}"
        when = f"seen first at kill {process.seen}, missed at kill {self.kills} (life {self.life.lives})"
        text = [f"{guid} [{self.section}]: {where}", f"  {when} at {time.strftime('%H:%M:%S')}; killed was: {whom}"]
        text += [f"  event: {event}" for event in self._events(guid)]
        text += [f"  log: {line}" for line in self._logged(guid)]
        return "\n".join(text)

    def _nonce(self, pid: int, start: str | None) -> str:
        nonces = self.caller.nonces.get((pid, start or ""), set())
        return f"nonce {' '.join(sorted(nonces)) or 'not told yet'}"

    def _events(self, guid: str) -> Iterator[Any]:
        """What the timeline says, where somebody answers."""
        operator = self.life.operator()
        try:
            events = operator.call("GET", f"/job/{guid}/events?tail={_EVENTS}")
        except Exception as e:  # noqa: BLE001 - a finding is told with what there is
            events = [f"not to be had: {type(e).__name__}: {e}"]
        finally:
            operator.close()
        yield from events

    def _logged(self, guid: str) -> Iterator[str]:
        """What the last initiators and the job's own processes say."""
        lines: list[str] = []
        for number in range(max(1, self.life.lives - 3), self.life.lives + 1):
            text = (self.life.folder / f"log{number}").read_text("utf-8", "replace")
            lines += [f"{number}: {line}" for line in text.splitlines() if guid in line or "WARN" in line]
        yield from lines[-_LINES:]
        with suppress(OSError):
            own = (self.life.folder / "home" / "logs" / f"{guid}.log").read_text("utf-8", "replace").splitlines()
            yield from [f"its own: {line}" for line in own if not line.startswith("told ")][-_LINES:]

    def memories(self) -> Iterator[str]:
        """Of whose memory it was found that it is another's, without another process."""
        for (pid, start), nonces in self.caller.nonces.items():
            if len(nonces) > 1:
                yield f"pid {pid} started at {start} has told {len(nonces)} nonces: {', '.join(sorted(nonces))}"
