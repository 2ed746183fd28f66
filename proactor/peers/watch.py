"""Looks who is ready, for as long as anybody wants to know; while the initiator is away, what is known goes on."""

from __future__ import annotations

from collections.abc import Callable
from random import random as uniform

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..backoff import Backoff
from ..errors import ProactorError
from ..processor.fetch import Pace
from ..reactor.periodic import Periodic, spread
from .initiator import Initiator
from .view import View

__all__ = ["Watch"]

#: For how long an answer may be held, and after how long a watch that nobody uses ends, in seconds.
HELD, UNUSED = 30, 600.0
_BACKOFF = Backoff(first=0.5, cap=10.0)

_log = Logger(namespace="proactor.processor")


@define(eq=False)
class Watch:
    """Keeps one view what the initiator says.

    :param query: whom it is of, as a query of ``GET /endpoints``.
    """

    initiator: Initiator
    clock: IReactorTime
    view: View
    query: str
    random: Callable[[], float] = uniform
    _etag: str | None = None
    _used: float = 0.0
    _is_running: bool = False
    _pace: Pace = field(factory=Pace)
    _periodic: Periodic = field(init=False)
    _asked: Deferred[object] | None = None
    _waiting: list[Deferred[None]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self._periodic = Periodic(
            self.clock,
            self._once,
            interval=lambda: 0.0,
            backoff=lambda: _BACKOFF,
            random=self.random,
            trouble=self._trouble,
            recovery=self._recovery,
        )

    def use(self) -> View:
        """What is known; from now on it is kept so."""
        self._used = self.clock.seconds()
        if not self._is_running:
            self._is_running = True
            self._periodic.start()
        return self.view

    async def change(self, timeout: float) -> None:
        """Wait until the view is told something, or ``timeout`` seconds are over."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        over = self.clock.callLater(timeout, _let_go, waiting)
        try:
            await waiting
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            if over.active():
                over.cancel()

    def stop(self) -> Deferred[None]:
        """Look no more; fires when that is over. What is known stays."""
        self._is_running = False
        self.initiator.outage.ended(self)
        return self._periodic.stop(cancel=True)

    async def _once(self) -> float:
        if self.clock.seconds() - self._used > UNUSED:
            self._is_running = False
            self.initiator.outage.ended(self)
            self._periodic.stop().addErrback(self._trouble)
            return 0.0
        began = self.clock.seconds()
        told = await self.initiator.endpoints(self.query, self._etag, self._held())
        if told is not None:
            if told.peers is not None:
                self.view.replace(told.peers)
            else:
                self.view.patch(told.changes)
            self._etag = told.etag
            self._news()
        wait = self._pace.wait(self.clock.seconds())
        # One that holds no answers is not asked without end.
        is_held = told is not None or self.clock.seconds() - began >= 1
        return wait if is_held else max(wait, 1.0)

    def _held(self) -> int:
        """For how many seconds the answer may be held: after trouble shortly, so that it is soon known to be over."""
        if self._etag is None:
            return 0
        return 1 if self._periodic.failed else max(1, round(spread(HELD, self.random)))

    def _news(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            _let_go(each)

    def _trouble(self, failure: Failure) -> None:
        if not failure.check(ProactorError):
            _log.failure("Looking who is ready failed; it goes on", failure=failure)
        elif self.initiator.outage.began(self):
            _log.warn(
                "Who is ready is not told by the initiator at {url}: {reason}; what is known goes on",
                url=self.initiator.credentials.url,
                reason=failure.value,
            )

    def _recovery(self, failed: int) -> None:
        if self.initiator.outage.ended(self):
            _log.info(
                "The initiator at {url} tells again who is ready, after {failed} failed tries",
                url=self.initiator.credentials.url,
                failed=failed,
            )


def _let_go(waiting: Deferred[None]) -> None:
    if not waiting.called:
        waiting.callback(None)
