"""Processes as ``/proc`` shows them (proc(5)), and signals that reach the one that is meant."""

from __future__ import annotations

import os
import signal
from contextlib import suppress


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

    def is_marked(self, marks: set[bytes]) -> bool:
        """Whether it was started with one of these variables in its environment, ``NAME=VALUE``."""
        try:
            with open(f"/proc/{self.pid}/environ", "rb") as file:
                return not marks.isdisjoint(file.read().split(b"\0"))
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
