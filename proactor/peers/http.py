"""One request and its whole answer, within a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer
from zope.interface import implementer

from ..errors import TooLarge
from ..processor.bodies import NOT_CONNECTED, UNREACHABLE, innermost, read_body
from ..reactor.endpoints import Endpoints, TlsOptions

__all__ = ["Answered", "Late", "Request", "Trusted", "Unreached", "exchange", "make_pool", "pooled_agent"]

#: How servers are verified, by host and port.
Trusted = Mapping[tuple[str, int], TlsOptions]

#: Connections to one peer that are kept for the next calls, and for how long: less than a peer keeps them.
KEPT, IDLE_TIME = 32, 50


class Late(Exception):
    """There was no whole answer in time."""


class Unreached(Exception):
    """There was no whole answer, and will be none.

    :ivar sent: whether the other side may have got the request.
    """

    def __init__(self, reason: str, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


@frozen
class Request:
    """What is sent."""

    method: bytes
    url: bytes
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@frozen
class Answered:
    """What came back."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """The first of that name; its bytes may be any (RFC 9110, 5.5)."""
        values = self.headers.getRawHeaders(name.encode("ascii"))
        return values[0].decode("latin-1") if values else None


@implementer(IBodyProducer)
@frozen
class _Body:
    """A body that is there as a whole."""

    data: bytes
    length: int

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write it."""
        consumer.write(self.data)
        return succeed(None)

    def pauseProducing(self) -> None:
        """There is no more of it."""

    def resumeProducing(self) -> None:
        """There is no more of it."""

    def stopProducing(self) -> None:
        """There is no more of it."""


def make_pool(reactor: Any) -> HTTPConnectionPool:
    """Make a pool of connections that stay open for the next request."""
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = KEPT
    pool.cachedConnectionTimeout = IDLE_TIME
    # What may be tried again is for the caller to say.
    pool.retryAutomatically = False
    return pool


def pooled_agent(reactor: Any, pool: HTTPConnectionPool, trusted: Trusted) -> IAgent:
    """Give what sends requests over a pool's connections."""
    agent: IAgent = Agent.usingEndpointFactory(reactor, Endpoints(reactor, trusted), pool)
    return agent


async def exchange(agent: IAgent, clock: IReactorTime, request: Request, timeout: float, most: int) -> Answered:
    """Send a request, and read the answer, which has ``most`` bytes at most.

    :raises Late: it took longer than ``timeout`` seconds.
    :raises Unreached: there is none for another reason.
    """
    answered = Deferred.fromCoroutine(_exchange(agent, request, most))
    try:
        return await answered.addTimeout(timeout, clock, _late)
    except TooLarge as error:
        raise Unreached(str(error), True) from error
    except UNREACHABLE as error:
        cause = innermost(error)
        if isinstance(cause, CancelledError | ConnectingCancelledError):
            raise CancelledError from error
        raise Unreached(str(cause) or type(cause).__name__, not isinstance(cause, NOT_CONNECTED)) from error


async def _exchange(agent: IAgent, request: Request, most: int) -> Answered:
    body = _Body(request.body, len(request.body)) if request.body else None
    response = await agent.request(request.method, request.url, request.headers, body)
    return Answered(response.code, response.headers, await read_body(response, most))


def _late(result: Answered | Failure, timeout: float) -> Answered:
    """Say so, whatever the cancelled request came to; one that came in at that moment counts."""
    if isinstance(result, Failure):
        raise Late(f"no answer within {timeout:g} s")
    return result
