"""Those who wait until something is so."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred


@define(eq=False)
class Waiters:
    """Looks again at what each waits for whenever there is news.

    :ivar closed: nothing will come to be so any more; nobody waits then.
    """

    closed: bool = False
    _waiting: list[Deferred[None]] = field(factory=list)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so, or there is nothing more to wait for."""
        while not condition() and not self.closed:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting

    def news(self) -> None:
        """Have all look again."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:
                each.callback(None)

    def close(self) -> None:
        """Let all go."""
        self.closed = True
        self.news()
