"""Whose processes are the initiator's, and their end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Sequence

from .processes import Process, processes

PAUSE = 0.1
"""Seconds between two looks at what is left."""


class Guard:
    """What is known of the processes of one initiator, and of those before it.

    :ivar is_stop: whether the initiator's end is a stop.
    """

    def __init__(self) -> None:
        self._marks: set[bytes] = set()
        self._grace = 10.0
        self._leaders: dict[int, tuple[int, float]] = {}
        self._untold: set[int] = set()
        self.is_stop = False

    def obey(self, word: str, words: Sequence[str]) -> None:
        """Take note of what a line tells; of what is of no concern here, nothing.

        :raises ValueError: it is no such line; so does an ``IndexError``.
        """
        if word == "mark":
            self._marks.add(words[0].encode())
            self._grace = float(words[1])
        elif word == "watch":
            self._leaders[int(words[0])] = int(words[1]), float(words[2])
            self._untold.discard(int(words[0]))
        elif word == "unwatch":
            self._forget(int(words[0]))
        elif word == "stop":
            self._grace, self.is_stop = float(words[0]), True

    @property
    def marks(self) -> Collection[str]:
        """What the processes of all initiators so far have in their environment."""
        return [mark.decode() for mark in self._marks]

    @property
    def untold(self) -> int:
        """How many processes this initiator has not told of: it may never say that there are no more."""
        return len(self._untold)

    def is_alone(self) -> None:
        """There is no initiator any more; the next one will tell of its processes."""
        self._untold = set(self._leaders)

    def tidy(self) -> None:
        """Forget those that nobody tells of whose session is over: their numbers may go to others, or have gone."""
        gone = [pid for pid in self._untold if not self._lives(pid)]
        if gone:
            there = processes()
            left = {process.session for process in there.values() if process.alive}
            for pid in gone:
                if pid not in left or (pid in there and not self._is_leader(there[pid])):
                    self._forget(pid)

    def is_needed(self) -> bool:
        """Whether a process is left. What was told of is found faster than what has a mark alone."""
        return bool(self._leaders) or bool(self._left())

    def end_all(self) -> int:
        """End them all; give how many there were."""
        deadlines: dict[int, float] = {}
        seen: set[tuple[int, int]] = set()
        idle = 0
        # Nothing found twice: what was about to become another program has neither session nor mark for a moment.
        while idle < 2:
            left = self._left()
            idle = 0 if left else idle + 1
            seen.update((process.pid, process.start) for process in left)
            self._signal(left, deadlines)
            time.sleep(PAUSE)
        return len(seen)

    def _signal(self, left: list[Process], deadlines: dict[int, float]) -> None:
        """Ask those of a session that was not asked yet; make those whose time is over."""
        now = time.monotonic()
        sessions: dict[int, list[Process]] = {}
        for process in left:
            sessions.setdefault(process.session, []).append(process)
        for session, members in sessions.items():
            if session not in deadlines and self._send(session, members, signal.SIGTERM):
                deadlines[session] = now + self._grace_of(session)
            elif now >= deadlines.get(session, now + 1):
                self._send(session, members, signal.SIGKILL)

    def _send(self, session: int, members: list[Process], number: int) -> bool:
        """Send a signal to all of a session; tell whether anybody was there to get it."""
        if session not in self._leaders:
            # Only these are known to be ours: what has the mark may still be in a group of somebody else's.
            return sum(process.signal(number) for process in members) > 0
        groups: set[int] = set()
        for process in members:
            if process.group not in groups and process.signal_group(number):
                groups.add(process.group)
        return bool(groups)

    def _grace_of(self, session: int) -> float:
        return self._leaders[session][1] if session in self._leaders else self._grace

    def _left(self) -> list[Process]:
        there = processes()
        there.pop(os.getpid(), None)
        return [process for process in there.values() if process.alive and self._is_ours(process, there)]

    def _is_ours(self, process: Process, there: dict[int, Process]) -> bool:
        # While there is one process in a session, the number of its leader goes to nobody else.
        leader = there.get(process.session)
        if process.session in self._leaders and (leader is None or self._is_leader(leader)):
            return True
        # A leader that has not come to make its session yet is ours too.
        return self._is_leader(process) or (bool(self._marks) and process.is_marked(self._marks))

    def _is_leader(self, process: Process) -> bool:
        return process.pid in self._leaders and self._leaders[process.pid][0] == process.start

    def _lives(self, pid: int) -> bool:
        process = Process.look(pid)
        return process is not None and process.alive and self._is_leader(process)

    def _forget(self, pid: int) -> None:
        self._leaders.pop(pid, None)
        self._untold.discard(pid)
