"""When Python looks for garbage: often among what is new, and among all that there is only when that has doubled.

What is done with is freed at once by its reference count; collections are for what holds itself. Python's own rule
fails a process with many requests held. It looks through everything whenever a quarter is new, which takes a second
with 10,000 of them, every few seconds, for next to nothing. And it counts what is new less what is freed, so that what
is new piles up unseen where requests replace one another, until all of it is looked through at once.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from .periodic import Periodic

#: Between two looks, in seconds.
PERIOD = 0.25
#: What the heap has grown by when all of it is looked through, and the least time between two times, in seconds.
GROWTH = 2.0
LEAST = 600.0
_NEVER = 1 << 30


@define(eq=False)
class GarbageCollector:
    """Takes collections over from Python, for the whole process.

    :param size: of the heap, in whatever unit.
    :param collect_new: looks through what is new; collect_all: through everything.
    """

    clock: IReactorTime
    size: Callable[[], int] = sys.getallocatedblocks
    collect_new: Callable[[], object] = lambda: gc.collect(1)
    collect_all: Callable[[], object] = gc.collect
    _thresholds: tuple[int, int, int] = field(factory=gc.get_threshold, init=False)
    _size_after: int = field(default=0, init=False)
    _not_before: float = field(default=0.0, init=False)
    _looking: Periodic = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._looking = Periodic(clock=self.clock, run=self._look, interval=lambda: PERIOD)

    def start(self) -> None:
        """Begin. What there is now stays for as long as the process does, and is never looked through again."""
        gc.freeze()
        gc.set_threshold(*self._thresholds[:2], _NEVER)
        self._all_looked_through()
        self._looking.start(now=False)

    def stop(self) -> Deferred[None]:
        """Leave it to Python again; fires at once."""
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()
        return self._looking.stop()

    def _look(self) -> None:
        if self.clock.seconds() < self._not_before or self.size() < GROWTH * self._size_after:
            self.collect_new()
            return
        self.collect_all()
        self._all_looked_through()

    def _all_looked_through(self) -> None:
        self._size_after = self.size()
        self._not_before = self.clock.seconds() + LEAST
