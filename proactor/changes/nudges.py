"""Has processors that wait for news fetch anew, where that is not about their configuration: many at once."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from .waiting import Waiting

#: How long is waited for more of them, in seconds.
SOON = 0.01

log = Logger()


@define(eq=False)
class Nudges:
    """Collects them."""

    clock: IReactorTime
    waiting: Waiting
    _guids: set[str] = field(factory=set, init=False)
    _all: bool = field(default=False, init=False)
    _call: IDelayedCall | None = field(default=None, init=False)

    def add(self, guids: Iterable[str] | None) -> None:
        """Have these fetch anew soon; ``None``: all."""
        if guids is None:
            self._all = True
        else:
            self._guids.update(guids)
        if self._call is None:
            self._call = self.clock.callLater(SOON, self._now)

    def stop(self) -> None:
        """Have nobody do so any more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _now(self) -> None:
        guids = None if self._all else self._guids
        self._call, self._guids, self._all = None, set(), False
        Deferred.fromCoroutine(self.waiting.nudge(guids)).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        log.failure("Having processors fetch anew", failure)
