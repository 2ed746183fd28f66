# mypy: allow-untyped-calls
"""The life of a processor, from its start to its end."""

from typing import Any

from klein import Klein
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IRequest

from proactor import Processor
from proactor.processor import Config
from proactor.processor.configuration import Start
from proactor.processor.peer_verifier import Trust
from proactor.processor.runtime import Runtime, fetch_loop, stop_margin

from .fakes import GUID, URL, FakeInitiator, Log


class Stage(Processor):
    """A processor that records its life, each part of which can be held up."""

    app = Klein()

    def __init__(self, config: Config, reactor: Any) -> None:
        super().__init__(config, reactor)
        self.life: list[str] = []
        self.gates: dict[str, Deferred[None]] = {}
        self.answers: list[Deferred[bytes]] = []

    async def started(self) -> None:
        """Record it."""
        await self.pass_by("started")

    async def stopping(self) -> None:
        """Record it."""
        await self.pass_by("stopping")

    async def pass_by(self, what: str) -> None:
        """Record a part of its life, and wait where there is a gate."""
        self.life.append(what)
        if what in self.gates:
            await self.gates[what]
        self.life.append(f"{what}, done")

    @app.route("/slow")
    def slow(self, request: IRequest) -> Deferred[bytes]:
        """Answer when told to."""
        self.answers.append(Deferred())
        return self.answers[-1]


class Port:
    """A listening port."""

    def __init__(self, address: Any) -> None:
        self.address = address
        self.stopped = False

    def getHost(self) -> Any:
        """Give the address."""
        return self.address

    def stopListening(self) -> None:
        """Take note."""
        self.stopped = True


