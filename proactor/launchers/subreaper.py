"""Processes whose parent has ended become ours (prctl(2), PR_SET_CHILD_SUBREAPER), and are reaped when they end."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.process import reapProcessHandlers

__all__ = ["Subreaper"]

_PR_SET_CHILD_SUBREAPER = 36
PERIOD = 5.0
"""Seconds between two looks at those that nobody waits for."""


@define(eq=False)
class Subreaper:
    """Reaps what nobody else does.

    :param is_known: whether somebody sees to the end of a process.
    """

    clock: IReactorTime
    is_known: Callable[[int], bool]
    _later: IDelayedCall | None = field(default=None, init=False)

    def start(self) -> bool:
        """Begin; whether this system has that."""
        if not sys.platform.startswith("linux"):
            return False
        if not _be_one(True):
            return False
        self._turn()
        return True

    def stop(self) -> None:
        """Take in nobody any more."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
            _be_one(False)

    def _turn(self) -> None:
        self._later = self.clock.callLater(PERIOD, self._turn)
        self.look()

    def look(self) -> None:
        """Reap those that have ended by now."""
        for pid in children():
            if pid not in reapProcessHandlers and not self.is_known(pid):
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


def _be_one(on: bool) -> bool:
    failed: int = ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0)
    return not failed


def children() -> list[int]:
    """All children of this process, zombies included; none where the kernel does not tell (proc(5), children)."""
    found: list[int] = []
    with suppress(OSError):
        for task in os.listdir("/proc/self/task"):
            with suppress(OSError), open(f"/proc/self/task/{task}/children", "rb") as file:
                found.extend(map(int, file.read().split()))
    return found
