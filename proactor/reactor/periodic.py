"""A task that runs over and over, and goes on after an exception.

``LoopingCall`` stops for ever after one, in silence if nobody looks at its Deferred.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import random as uniform
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..backoff import Backoff, Tries

__all__ = ["JITTER", "Periodic", "spread"]

JITTER = 0.1

#: The wait after a run where even choosing one failed.
_FALLBACK = 30.0

_log = Logger()


def spread(interval: float, random: Callable[[], float], jitter: float = JITTER) -> float:
    """Vary an interval by up to ``jitter`` of it, either way, so that a fleet does not run in step.

    :param random: as ``random.random``: uniform in [0, 1).
    """
    return interval * (1 + jitter * (2 * random() - 1))


def _trouble(failure: Failure) -> None:
    _log.failure("A periodic task failed; it goes on", failure=failure)


def _recovery(failed: int) -> None:
    _log.info("A periodic task that had failed {failed} times runs well again", failed=failed)


@define(eq=False)
class Periodic:
    """Runs that never overlap: each begins some time after the end of the one before. All times in seconds.

    :param clock: tells the time and calls later.
    :param run: a plain, ``async`` or Deferred-returning function. After a run that fails comes a backoff, after one
        that goes well the interval with jitter, or the time that it returned.
    :param interval: gives the interval, asked after each run.
    :param backoff: gives the backoff, asked after each failed run.
    :param jitter: how far the wait strays from the interval, as a part of it.
    :param random: as ``random.random``: uniform in [0, 1).
    :param trouble: called with the first failure of several in a row.
    :param recovery: called with the number of failed runs after which one went well.
    """

    clock: IReactorTime
    run: Callable[[], float | Awaitable[float | None] | None]
    interval: Callable[[], float]
    backoff: Callable[[], Backoff] = Backoff
    jitter: float = JITTER
    random: Callable[[], float] = uniform
    trouble: Callable[[Failure], None] = _trouble
    recovery: Callable[[int], None] = _recovery
    _loop: LoopingCall = field(init=False)
    _tries: Tries = field(init=False)
    _running: Deferred[Any] | None = field(default=None, init=False)
    _ended: Deferred[LoopingCall] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._loop = LoopingCall(self._once)
        self._loop.clock = self.clock
        self._tries = Tries(self.random)

    @property
    def failed(self) -> int:
        """How many runs have failed since the last that went well."""
        return self._tries.failed

    def start(self, *, now: bool = True) -> None:
        """Begin; the first run comes as soon as the reactor turns, or after the interval."""
        wait = 0.0 if now else spread(self.interval(), self.random, self.jitter)
        self._ended = self._loop.start(wait, now=False)

    def stop(self, *, cancel: bool = False) -> Deferred[None]:
        """End; fires when the run in progress, if there is one, is over.

        :param cancel: cancel that run, instead of waiting for all that it does.
        """
        if self._ended is None:
            return succeed(None)
        over: Deferred[None] = Deferred()
        self._ended.addCallback(self._tell, over)
        if self._loop.running:
            self._loop.stop()
        if cancel and self._running is not None:
            self._running.cancel()
        return over

    @staticmethod
    def _tell(loop: LoopingCall, over: Deferred[None]) -> LoopingCall:
        over.callback(None)
        return loop

    def _once(self) -> Deferred[None]:
        self._running = running = maybeDeferred(self.run)
        chosen: Deferred[float] = running.addCallbacks(self._went_well, self._went_wrong)
        return chosen.addErrback(self._cannot_choose).addCallback(self._wait)

    def _went_well(self, chosen: float | None) -> float:
        failed = self._tries.reset()
        if failed:
            self.recovery(failed)
        return spread(self.interval(), self.random, self.jitter) if chosen is None else chosen

    def _went_wrong(self, failure: Failure) -> float:
        if not self._loop.running:
            _log.debug("A periodic task was stopped in a run: {reason}", reason=failure.value)
            return 0.0
        first = not self._tries.failed
        wait = self._tries.next(self.backoff())
        if first:
            self.trouble(failure)
        return wait

    def _cannot_choose(self, failure: Failure) -> float:
        _log.failure("A periodic task goes on in {wait} s, its owner failing too", failure=failure, wait=_FALLBACK)
        return _FALLBACK

    def _wait(self, seconds: float) -> None:
        """Have ``LoopingCall`` count from now on: it keeps to multiples of its interval since its start."""
        self._loop.interval = max(seconds, 0.0)
        self._loop.starttime = self.clock.seconds()
