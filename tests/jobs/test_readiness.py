# mypy: allow-untyped-calls

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, DeferredQueue
from twisted.internet.interfaces import IListeningPort, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, LoopingCall
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface import implementer

from proactor.jobs import readiness
from proactor.jobs.readiness import TIMEOUT, Prober, prober

GUID = "a" * 32
HEALTHY = json.dumps({"status": "ok", "guid": GUID, "revision": 1}).encode()

Answers = Iterator[Callable[[Any], Any]]


def say(body: bytes, status: int = 200, location: str | None = None) -> Callable[[Any], Any]:
    """Answer that."""

    def answer(request: Any) -> bytes:
        request.setResponseCode(status)
        if location is not None:
            request.setHeader(b"Location", location.encode())
        return body

    return answer


def cut(request: Any) -> int:
    """Hang up."""
    request.transport.abortConnection()
    return NOT_DONE_YET


def without_end(request: Any) -> int:
    """Send more than anybody reads, and never end."""
    request.write(b"x" * 5000)
    return NOT_DONE_YET


class Stalled:
    """Begins an answer and goes no further.

    :ivar gone: fires when the connection is.
    """

    def __init__(self) -> None:
        self.gone: Deferred[None] = Deferred()

    def __call__(self, request: Any) -> int:
        """Begin."""
        request.notifyFinish().addErrback(lambda _: self.gone.callback(None))
        request.write(HEALTHY[:10])
        return NOT_DONE_YET


class Scripted(Resource):
    """Answers one request after another as it is told.

    :ivar asked: the paths of the requests, and what came with them.
    """

    isLeaf = True

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self._answers = answers
        self.asked: list[tuple[bytes, bool]] = []

    def render(self, request: Any) -> Any:
        """Answer."""
        self.asked.append((request.uri, request.getHeader(b"Authorization") is not None))
        return next(self._answers)(request)


