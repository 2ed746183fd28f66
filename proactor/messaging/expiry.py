"""When messages are not to be delivered any more: one timer for all of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from ..reactor.timers import Timers
from .letters import Letter, Place

_WAITING = (Place.WAITING, Place.RESTING)
_LEFT = (*_WAITING, Place.GOING)
#: How long a timer is set for at most, in seconds: the time of day may be set.
_LONGEST = 60.0
_NEXT = "next"
#: With how many it is looked whether they are still of any use.
_MANY = 1000


@define(eq=False)
class Expiry:
    """Those that expire.

    :param expired: told of each that has, where nobody has it in his hands.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    expired: Callable[[Letter], None]
    _heap: list[tuple[datetime, int, Letter]] = field(factory=list)
    _timers: Timers = field(init=False)
    _tidy_at: int = _MANY

    def __attrs_post_init__(self) -> None:
        self._timers = Timers(self.clock)

    def add(self, letter: Letter) -> None:
        """One more, if it does."""
        if letter.head.expires is not None:
            heappush(self._heap, (letter.head.expires, letter.head.number, letter))
            if len(self._heap) > self._tidy_at:
                self._heap = sorted(each for each in self._heap if each[2].place in _LEFT)
                self._tidy_at = max(_MANY, 2 * len(self._heap))
            if self._heap[0][2] is letter:
                self._set()

    def _set(self) -> None:
        if self._heap:
            left = (self._heap[0][0] - self.now()).total_seconds()
            self._timers.set(_NEXT, min(max(left, 0.0), _LONGEST), self._look)

    def _look(self) -> None:
        while self._heap and self._heap[0][0] <= self.now():
            letter = heappop(self._heap)[2]
            if letter.place in _WAITING:
                self.expired(letter)
        self._set()

    def close(self) -> None:
        """Look at none any more."""
        self._timers.cancel_all()
