"""Who waits for a change of a processor's configuration, and is answered at once when there is one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..config.live import LiveConfiguration
from ..reactor.slices import in_slices
from ..reactor.together import EARLY, Together

__all__ = ["EARLY_END", "Waiting"]

EARLY_END = EARLY
"""By what part of its time a wait may end early."""


@define(eq=False)
class Waiting:
    """Those who wait, by guid."""

    clock: IReactorTime
    live: LiveConfiguration
    #: Told of each processor whose configuration is another one now.
    heard: Callable[[str], None] = lambda _: None
    #: By who waits, whether there is news for it.
    _waiting: defaultdict[str, dict[Deferred[None], Callable[[], bool]]] = field(factory=lambda: defaultdict(dict))
    _ends: Together = field(init=False)
    _is_over: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._ends = Together(self.clock)

    def __len__(self) -> int:
        """How many processors somebody waits for."""
        return len(self._waiting)

    async def changed(
        self, guid: str, revision: int, timeout: float, has_more: Callable[[], bool] = lambda: False
    ) -> bool:
        """Wait until a processor's revision is another, or it is gone, or ``timeout`` seconds are over.

        Those may be a little less (:mod:`proactor.reactor.together`).

        :param has_more: whether there is other news for who waits, of which :meth:`nudge` tells.
        :return: whether who comes again with what there is now would wait again.
        """
        if timeout <= 0 or self._is_over:
            return False
        if self.live.offered(guid) == revision:
            await self._news(guid, lambda: self._is_other(guid, revision) or has_more(), timeout)
        return not self._is_over

    def _is_other(self, guid: str, revision: int) -> bool:
        return guid not in self.live.members() or self.live.offered(guid) != revision

    async def _news(self, guid: str, has_news: Callable[[], bool], timeout: float) -> None:
        waiting: Deferred[None] = Deferred()
        waiters = self._waiting[guid]
        waiters[waiting] = has_news
        no_end = self._ends.later(timeout, partial(_answer, waiting))
        try:
            await waiting
        finally:
            waiters.pop(waiting, None)
            no_end()
            if not waiters and self._waiting.get(guid) is waiters:
                del self._waiting[guid]

    async def wake(self, guids: Iterable[str]) -> None:
        """Answer those who wait for a change of these processors' configuration."""
        await in_slices(self.clock, self._wake(guids))

    def _wake(self, guids: Iterable[str]) -> Iterator[None]:
        for guid in guids:
            self.heard(guid)
            self._look(guid)
            yield

    async def nudge(self, guids: Iterable[str] | None) -> None:
        """Answer those who wait for a change of these processors, and have other news; ``None``: all."""
        await in_slices(self.clock, map(self._look, list(self._waiting if guids is None else guids)))

    def _look(self, guid: str) -> None:
        """Who has all that there is, and waits for the next, goes on: work in slices lets some be faster than that."""
        for waiting, has_news in list(self._waiting.get(guid, {}).items()):
            if has_news():
                _answer(waiting)

    async def let_go(self) -> None:
        """Answer all who wait, whether anything changed or not: nothing will, and nobody waits again."""
        self._is_over = True
        await in_slices(self.clock, self._let_go())

    def _let_go(self) -> Iterator[None]:
        for waiting in [each for waiters in self._waiting.values() for each in waiters]:
            _answer(waiting)
            yield


def _answer(waiting: Deferred[None]) -> None:
    if not waiting.called:
        waiting.callback(None)
