"""When Python looks for garbage: often among what is new, among all that there is as long as that is soon done.

What is done with is freed at once by its reference count; collections are for what holds itself. Python's own rule
fails a process with many requests held. It looks through everything whenever a quarter is new, which takes a second
with 10,000 of them, every few seconds, for next to nothing. And it counts what is new less what is freed, so that what
is new piles up unseen where requests replace one another, until all of it is looked through at once.

Here all is looked through whenever it has grown by a little, for as long as it is so few that this takes milliseconds;
where it is more, only when it has doubled. What holds itself and lived for a moment, as what belongs to a request or a
process does, would take as much memory again otherwise as there was at the start.
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
#: Looking through so many objects is soon done: in some 8 ms. Not by the time that it took, which is chance.
FEW = 100_000
#: What the heap has grown by then when it is done again: so many blocks, some 2 MiB.
SOME = 25_000
#: What the heap has grown by where they are more, and the least time between two times, in seconds.
GROWTH = 2.0
LEAST = 600.0
_NEVER = 1 << 30


@define(eq=False)
class GarbageCollector:
    """Takes collections over from Python, for the whole process.

    :param size: of the heap, in whatever unit.
    :param collect_new: looks through what is new; collect_all: through everything.
    :param count: how many objects a look through everything looks at.
    """

    clock: IReactorTime
    size: Callable[[], int] = sys.getallocatedblocks
    collect_new: Callable[[], object] = lambda: gc.collect(1)
    collect_all: Callable[[], object] = gc.collect
    count: Callable[[], int] = lambda: len(gc.get_objects(2))
    _thresholds: tuple[int, int, int] = field(factory=gc.get_threshold, init=False)
    _size_after: int = field(default=0, init=False)
    _not_before: float = field(default=0.0, init=False)
    #: Whether there were few after the last look through everything.
    _is_soon_done: bool = field(default=True, init=False)
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
        if not self._is_due():
            self.collect_new()
            return
        self.collect_all()
        self._is_soon_done = self.count() <= FEW
        self._all_looked_through()

    def _is_due(self) -> bool:
        if self._is_soon_done:
            return self.size() >= self._size_after + SOME
        return self.clock.seconds() >= self._not_before and self.size() >= GROWTH * self._size_after

    def _all_looked_through(self) -> None:
        self._size_after = self.size()
        self._not_before = self.clock.seconds() + LEAST
