"""Hands messages to processors: as CloudEvents 1.0 over HTTP, in the binary mode, to their ``POST /message``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from ..model import Job
from ..reactor.endpoints import Endpoints
from ..saved import SavedMessage
from ..tokens.issuing import TokenAuthority
from ..urls import local_url
from ..wire.small_body import SmallBody
from .cloudevents import to_headers
from .letters import DELIVERED, Outcome

__all__ = ["WebHook", "web_hook"]

#: What of a refusal is read, in bytes, and what of it is kept, in characters.
_MOST_READ, _MOST_KEPT = 4096, 300
#: How long a token for one receiver is good for, in seconds.
_LIFETIME = 300.0
_MOST_TOKENS = 20_000
#: Refusals that another try may not meet with: of the moment, and of the credential that is with it.
_PASSING = (401, 408, 425, 429)
#: How many connections to one processor are kept, and for how long.
_CONNECTIONS, _IDLE = 8, 30
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


@implementer(IBodyProducer)
class _Data:
    """A body that is there already."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = len(data)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write it."""
        consumer.write(self._data)
        return succeed(None)

    def pauseProducing(self) -> None:
        """It is written already."""

    def resumeProducing(self) -> None:
        """Likewise."""

    def stopProducing(self) -> None:
        """Likewise."""


@define(eq=False)
class WebHook:
    """Makes the requests, each with a token of the initiator's for that receiver alone.

    :param now: the time of day, aware.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    agent: IAgent
    authority: TokenAuthority
    _tokens: dict[str, tuple[str, float]] = field(factory=dict)

    def deliver(self, job: Job, message: SavedMessage, timeout: float) -> Deferred[Outcome]:
        """Hand a message to a processor, within so many seconds; what becomes of it is never a failure."""
        headers = Headers({"User-Agent": ["proactor"], "Authorization": [f"Bearer {self._token(job.guid)}"]})
        for name, value in to_headers(message.attributes):
            headers.addRawHeader(name, value)
        url = f"{local_url(job.address, job.port)}/message".encode()
        return self._bounded(Deferred.fromCoroutine(self._answered(job.guid, url, headers, message.data)), timeout)

    async def _answered(self, guid: str, url: bytes, headers: Headers, data: bytes) -> Outcome:
        response = await self.agent.request(b"POST", url, headers, _Data(data))
        if response.code == 401:
            # Its key may have been followed by others.
            self._tokens.pop(guid, None)
        body = SmallBody(_MOST_READ)
        response.deliverBody(body)
        return _outcome(response, await body.whole)

    def _bounded(self, work: Deferred[Outcome], timeout: float) -> Deferred[Outcome]:
        """What a request comes to within its time; cancelled, it is over at once."""

        def give_up(over: Deferred[Outcome]) -> None:
            over.errback(CancelledError())
            work.cancel()

        def late(_result: object, _timeout: float) -> Outcome:
            return Outcome(f"it did not answer within {timeout:g} s")

        def done(result: Outcome | Failure) -> None:
            if not over.called:
                over.callback(_unreachable(result) if isinstance(result, Failure) else result)

        over: Deferred[Outcome] = Deferred(give_up)
        work.addTimeout(timeout, self.clock, late).addBoth(done)
        return over

    def _token(self, guid: str) -> str:
        """One that is good for half its life at least."""
        now = self.now().timestamp()
        token, until = self._tokens.get(guid, ("", 0.0))
        if not now < until <= now + _LIFETIME / 2:
            if len(self._tokens) >= _MOST_TOKENS:
                self._tokens.clear()
            token = self.authority.issue(self.authority.issuer, guid, now, _LIFETIME, 0)
            self._tokens[guid] = token, now + _LIFETIME / 2
        return token


def _outcome(response: IResponse, body: bytes) -> Outcome:
    code = response.code
    if 200 <= code < 300:
        return DELIVERED
    line = _UNPRINTABLE.sub(" ", body.decode("utf-8", "replace")).strip()
    # Ours say the status themselves.
    said = line if line.startswith(str(code)) else f"{code}: {line}".rstrip(": ")
    after = response.headers.getRawHeaders(b"Retry-After", [b""])[0].strip()
    is_final = 400 <= code < 500 and code not in _PASSING
    return Outcome(said[:_MOST_KEPT], is_final, float(after) if re.fullmatch(b"[0-9]{1,9}", after) else None)


def _unreachable(failure: Failure) -> Outcome:
    error = failure.value
    while reasons := getattr(error, "reasons", None):
        error = reasons[-1].value
    return Outcome(f"it gave no answer: {_UNPRINTABLE.sub(' ', str(error))[:_MOST_KEPT] or type(error).__name__}")


def web_hook(reactor: Any, now: Callable[[], datetime], authority: TokenAuthority) -> WebHook:
    """One that goes out to the network, and keeps some connections to each processor."""
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost, pool.cachedConnectionTimeout = _CONNECTIONS, _IDLE
    pool.retryAutomatically = False
    return WebHook(reactor, now, Agent.usingEndpointFactory(reactor, Endpoints(reactor), pool), authority)
