"""A rollout that is under way, and who waits for news of it."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..timeline.story import RolloutStory
from .rollout import Rollout


@define(eq=False)
class Driven:
    """A rollout, and who waits for news of it."""

    rollout: Rollout
    story: RolloutStory
    _waiting: dict[Deferred[None], None] = field(factory=dict)

    def news(self) -> None:
        """Wake those who wait."""
        waiting, self._waiting = self._waiting, {}
        for each in waiting:
            each.callback(None)

    def heard(self, kind: str, guid: str, more: Mapping[str, str]) -> None:
        """Something happened to one of its processors."""
        tell = self.story.tell if self.rollout.problem is None else self.story.goes_wrong
        tell(kind, guid=guid, **more)
        self.news()

    async def wait(self, clock: IReactorTime, until: float) -> bool:
        """Wait for news; false when ``until`` came first, by the clock."""
        left = until - clock.seconds()
        if left <= 0:
            return False
        waiting: Deferred[None] = Deferred()
        self._waiting[waiting] = None
        timer = clock.callLater(left, waiting.callback, None)
        try:
            await waiting
        finally:
            self._waiting.pop(waiting, None)
            if timer.active():
                timer.cancel()
        return clock.seconds() < until
