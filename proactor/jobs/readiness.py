"""Asks a processor's endpoint whether it is the one that it should be."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from attrs import define
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, IStreamClientEndpoint, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IAgent

from ..reactor.endpoints import Endpoints, plain
from ..wire.small_body import SmallBody

T = TypeVar("T")

#: How long one question may take, in seconds.
TIMEOUT = 5.0
_LARGEST = 4096
#: How long, in seconds, and how far, in bytes, an answer is heard that is enough already.
PATIENCE, _LARGEST_HEARD = 2.0, 1 << 20


class _Question(Protocol):
    """Says what most servers answer to, and notes whether anything comes back.

    :ivar answered: fires when that is known. The rest is still heard: to many servers it is an error worth a traceback
        that somebody hangs up amid an answer.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.answered: Deferred[bool] = Deferred()
        self._clock = clock
        self._patience: IDelayedCall | None = None
        self._heard = 0

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        if self._patience is None:
            self._patience = self._clock.callLater(PATIENCE, self.transport.loseConnection)
        self._heard += len(data)
        if self._heard > _LARGEST_HEARD:
            self.hang_up()
        self._answer()

    def hang_up(self) -> None:
        """Have the connection gone, where there is one."""
        if self.transport is not None:
            cast(ITCPTransport, self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        # It was taken from the backlog by somebody, who did not like the question; or the socket is gone.
        if reason.check(ConnectionDone):
            self._answer()
        elif not self.answered.called:
            self.answered.callback(False)

    def _answer(self) -> None:
        if not self.answered.called:
            self.answered.callback(True)


class _Asker(Factory):
    """Has one question asked. ``connectProtocol`` makes a class each time, which holds itself and so piles up."""

    noisy = False

    def __init__(self, question: _Question) -> None:
        self._question = question

    def buildProtocol(self, addr: IAddress | None) -> _Question:
        return self._question


@define(eq=False)
class Prober:
    """Asks ``GET /healthz`` until the right guid answers.

    :param agent: makes the requests.
    """

    reactor: IReactorTime
    agent: IAgent

    async def wait(self, base_url: str, guid: str, delays: Iterator[float], alive: Callable[[], bool]) -> bool:
        """Ask, again after each delay (seconds), until it answers with its guid; false when it is not alive any more.

        :param base_url: of the endpoint, without a slash at its end.
        """
        while alive():
            if await self._answers(base_url, guid):
                return alive()
            await deferLater(self.reactor, next(delays))
        return False

    async def wait_any(self, base_url: str, delays: Iterator[float], alive: Callable[[], bool]) -> bool:
        """Ask, again after each delay, until there is any answer at all, be it no HTTP; false when it is not alive."""
        where = urlsplit(base_url)
        assert where.port is not None
        endpoint = plain(self.reactor, where.hostname or "", where.port)
        while alive():
            if await self._says_something(endpoint):
                return alive()
            await deferLater(self.reactor, next(delays))
        return False

    async def _says_something(self, endpoint: IStreamClientEndpoint) -> bool:
        asking = _Question(self.reactor)
        answered = False
        try:
            answered = await self._bounded(self._questioned(endpoint, asking), False)
        finally:
            if not answered:
                asking.hang_up()
        return answered

    async def _questioned(self, endpoint: IStreamClientEndpoint, asking: _Question) -> bool:
        await endpoint.connect(_Asker(asking))
        return await asking.answered

    async def _answers(self, base_url: str, guid: str) -> bool:
        try:
            answer = json.loads(await self._bounded(self._asked(f"{base_url}/healthz".encode("ascii")), b""))
        except (ValueError, RecursionError):
            return False
        return isinstance(answer, dict) and answer.get("guid") == guid

    async def _asked(self, url: bytes) -> bytes:
        response = await self.agent.request(b"GET", url)
        body = SmallBody(_LARGEST)
        response.deliverBody(body)
        data = await body.whole
        return data if response.code == 200 else b""

    def _bounded(self, asking: Coroutine[Deferred[Any], Any, T], otherwise: T) -> Deferred[T]:
        """What a question comes to within its time, or something else, whatever keeps it from that.

        Cancelled it is over at once. What is cancelled inside often fails with another error than that.
        """
        work = Deferred.fromCoroutine(asking)

        def give_up(over: Deferred[T]) -> None:
            over.errback(CancelledError())
            work.cancel()

        def done(result: T | Failure) -> None:
            if not over.called:
                over.callback(otherwise if isinstance(result, Failure) else result)

        over: Deferred[T] = Deferred(give_up)
        work.addTimeout(TIMEOUT, self.reactor).addBoth(done)
        return over


def prober(reactor: IReactorTime) -> Prober:
    """A prober that goes out to the network, and keeps no connection."""
    pool = HTTPConnectionPool(reactor, False)
    return Prober(reactor, Agent.usingEndpointFactory(reactor, Endpoints(reactor), pool))