class Endpoint(Protocol):
    """Says something to whoever connects, or hangs up."""

    word = b"SSH-2.0-x\r\n"

    def connectionMade(self) -> None:
        """Say it."""
        assert self.transport is not None
        if self.word:
            self.transport.write(self.word)
        else:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count it."""
        gone: DeferredQueue[None] = cast(Any, self.factory).gone
        gone.put(None)


@implementer(IAgent)
class NotingAgent:
    """Makes requests by another agent.

    :ivar headed: fires when the head of an answer has come.
    """

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent
        self.headed: Deferred[None] = Deferred()

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        """Make one."""
        return self._agent.request(method, uri, headers, bodyProducer).addCallback(self._note)

    def _note(self, response: Any) -> Any:
        headed, self.headed = self.headed, Deferred()
        # In the next turn: who asked has it by then.
        reactor.callLater(0, headed.callback, None)
        return response


class Resetting(Endpoint):
    """Cuts its first connection off, and speaks on the next."""

    connections = 0

    def connectionMade(self) -> None:
        """Do it."""
        Resetting.connections += 1
        if Resetting.connections > 1:
            super().connectionMade()
        else:
            cast(ITCPTransport, self.transport).abortConnection()


class Case(TestCase):
    """A prober on the real network, which waits for no time between two questions."""

    timeout = 60

    def setUp(self) -> None:
        self.agent = NotingAgent(prober(reactor).agent)
        self.prober = Prober(reactor, self.agent)
        self.alive = True

    def listen(self, factory: Any, number: int = 0) -> str:
        port: IListeningPort = reactor.listenTCP(number, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        host = port.getHost()
        assert isinstance(host, IPv4Address)
        return f"http://127.0.0.1:{host.port}"

    def speak(self, protocol: type[Endpoint], number: int = 0) -> str:
        """Listen for those; when the test is over they have been hung up on, as they themselves do not."""
        self.patch(readiness, "PATIENCE", 0.01)
        factory: Any = Factory.forProtocol(protocol)
        self.gone = factory.gone = DeferredQueue()
        self.addCleanup(self.gone.get)
        return self.listen(factory, number)

    def serve(self, *answers: Callable[[Any], Any]) -> str:
        self.resource = Scripted(iter(answers))
        return self.listen(Site(self.resource))

    def wait(self, url: str) -> Deferred[bool]:
        return Deferred.fromCoroutine(self.prober.wait(url, GUID, repeat(0.001), lambda: self.alive))

    def wait_any(self, url: str) -> Deferred[bool]:
        return Deferred.fromCoroutine(self.prober.wait_any(url, repeat(0.001), lambda: self.alive))


class HealthTests(Case):
    """Asking until the right guid answers."""

    async def test_right(self) -> None:
        """The right guid is enough; no credential is sent."""
        self.assertTrue(await self.wait(self.serve(say(HEALTHY))))
        self.assertEqual(self.resource.asked, [(b"/healthz", False)])

    async def test_anything_else(self) -> None:
        """Whatever else answers is asked again, until it is the right one."""
        wrong = [
            say(HEALTHY.replace(b"a" * 32, b"b" * 32)),
            say(HEALTHY, status=503),
            say(HEALTHY, status=404),
            say(b""),
            say(b"<html>"),
            say(b"\xff"),
            say(b"[]"),
            say(b'"' + b"a" * 32 + b'"'),
            say(b"{}"),
            say(b'{"guid": null}'),
            say(b"[" * 4000),
            say(HEALTHY + b" " * 5000),
            say(b"", status=302, location="/elsewhere"),
            cut,
            without_end,
        ]
        self.assertTrue(await self.wait(self.serve(*wrong, say(HEALTHY))))
        self.assertEqual({path for path, _ in self.resource.asked}, {b"/healthz"})
        self.assertEqual(len(self.resource.asked), len(wrong) + 1)

    async def test_refused_connection(self) -> None:
        """A port where nobody listens is asked again."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        waiting = self.wait(f"http://127.0.0.1:{port}")
        self.resource = Scripted(repeat(say(HEALTHY)))
        self.listen(Site(self.resource), port)
        self.assertTrue(await waiting)

    async def test_not_alive(self) -> None:
        """When it is not alive any more there is nobody to ask."""

        def die(request: Any) -> bytes:
            self.alive = False
            return HEALTHY

        self.assertFalse(await self.wait(self.serve(die)))
        self.assertFalse(await self.wait(self.serve()))
        self.assertEqual(self.resource.asked, [])

    async def test_given_up(self) -> None:
        """It can be given up, at every point of a question, and leaves no connection."""
        asked: Deferred[Any] = Deferred()

        def never(request: Any) -> int:
            gone: Deferred[None] = Deferred()
            request.notifyFinish().addErrback(lambda _: gone.callback(None))
            asked.callback(gone)
            return NOT_DONE_YET

        stalled = Stalled()
        waiting = self.wait(self.serve(never))
        gone = await asked
        waiting.cancel()
        await self.assertFailure(waiting, CancelledError)
        await gone
        waiting = self.wait(self.serve(stalled))
        await self.agent.headed
        waiting.cancel()
        await self.assertFailure(waiting, CancelledError)
        await stalled.gone
        waiting = self.wait("http://127.0.0.1:1")
        waiting.cancel()
        await self.assertFailure(waiting, CancelledError)

    async def test_stalled(self) -> None:
        """An answer that begins and does not end is given up in time, and its connection with it."""
        stalled, clock = Stalled(), Clock()
        waiting = Deferred.fromCoroutine(
            Prober(clock, self.agent).wait(self.serve(stalled, say(HEALTHY)), GUID, repeat(0), lambda: True)
        )
        await self.agent.headed
        clock.advance(TIMEOUT)
        await stalled.gone
        clock.advance(0)
        self.assertTrue(await waiting)


