"""Those who follow the timeline as it grows, each at its own pace."""

from __future__ import annotations

from collections.abc import AsyncIterator

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .timeline import Event, Part, Selection, Timeline

#: How many events are looked at for one part.
_PIECE = 100


@define(eq=False)
class Followers:
    """Wakes them when something happened.

    Nothing is kept for one that is slow: it reads on where it is when it gets there, and what is not there any more by
    then it is told of.
    """

    clock: IReactorTime
    timeline: Timeline
    _waiting: dict[Deferred[None], None] = field(factory=dict)
    _next: IDelayedCall | None = None
    _closed: bool = False

    def __attrs_post_init__(self) -> None:
        self.timeline.listen(self, self._heard)

    async def follow(self, known: int, selection: Selection, heartbeat: float) -> AsyncIterator[Part]:
        """What happens after a number, until no more will; a part without events when none came for so many seconds."""
        lost = 0
        while True:
            part = await self.timeline.after(known, _PIECE, selection)
            known, lost = part.end, lost + part.lost
            if part.events or (lost and known >= self.timeline.last_id):
                yield Part(part.events, end=known, lost=lost)
                lost = 0
            elif known < self.timeline.last_id:
                continue
            elif self._closed:
                return
            elif not await self._news(heartbeat):
                yield Part((), end=known)

    async def _news(self, seconds: float) -> bool:
        """Wait until something happened; false when so many seconds were over first."""
        waiting: Deferred[None] = Deferred()
        self._waiting[waiting] = None
        until = self.clock.seconds() + seconds
        timer = self.clock.callLater(seconds, waiting.callback, None)
        try:
            await waiting
        finally:
            self._waiting.pop(waiting, None)
            if timer.active():
                timer.cancel()
        return self._closed or self.clock.seconds() < until

    def _heard(self, _event: Event) -> None:
        # In the next turn, for much may happen in one.
        if self._waiting and self._next is None:
            self._next = self.clock.callLater(0, self._wake)

    def _wake(self) -> None:
        self._next = None
        waiting, self._waiting = self._waiting, {}
        for each in waiting:
            if not each.called:
                each.callback(None)

    def close(self) -> None:
        """Nothing more happens: let all go."""
        self._closed = True
        if self._next is not None:
            self._next.cancel()
        self._wake()
