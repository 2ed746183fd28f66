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
    _seen: frozenset[int] = field(default=frozenset(), init=False)

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
        """Reap those that have ended, and had ended when this was called last."""
        ended = frozenset(filter(self._is_ours_to_reap, children()))
        # Seen twice: somebody may be about to wait for one that has just ended, or about to hear of it.
        for pid in ended & self._seen:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        self._seen = ended - self._seen

    def _is_ours_to_reap(self, pid: int) -> bool:
        if pid in reapProcessHandlers or self.is_known(pid):
            return False
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return False


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