class AnyTests(Case):
    """Asking until there is any answer at all."""

    async def test_http(self) -> None:
        """A server of HTTP is one, whatever it says."""
        self.assertTrue(await self.wait_any(self.serve(say(b"", status=500))))

    async def test_other_protocols(self) -> None:
        """So is one that speaks first, or that does not like the question and hangs up."""
        for word in (b"SSH-2.0-x\r\n", b""):
            self.assertTrue(await self.wait_any(self.speak(type("Told", (Endpoint,), {"word": word}))))

    async def test_rest(self) -> None:
        """The first bytes of an answer are enough; the rest is heard, so that nobody finds the connection cut."""
        rest: Deferred[Any] = Deferred()
        over: Deferred[None] = Deferred()

        def slowly(request: Any) -> int:
            request.notifyFinish().chainDeferred(over)
            request.write(b"x" * 5000)
            rest.callback(request)
            return NOT_DONE_YET

        self.assertTrue(await self.wait_any(self.serve(slowly)))
        request = await rest
        # By then a connection that was cut would be known to be.
        self.assertTrue(await self.wait_any(self.serve(say(b""))))
        request.write(b"x" * 5000)
        request.finish()
        await over

    async def test_endless(self) -> None:
        """An answer without an end is heard up to a bound."""
        gone: Deferred[None] = Deferred()
        self.patch(readiness, "PATIENCE", 100.0)

        def endless(request: Any) -> int:
            writing = LoopingCall(request.write, b"x" * 65536)
            request.notifyFinish().addErrback(lambda _: writing.stop()).chainDeferred(gone)
            writing.start(0)
            return NOT_DONE_YET

        self.assertTrue(await self.wait_any(self.serve(endless)))
        await gone

    async def test_refused_connection(self) -> None:
        """A port where nobody listens is asked again."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        waiting = self.wait_any(f"http://127.0.0.1:{port}")
        self.speak(Endpoint, port)
        self.assertTrue(await waiting)

    async def test_reset(self) -> None:
        """A connection that is cut off is no answer."""
        Resetting.connections = 0
        self.assertTrue(await self.wait_any(self.speak(Resetting)))
        self.assertEqual(Resetting.connections, 2)
        await self.gone.get()

    async def test_not_alive(self) -> None:
        """When it is not alive any more there is nobody to ask."""
        self.alive = False
        self.assertFalse(await self.wait_any("http://127.0.0.1:1"))


@implementer(IAgent)
class SilentAgent:
    """Makes requests that are never answered.

    :ivar requests: those that were made and not given up.
    """

    def __init__(self) -> None:
        self.requests: list[Deferred[Any]] = []
        self.made = 0

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[Any]:
        """Make one."""
        request: Deferred[Any] = Deferred(self.requests.remove)
        self.requests.append(request)
        self.made += 1
        return request


class TimeTests(SynchronousTestCase):
    """The time that it takes, on a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.agent = SilentAgent()
        self.prober = Prober(self.clock, self.agent)

    def test_silence(self) -> None:
        """A question that is not answered in time is given up and asked again after the delay, each a longer one."""
        waiting = Deferred.fromCoroutine(self.prober.wait("http://h", GUID, iter([1.0, 2.0, 4.0]), lambda: True))
        for number, delay in enumerate([1.0, 2.0], start=1):
            self.assertEqual((len(self.agent.requests), self.agent.made), (1, number))
            self.clock.advance(TIMEOUT)
            self.assertEqual(self.agent.requests, [])
            self.clock.advance(delay)
        self.assertEqual(self.agent.made, 3)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual((self.agent.requests, self.clock.getDelayedCalls()), ([], []))

    def test_dies_between(self) -> None:
        """It is asked no more when it ended between two questions."""
        alive = [True]
        waiting = Deferred.fromCoroutine(self.prober.wait("http://h", GUID, repeat(1.0), lambda: alive[0]))
        self.clock.advance(TIMEOUT)
        alive[0] = False
        self.clock.advance(1)
        self.assertFalse(self.successResultOf(waiting))
        self.assertEqual(self.agent.made, 1)
