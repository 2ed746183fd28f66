"""The loop that fetches the configuration, and has the processor take up what is new."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import random as uniform

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..backoff import Backoff
from ..errors import Gone, ProactorError
from ..reactor.periodic import Periodic, spread
from .acks import Acks
from .client import Client, Fetched, News
from .configuration import Config
from .reconfiguration import Outcome, Reconfigurable, take_up

__all__ = ["FetchLoop", "Pace"]

#: In seconds: the least cap of the backoff, the least interval, and how long an answer that was held took, at least.
LEAST_CAP = 1.0
LEAST_INTERVAL = 0.1
HELD = 0.9

_log = Logger(namespace="proactor.processor")


@define
class Pace:
    """How many fetches may follow one another at once: a burst, then so many a second (a token bucket).

    No answer of an initiator, however wrong it is, makes a processor fetch without end.
    """

    burst: int = 200
    rate: float = 10.0
    _left: float = field(init=False)
    _seen: float = field(default=-math.inf, init=False)

    def __attrs_post_init__(self) -> None:
        self._left = self.burst

    def wait(self, now: float) -> float:
        """Take one; give the seconds until it is there."""
        self._left = min(self.burst, self._left + (now - self._seen) * self.rate)
        self._seen = now
        self._left -= 1
        return max(0.0, -self._left / self.rate)


@define(eq=False)
class FetchLoop:
    """Fetches for as long as it runs, whatever the initiator answers and the processor raises.

    With the option ``push`` a fetch is held by the initiator until there is something new, and the next one follows
    at once. Without it, or with an initiator that does not hold, there is one every ``refresh`` seconds.

    :param etag: of the configuration that the processor runs, as the initiator calls it.
    :param gone: called when the initiator says that this copy is stale.
    :param configured: told of each configuration that the processor has taken up.
    """

    processor: Reconfigurable
    client: Client
    acks: Acks
    clock: IReactorTime
    etag: str
    gone: Callable[[], None]
    configured: Callable[[Config], None] = lambda _config: None
    random: Callable[[], float] = uniform
    _revision: int = field(init=False)
    _pace: Pace = field(factory=Pace, init=False)
    _periodic: Periodic = field(init=False)
    _stopped: bool = field(default=False, init=False)
    _held: Deferred[Fetched] | None = field(default=None, init=False)
    _pending: tuple[str, ...] = field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        self._revision = self.processor.config.revision
        self._periodic = Periodic(
            clock=self.clock,
            run=self._run,
            interval=lambda: max(self.processor.config.refresh, LEAST_INTERVAL),
            backoff=lambda: Backoff(cap=max(self.processor.config.refresh, LEAST_CAP)),
            random=self.random,
            trouble=self._trouble,
            recovery=self._recovery,
        )

    def start(self) -> None:
        """Tell the initiator that the processor serves, then begin."""
        tried = self.acks.post(Outcome(self.processor.config.revision))
        tried.addCallback(lambda _tried: self._begin())

    def stop(self) -> Deferred[None]:
        """End: a fetch is cancelled; fires when a reconfiguration, if there is one, is over."""
        self._stopped = True
        self.acks.stop()
        over = self._periodic.stop()
        if self._held is not None:
            self._held.cancel()
        return over

    def _begin(self) -> None:
        if not self._stopped:
            self._periodic.start()

    async def _run(self) -> float | None:
        """Fetch once; give the seconds until the next time, None for the usual."""
        began, token = self.clock.seconds(), self.client.token
        self._held = Deferred.fromCoroutine(self.client.fetch(self.etag, self._wait()))
        try:
            fetched = await self._held
        except Gone as gone:
            self._leave(gone)
            return None
        finally:
            self._held = None
        news = fetched.news
        # One that does not say that it holds is known by its taking long.
        was_held = fetched.holds or self.clock.seconds() - began >= min(HELD, self.processor.config.refresh / 2)
        is_new = news is not None and (news.etag, news.token) != (self.etag, token)
        if news is not None and news.token != token:
            _log.debug("Renewed the token")
        _log.debug("Fetched: {what}", what="nothing new" if news is None else f"revision {news.revision}")
        if news is not None and news.trust is not None:
            self.processor.verifier.learn(news.trust)
        if news is not None and news.etag != self.etag:
            await self._take(news)
        soon = self.processor.config.push and (was_held or is_new)
        return self._pace.wait(self.clock.seconds()) if soon else None

    async def _take(self, news: News) -> None:
        self.etag = news.etag  # of a rejected one too: it is not tried again
        if news.revision == self._revision:
            return
        self._revision = news.revision
        outcome = await take_up(self.processor, news.raw, news.revision, news.trace)
        if outcome.pending and outcome.pending != self._pending:
            names = ", ".join(outcome.pending)
            _log.info("Waiting for the next start: {names} (revision {revision})", names=names, revision=news.revision)
        if outcome.rejected is None:
            self._pending = outcome.pending
            self.configured(self.processor.config)
        await self.acks.post(outcome)

    def _leave(self, gone: Gone) -> None:
        _log.warn("Stopping: of the initiator at {url}, {reason}", url=self.client.url, reason=gone)
        self.gone()

    def _trouble(self, failure: Failure) -> None:
        if failure.check(ProactorError):
            _log.warn(
                "No configuration from the initiator at {url}: {reason}; trying on",
                url=self.client.url,
                reason=failure.value,
            )
        else:
            _log.failure("Fetching the configuration failed; trying on", failure=failure)

    def _recovery(self, failed: int) -> None:
        _log.info(
            "The initiator at {url} answers again, after {failed} failed tries", url=self.client.url, failed=failed
        )

    def _wait(self) -> int:
        """Give the whole seconds for which the initiator may hold the next answer, 0 if not at all.

        After trouble only shortly, so that it is soon known to be over.
        """
        config = self.processor.config
        if not config.push:
            return 0
        return 1 if self._periodic.failed else max(1, round(spread(config.refresh, self.random)))
