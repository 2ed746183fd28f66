"""Those who wait for changes of who is ready: each is told when there is one that concerns it, and no other is.

What happens within some milliseconds is told at once, and less often the more there are to be told. What has changed is
handed in: who is ready is known to the ``directory``.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..reactor.slices import in_slices
from .endpoint import Change, Selection

#: For how long changes are gathered before those who wait are told, in seconds: at least, and for each who waits.
GATHERED, GATHERED_EACH = 0.02, 0.0005
#: No longer than this.
GATHERED_MOST = 5.0
#: Of how many changes it is looked whom they concern; more than that concern everybody.
LOOKED_AT = 5_000

log = Logger(namespace="proactor.initiator")


@define(eq=False)
class Audience:
    """All who wait.

    :ivar untold: how many changes nobody was told of yet.
    :ivar closed: whether nobody is told any more, and nobody waits.
    """

    clock: IReactorTime
    untold: int = field(default=0, init=False)
    closed: bool = field(default=False, init=False)
    #: Those changes, the first of them.
    _news: list[Change] = field(factory=list, init=False)
    #: Who waits, by one of the terms of what each waits for; the empty text where that is any change.
    _waiting: dict[str, dict[Deferred[None], Selection]] = field(factory=dict, init=False)
    _next: IDelayedCall | None = field(default=None, init=False)
    _last_told_at: float = field(default=float("-inf"), init=False)

    async def wait(self, wanted: Selection, seconds: float) -> None:
        """Wait until one is told of changes of a selection, or so many seconds are over."""
        waiting: Deferred[None] = Deferred()
        term = min(wanted, default="")
        self._waiting.setdefault(term, {})[waiting] = wanted
        over = self.clock.callLater(seconds, _answer, waiting)
        try:
            await waiting
        finally:
            if over.active():
                over.cancel()
            self._waiting[term].pop(waiting, None)
            if not self._waiting[term]:
                del self._waiting[term]

    def hear(self, change: Change) -> None:
        """There is a change, of which those whom it concerns are to be told."""
        if self.closed:
            return
        self.untold += 1
        if self.untold <= LOOKED_AT:
            self._news.append(change)
        if self._next is None:
            now, waiting = self.clock.seconds(), sum(map(len, self._waiting.values()))
            pause = min(GATHERED_MOST, GATHERED_EACH * waiting)
            self._next = self.clock.callLater(max(GATHERED, self._last_told_at + pause - now), self._tell)

    def _tell(self) -> None:
        self._next = None
        self._last_told_at = self.clock.seconds()
        concerned = self._everybody() if self.untold > len(self._news) else self._concerned(self._news)
        self._news, self.untold = [], 0
        work = Deferred.fromCoroutine(in_slices(self.clock, map(_answer, concerned)))
        work.addErrback(lambda failure: log.failure("Telling who is ready", failure))

    def _everybody(self) -> list[Deferred[None]]:
        return [waiting for waiters in self._waiting.values() for waiting in waiters]

    def _concerned(self, changes: Iterable[Change]) -> list[Deferred[None]]:
        """Those who wait for one of some changes."""
        found: dict[Deferred[None], None] = {}
        for change in changes:
            for term in change.terms() | {""}:
                waiters = self._waiting.get(term, {})
                found |= dict.fromkeys(each for each, wanted in waiters.items() if change.touches(wanted))
        return list(found)

    def close(self) -> None:
        """Nobody is told any more: let all go."""
        self.closed = True
        if self._next is not None:
            self._next.cancel()
            self._next = None
        for waiting in self._everybody():
            _answer(waiting)


def _answer(waiting: Deferred[None]) -> None:
    if not waiting.called:
        waiting.callback(None)