class RuntimeTests(SynchronousTestCase):
    """Start, serve, stop."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.log = Log()
        self.addCleanup(self.log.close)
        self.processor = Stage(Stage.configure({"stop_timeout": "5"}, guid=GUID, revision=1), self.clock)
        self.port = Port(IPv4Address("TCP", "0.0.0.0", 49152))
        self.site: Any = None
        self.runtime = Runtime(self.processor, self.clock, self.listen)

    def listen(self, factory: IProtocolFactory) -> Any:
        """Take the factory of the connections."""
        self.processor.life.append("listening")
        self.site = factory
        return self.port

    def connect(self, request: bytes) -> tuple[Any, StringTransport]:
        """Send a request from loopback."""
        address = IPv4Address("TCP", "127.0.0.1", 49152)
        channel, transport = self.site.buildProtocol(None), StringTransport(address, address)
        channel.makeConnection(transport)
        channel.dataReceived(request + b" HTTP/1.1\r\nHost: localhost:49152\r\n\r\n")
        return channel, transport

    def start(self) -> Deferred[None]:
        """Begin."""
        return Deferred.fromCoroutine(self.runtime.start())

    def stop(self) -> Deferred[None]:
        """End."""
        return Deferred.fromCoroutine(self.runtime.stop())

    def test_start(self) -> None:
        """It serves when the processor has started, not before."""
        gate = self.processor.gates["started"] = Deferred()
        started = self.start()
        self.assertEqual((self.processor.life, self.log.lines()), (["started"], []))
        gate.callback(None)
        self.successResultOf(started)
        self.assertEqual(self.processor.life, ["started", "started, done", "listening"])
        self.assertEqual(self.log.lines(), ["Serving on 0.0.0.0:49152"])
        _, transport = self.connect(b"GET /healthz")
        self.assertIn(b"200 OK", transport.value())

    def test_six(self) -> None:
        """An address of version 6 is in brackets."""
        self.port.address = IPv6Address("TCP", "::", 49152)
        self.successResultOf(self.start())
        self.assertEqual(self.log.lines(), ["Serving on [::]:49152"])

    def test_cannot_start(self) -> None:
        """A processor that fails to start does not serve."""
        self.processor.gates["started"] = Deferred()
        started = self.start()
        self.processor.gates["started"].errback(Failure(ZeroDivisionError()))
        self.failureResultOf(started, ZeroDivisionError)
        self.assertIsNone(self.site)

    def test_stop(self) -> None:
        """It accepts nothing more, lets the processor stop, and answers what is in progress."""
        self.successResultOf(self.start())
        channel, transport = self.connect(b"GET /slow")
        idle, idle_transport = self.connect(b"GET /healthz")
        gate = self.processor.gates["stopping"] = Deferred()
        stopped = self.stop()
        self.assertTrue(self.port.stopped)
        self.clock.advance(0.1)
        self.assertTrue(idle_transport.disconnecting)
        idle.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.processor.life[3:], ["stopping"])
        gate.callback(None)
        self.assertNoResult(stopped)
        self.processor.answers[0].callback(b"at last")
        self.assertIn(b"at last", transport.value())
        channel.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(stopped)
        self.assertEqual(self.log.lines()[1:], ["Stopping"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_in_time(self) -> None:
        """What does not end by then is cut off: a hook that hangs, an answer that never comes."""
        self.successResultOf(self.start())
        channel, transport = self.connect(b"GET /slow")
        self.processor.gates["stopping"] = Deferred()
        stopped = self.stop()
        self.clock.advance(4.4)
        self.assertNoResult(stopped)
        self.clock.advance(0.1)
        self.clock.advance(0)
        self.successResultOf(stopped)
        self.assertTrue(transport.disconnecting or transport.disconnected)
        self.assertEqual(
            self.log.lines()[2:],
            ["Cut off stopping(): not over in time", "Cut off the requests in progress: not over in time"],
        )
        channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping_fails(self) -> None:
        """A hook that fails does not keep it from ending."""
        self.successResultOf(self.start())
        self.processor.gates["stopping"] = Deferred()
        stopped = self.stop()
        self.processor.gates["stopping"].errback(Failure(ZeroDivisionError()))
        self.successResultOf(stopped)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stop_while_starting(self) -> None:
        """Told to stop before it has started, it never serves, and is not asked to stop what did not start."""
        self.processor.gates["started"] = Deferred()
        started = self.start()
        self.successResultOf(self.stop())
        self.failureResultOf(started)
        self.assertEqual(self.processor.life, ["started"])
        self.assertEqual(self.log.lines(), ["Stopping"])

    def test_starting_goes_on(self) -> None:
        """It never serves even if its start shrugs that off."""
        gate: Deferred[None] = Deferred(lambda gate: gate.callback(None))
        self.processor.gates["started"] = gate
        started = self.start()
        self.successResultOf(self.stop())
        self.successResultOf(started)
        self.assertEqual(self.processor.life, ["started", "started, done"])

    def test_margin(self) -> None:
        """There is a second left of the time, or a tenth if that is less."""
        self.assertEqual([stop_margin(limit) for limit in (100, 10, 5, 0)], [1, 1, 0.5, 0])

    def test_fetches(self) -> None:
        """With an initiator it says that it is ready when it serves, and fetches until it stops."""
        initiator = FakeInitiator()
        start = Start(initiator.options, 1, "token-1", URL, "127.0.0.1")
        self.runtime.fetching = fetch_loop(self.processor, start, initiator, self.clock, lambda: None)
        gate = self.processor.gates["started"] = Deferred()
        self.start()
        self.assertEqual(initiator.acks, [])
        gate.callback(None)
        initiator.flush()
        self.assertEqual(initiator.acks[0]["revision"], 1)
        self.clock.advance(0)
        self.assertEqual(initiator.waiting, 1)
        self.successResultOf(self.stop())
        initiator.flush()
        self.assertEqual(initiator.waiting, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_first_fetch(self) -> None:
        """The first fetch says what it knows of tokens: what it was started with, or nothing."""
        for trust, tag in ((None, '"1.0"'), (("7f80", Trust("e" * 32, {})), '"1.7f80"')):
            start = Start({}, 1, "token-1", URL, "127.0.0.1", parent_trust=trust)
            fetching = fetch_loop(self.processor, start, FakeInitiator(), self.clock, lambda: None)
            assert fetching is not None
            self.assertEqual(fetching.etag, tag)
            self.assertEqual(self.processor.verifier.trust, trust and trust[1])

    def test_alone(self) -> None:
        """Without an initiator there is nothing to fetch."""
        start = Start({}, 0, "", None, "127.0.0.1")
        self.assertIsNone(fetch_loop(self.processor, start, FakeInitiator(), self.clock, lambda: None))
