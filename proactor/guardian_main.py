"""The guardian's process: when the initiator is gone, or stops, it ends what that started and left behind.

Run as a script, and small: nothing of the package is imported, and little else. It reads lines from standard input, a
pipe that the initiator alone can write to::

    = MARK GRACE          the processes of the initiator have MARK in their environment
    + PID START GRACE     there is a process, which leads a session; START is its start time (proc(5), field 22)
    - PID                 there is no more
    ! GRACE               the end that follows is a stop: what is there then was left behind, and has that time to end

Times in seconds. The pipe's end is the initiator's. Then all are sent SIGTERM, those that are left after their grace
SIGKILL, and this ends when none is left. They are the processes of the sessions, grandchildren in process groups of
their own included, and those that have the mark, which finds a process that there was no time to tell of and one that
made a session of its own.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

PAUSE = 0.1
"""Seconds between two looks at what is left."""

_CHUNK = 64 << 10
_NOT_MEANT_FOR_US = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)


class Process:
    """A process as it was when looked at.

    :ivar group: the number of its process group, session: that of its session.
    :ivar start: its start time, in clock ticks since the boot: tells it from another of the same number.
    """

    __slots__ = ("alive", "group", "pid", "session", "start")

    def __init__(self, pid: int, stat: bytes) -> None:
        self.pid = pid
        # What stands before is the name in parentheses, which can hold anything.
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.alive = fields[0] not in {b"Z", b"X"}
        self.group = int(fields[2])
        self.session = int(fields[3])
        self.start = int(fields[19])

    @classmethod
    def look(cls, pid: int) -> Process | None:
        """Look at a process; None where there is none of that number."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                return cls(pid, file.read())
        except OSError:
            return None

    def is_marked(self, mark: bytes) -> bool:
        """Whether it was started with a variable in its environment, ``NAME=VALUE``."""
        try:
            with open(f"/proc/{self.pid}/environ", "rb") as file:
                return mark in file.read().split(b"\0")
        except OSError:
            return False

    def signal(self, number: int) -> bool:
        """Send it a signal, and not another that has its number by now; tell whether it was there to get it."""
        pin = _pin(self.pid)
        try:
            if not self._is_there():
                return False
            if pin is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(pin, number)
        except OSError:
            return False
        finally:
            if pin is not None:
                os.close(pin)
        return True

    def signal_group(self, number: int) -> bool:
        """Send all of its group a signal; tell whether it was there. What they just fork has had it, or is not made."""
        with suppress(OSError):
            if self._is_there():
                os.killpg(self.group, number)
                return True
        return False

    def _is_there(self) -> bool:
        now = Process.look(self.pid)
        return now is not None and (now.start, now.group) == (self.start, self.group)


def _pin(pid: int) -> int | None:
    """Hold on to one process (pidfd_open(2)): not before Linux 5.3, nor in each build of Python."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def processes() -> dict[int, Process]:
    """All processes of this machine, by their numbers."""
    found = (Process.look(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {process.pid: process for process in found if process is not None}


class Guard:
    """What is known of one initiator's processes.

    :ivar is_stop: whether the initiator's end is a stop.
    """

    def __init__(self) -> None:
        self._mark = b""
        self._grace = 10.0
        self._leaders: dict[int, tuple[int, float]] = {}
        self.is_stop = False

    def obey(self, line: bytes) -> None:
        """Take note of what a line tells."""
        kind, first, *rest = line.split()
        if kind == b"=":
            self._mark, self._grace = first, float(rest[0])
        elif kind == b"+":
            self._leaders[int(first)] = int(rest[0]), float(rest[1])
        elif kind == b"!":
            self._grace, self.is_stop = float(first), True
        else:
            self._leaders.pop(int(first), None)

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
        return self._is_leader(process) or (bool(self._mark) and process.is_marked(self._mark))

    def _is_leader(self, process: Process) -> bool:
        return process.pid in self._leaders and self._leaders[process.pid][0] == process.start


def read_all(fd: int, guard: Guard) -> None:
    """Hand over line by line until the end; what was not written to its end is no line."""
    rest = b""
    while chunk := os.read(fd, _CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            guard.obey(line)


def report(ended: int, is_stop: bool) -> None:
    """Say what was done, in the format of the log, as far as standard error can be had."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    message = f"The initiator is gone: ended {ended} of its processes"
    if is_stop:
        message = f"Ended {ended} process{'' if ended == 1 else 'es'} that had been left behind"
    with suppress(OSError):
        os.write(2, f"{stamp},{int(now % 1 * 1000):03} WARNING|{os.getpid()}|proactor.guardian|{message}\n".encode())


def main() -> None:
    """Wait for the initiator's end, and do the work."""
    with suppress(OSError):  # it leads a group already, started by hand
        os.setsid()
    for number in _NOT_MEANT_FOR_US:
        signal.signal(number, signal.SIG_IGN)
    guard = Guard()
    read_all(sys.stdin.fileno(), guard)
    ended = guard.end_all()
    if ended:
        report(ended, guard.is_stop)


if __name__ == "__main__":
    main()
