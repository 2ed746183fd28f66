"""When Python looks for garbage among all that there is: when that has doubled, not whenever a quarter of it is new.

What is done with is freed at once by its reference count, and what holds itself while it is young by the collections of
what is young. To look through everything takes a second with 10,000 requests held, in which nothing else is done; by
Python's own rule it would be done every few seconds, for next to nothing.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from .periodic import Periodic

#: How often the size is looked at, in seconds, and what it must have grown by.
PERIOD = 10.0
GROWTH = 2.0
_NEVER = 1 << 30


@define(eq=False)
class FullCollections:
    """Takes them over from Python, for the whole process, from its start to its stop.

    :param size: of the heap, in whatever unit.
    """

    clock: IReactorTime
    size: Callable[[], int] = sys.getallocatedblocks
    collect: Callable[[], object] = gc.collect
    _thresholds: tuple[int, int, int] = field(factory=gc.get_threshold)
    _after: int = 0
    _looking: Periodic = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._looking = Periodic(clock=self.clock, run=self._look, interval=lambda: PERIOD)

    def start(self) -> None:
        """Begin. What there is now stays as long as the process does, and is not looked at again."""
        gc.freeze()
        gc.set_threshold(*self._thresholds[:2], _NEVER)
        self._after = self.size()
        self._looking.start(now=False)

    def stop(self) -> Deferred[None]:
        """Leave it to Python again; fires at once."""
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()
        return self._looking.stop()

    def _look(self) -> None:
        if self.size() >= GROWTH * self._after:
            self.collect()
            self._after = self.size()
