"""The wait before a job's next start: while it lasts, and only then, the job's record says when that is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from attrs import define
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..model import Job


@define(eq=False)
class NextStart:
    """That of one job.

    :param now: the time of day, aware.
    """

    job: Job
    clock: IReactorTime
    now: Callable[[], datetime]
    _call: IDelayedCall | None = None

    def wait(self, seconds: float, start: Callable[[], object]) -> None:
        """Have it started after so many seconds."""
        self.cancel()
        self.job.next_start = self.now() + timedelta(seconds=seconds)
        self._later(seconds, start)

    def go_on(self, longest: float, start: Callable[[], object]) -> None:
        """Have it started when its record says, as an earlier initiator left that.

        :param longest: the most seconds that it can have been to wait: a clock may have been set since.
        """
        self.leave()
        left = 0.0 if self.job.next_start is None else (self.job.next_start - self.now()).total_seconds()
        self._later(min(max(left, 0.0), longest), start)

    def _later(self, seconds: float, start: Callable[[], object]) -> None:
        def due() -> None:
            self._call = self.job.next_start = None
            start()

        self._call = self.clock.callLater(seconds, due)

    def cancel(self) -> None:
        """Have it not started."""
        self.leave()
        self.job.next_start = None

    def leave(self) -> None:
        """Have it not started by us: its record says on when it is to be."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
