"""How far a log had come at some moments: what was written since a time, where no line of it says when it was."""

from __future__ import annotations

from array import array
from functools import partial

from attrs import define, field

__all__ = ["Marks"]

#: So many of the newest marks are kept that are so many seconds apart: of the last seconds, minutes and hours.
_KEPT = ((1.0, 20), (30.0, 20), (900.0, 24))


@define
class _Level:
    apart: float
    most: int
    times: array[float] = field(factory=partial(array, "d"))
    ends: array[int] = field(factory=partial(array, "q"))

    def note(self, time: float, end: int) -> None:
        """Keep this one, unless the last is nearer than it may be."""
        if self.times and 0 <= time - self.times[-1] < self.apart:
            return
        self.times.append(time)
        self.ends.append(end)
        if len(self.times) > self.most:
            del self.times[0], self.ends[0]


@define(eq=False)
class Marks:
    """Of one log; they take a kilobyte at most."""

    _levels: tuple[_Level, ...] = field(factory=lambda: tuple(_Level(*each) for each in _KEPT), init=False)
    _last: tuple[float, int] = field(default=(0.0, 0), init=False)

    def note(self, time: float, end: int) -> None:
        """At this moment, in seconds since the epoch, so much has been written."""
        self._last = time, end
        for level in self._levels:
            level.note(time, end)

    def before(self, time: float) -> int:
        """How much was certainly written before a time: the most that is known of; 0 where nothing is."""
        kept = (mark for level in self._levels for mark in zip(level.times, level.ends, strict=True))
        return max((end for noted, end in (self._last, *kept) if noted <= time), default=0)
