"""Timers that may come a little early come together.

What is done by itself finds little of what it works on in the caches of a CPU that did something else meanwhile: it
takes several times as long as what is done right behind its like. A thousand processors whose held requests end one
by one, every 30 ms, cost the initiator more than twice what they do in lots.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from .slices import in_slices

__all__ = ["EARLY", "Together"]

EARLY = 1 / 16
"""By what part of its time one comes early, at most."""

log = Logger()


@define(eq=False)
class _Lot:
    """Those that are due at one moment, and the timer of all of them."""

    timer: IDelayedCall
    calls: dict[object, Callable[[], object]] = field(factory=dict)


@define(eq=False)
class Together:
    """Such timers, on one clock."""

    clock: IReactorTime
    _lots: dict[float, _Lot] = field(factory=dict)

    def later(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        """Have something called after so many seconds, or a little less.

        :param seconds: more than 0.
        :return: what takes that back; done again, or too late, it does nothing.
        """
        moment, key = _moment(self.clock.seconds(), seconds), object()
        lot = self._lots.get(moment)
        if lot is None:
            timer = self.clock.callLater(max(0.0, moment - self.clock.seconds()), self._due, moment)
            lot = self._lots[moment] = _Lot(timer)
        lot.calls[key] = call
        return lambda: self._take_back(moment, lot, key)

    def _take_back(self, moment: float, lot: _Lot, key: object) -> None:
        lot.calls.pop(key, None)
        if not lot.calls and lot.timer.active():
            lot.timer.cancel()
            del self._lots[moment]

    def _due(self, moment: float) -> None:
        work = in_slices(self.clock, _called(self._lots.pop(moment)))
        Deferred.fromCoroutine(work).addErrback(lambda failure: log.failure("What was due together", failure))


def _moment(now: float, seconds: float) -> float:
    """When it comes: at a whole number of times what is a power of two, so that those of all lengths meet."""
    step = 2.0 ** math.floor(math.log2(seconds * EARLY))
    return math.floor((now + seconds) / step) * step


def _called(lot: _Lot) -> Iterator[None]:
    while lot.calls:
        call = lot.calls.pop(next(iter(lot.calls)))
        try:
            call()
        except Exception:  # noqa: BLE001 - whatever it is, the others are due as well
            log.failure("What was due")
        yield
