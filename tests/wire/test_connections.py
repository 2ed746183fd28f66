# mypy: allow-untyped-calls

from __future__ import annotations

from klein import Klein
from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IProtocolNegotiationFactory,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.test.iosim import FakeTransport, IOPump, connect
from twisted.web.client import URI, Agent
from twisted.web.iweb import IAgentEndpointFactory, IRequest
from twisted.web.resource import Resource
from zope.interface import implementer
from zope.interface.verify import verifyObject

from proactor.wire import Limits, Site, connection_facts, vouch
from proactor.wire.request import Request

from .peer import GET, GOT, HELD, Leaf, Peer, WireCase, request

TIMED_OUT = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n"
    b"Server: proactor\r\nConnection: close\r\n\r\n408: Request Timeout\n"
)


class DeadlineTests(WireCase):
    """Each part of a conversation has its time, from its start."""

    def trickle(self, peer: Peer, data: bytes, seconds: float) -> None:
        """Send all but the last byte, evenly over that time."""
        for at in range(len(data) - 1):
            peer.send(data[at : at + 1])
            self.clock.advance(seconds / (len(data) - 1))

    def test_nothing_comes(self) -> None:
        """A connection that asks nothing for the time of a header is closed without a word."""
        peer = self.peer()
        self.clock.advance(9.9)
        self.assertFalse(peer.closed)
        self.clock.advance(0.1)
        self.assertTrue(peer.closed)
        self.assertEqual(peer.received, b"")

    def test_first_header(self) -> None:
        """The first header is to be complete in its time from the accept, however it trickles."""
        peer = self.peer()
        self.clock.advance(4)
        self.trickle(peer, GET, 5.75)
        self.assertEqual(peer.received, b"")
        self.clock.advance(0.5)
        self.assertEqual(peer.received, TIMED_OUT)
        self.assertTrue(peer.half_closed)

    def test_later_header(self) -> None:
        """A later one has its time from its first byte, whether that came alone or behind the last request."""
        for first, rest in [((GET, b"G"), b"ET / HT"), ((GET + b"G",), b"ET / HT"), ((HELD, b"G"), b"ET / HT")]:
            peer = self.peer().send(*first)
            if self.leaf.held:
                self.clock.advance(1000)
                self.leaf.answer()
            self.trickle(peer, rest, 9.75)
            self.assertEqual(peer.statuses, [200])
            self.clock.advance(0.5)
            self.assertTrue(peer.received.endswith(TIMED_OUT))

    def test_body(self) -> None:
        """A body is to be complete in its time from the end of the headers."""
        for framing in (b"Content-Length: 60", b"Transfer-Encoding: chunked"):
            peer = self.peer()
            self.clock.advance(9)
            peer.send(request(b"POST / HTTP/1.1", b"Host: h", framing))
            self.trickle(peer, b"1\r\nx\r\n" * 8, 29.75)
            self.assertEqual(peer.received, b"")
            self.clock.advance(0.5)
            self.assertEqual(peer.received, TIMED_OUT)

    def test_idle(self) -> None:
        """A connection that was used may wait for its next request a while, then it is closed without a word."""
        peer = self.peer().send(GET)
        self.clock.advance(59.75)
        peer.send(GET)
        self.clock.advance(59.75)
        self.assertFalse(peer.closed)
        self.clock.advance(0.25)
        self.assertTrue(peer.closed)
        self.assertEqual(peer.received, GOT * 2)

    def test_answer_has_no_deadline(self) -> None:
        """An answer may be held for as long as it takes, at the cost of no timer."""
        peer = self.peer().send(HELD)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(100_000)
        self.leaf.answer()
        self.assertEqual(peer.statuses, [200])

    def test_last_answer_that_does_not_leave(self) -> None:
        """A peer that does not take its last answer is cut off in the end."""
        peer = self.ask(b"GET / HTTP/1.0", b"Host: h")
        self.clock.advance(59.9)
        self.assertTrue(peer.half_closed)
        self.clock.advance(0.1)
        self.assertTrue(peer.aborted)

    def test_peer_that_does_not_close(self) -> None:
        """A peer that has got its last answer is waited for a little, and closed without a reset."""
        peer = self.ask(b"GET / HTTP/1.0", b"Host: h")
        self.clock.advance(50)
        peer.flushed()
        self.clock.advance(4.9)
        self.assertTrue(peer.half_closed)
        self.clock.advance(0.1)
        self.assertTrue(peer.closed)
        self.assertFalse(peer.aborted)


class EndTests(WireCase):
    """How a connection ends."""

    limits = Limits(body=10, linger_bytes=1000)

    def test_what_comes_after_a_refusal(self) -> None:
        """What a refused peer still sends is dropped, so that it can read why; no more than some of it."""
        peer = self.ask(b"POST / HTTP/1.1", b"Host: h", b"Content-Length: 11").send(b"x" * 1000)
        self.assertTrue(peer.half_closed)
        self.assertEqual(peer.send(b"x").statuses, [413])
        self.assertTrue(peer.closed)

    def test_peer_closes(self) -> None:
        """A peer that closes, idle or in a request, leaves no timer, no request, no connection behind."""
        for data in (b"", GET, GET[:9], request(b"POST / HTTP/1.1", b"Host: h", b"Content-Length: 9", body=b"x"), HELD):
            peer = self.peer().send(data)
            peer.finish()
            self.assertTrue(peer.closed)
            peer.vanish()
            self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.leaf.lost), 1)
        self.assertTrue(self.successResultOf(self.site.drain()) is None)

    def test_peer_closes_after_the_last_answer(self) -> None:
        """A connection of which both halves are closed is let go at once."""
        peer = self.ask(b"GET / HTTP/1.0", b"Host: h")
        peer.flushed()
        peer.finish()
        self.assertTrue(peer.closed)
        self.assertFalse(peer.aborted)

    def test_resource_closes(self) -> None:
        """A resource may close the connection under its request, which it then still can finish."""
        peer = self.peer().send(HELD)
        self.leaf.held[0].loseConnection()
        peer.send(GET)
        self.assertTrue(peer.half_closed)
        self.leaf.answer()
        self.assertEqual(peer.statuses, [200])
        self.assertTrue(peer.half_closed)

    def test_transport_without_halves(self) -> None:
        """A transport that cannot be closed by halves is closed when all is written."""
        transport = StringTransport()
        channel = self.site.buildProtocol(None)
        channel.makeConnection(transport)
        channel.dataReceived(GET[:-2] + b"Connection: close\r\n\r\n")
        self.assertTrue(transport.disconnecting)

    def test_back_pressure(self) -> None:
        """A transport whose buffer was full when its connection ended is read again, so that its end is seen."""
        peer = self.peer().send(HELD)
        assert peer.channel is not None
        peer.channel.pauseProducing()
        peer.send(b"x" * 20_000)
        peer.transport.pauseProducing()
        self.leaf.held[0].loseConnection()
        self.assertEqual(peer.transport.producerState, "producing")
        self.assertIsNone(peer.transport.producer)

    def test_iosim(self) -> None:
        """Twisted's own client is served through Twisted's own simulated network."""
        network = Network(self.site)
        client = HTTPClient(Agent.usingEndpointFactory(self.clock, network))
        asked = client.get("http://h/p")
        network.pump.flush()
        body = self.successResultOf(asked).content()
        network.pump.flush()
        self.assertEqual(self.successResultOf(body), b"GET /p 0 ")
        self.assertTrue(network.pump.serverIO.disconnecting)


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class Network:
    """Connects to a site, whatever the address."""

    pump: IOPump

    def __init__(self, site: Site) -> None:
        self.site = site

    def endpointForURI(self, uri: URI) -> Network:
        """Return itself."""
        return self

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""
        client, server = protocolFactory.buildProtocol(IPv4Address("TCP", "h", 80)), self.site.buildProtocol(None)
        assert client is not None
        self.pump = connect(server, FakeTransport(server, True), client, FakeTransport(client, False))
        return succeed(client)


class StrangerTests(WireCase):
    """There are so many unauthenticated connections and no more."""

    limits = Limits(unauthenticated=3)

    def setUp(self) -> None:
        super().setUp()
        self.site = Site(VouchingLeaf(), clock=self.clock, limits=self.limits)
        self.leaf = self.site.resource

    def test_newcomer_replaces_the_one_that_waits_longest(self) -> None:
        """One too many costs the one whose turn was the longest ago its connection."""
        first, second, third = self.peer(), self.peer(), self.peer().send(GET[:5])
        first.send(GET)
        fourth = self.peer()
        self.assertEqual([peer.aborted for peer in (first, second, third, fourth)], [False, True, False, False])
        fifth = self.peer()
        self.assertEqual([peer.aborted for peer in (first, third, fourth, fifth)], [False, True, False, False])
        self.assertEqual(fifth.send(GET).statuses, [200])

    def test_one_that_is_answered_is_spared(self) -> None:
        """A connection whose request is being answered is not dropped; if all are such, the newcomer is."""
        held = [self.peer().send(HELD) for _ in range(3)]
        self.assertIsNone(self.peer().channel)
        self.leaf.answer()
        self.assertIsNotNone(self.peer().channel)
        self.assertEqual([peer.aborted for peer in held], [True, False, False])

    def test_vouched(self) -> None:
        """A connection that was vouched for counts no more, whatever it does later."""
        known = [self.ask(b"GET /vouch HTTP/1.1", b"Host: h") for _ in range(10)]
        strangers = [self.peer() for _ in range(3)]
        for peer in known:
            peer.send(GET)
        self.assertFalse(any(peer.aborted for peer in known + strangers))
        self.peer()
        self.assertEqual([peer.aborted for peer in known + strangers], [False] * 10 + [True, False, False])

    def test_place_is_given_back(self) -> None:
        """A connection that is gone leaves its place; one that is dropped leaves one place, not two."""
        first = self.peer()
        peers = [self.peer() for _ in range(3)]
        self.assertTrue(first.aborted)
        first.vanish()
        peers[1].vanish()
        self.peer()
        self.assertEqual([peer.aborted for peer in peers], [False, False, False])
        self.peer()
        self.assertEqual([peer.aborted for peer in peers], [True, False, False])


class VouchingLeaf(Leaf):
    """A :class:`Leaf` that knows who asks for ``/vouch``."""

    def render(self, request: Request) -> bytes | int:
        """Answer."""
        if request.uri == b"/vouch":
            vouch(request)
        return super().render(request)


class FactsTests(WireCase):
    """What the owner learned at the accept is at hand in each request."""

    def setUp(self) -> None:
        super().setUp()
        self.known: list[object] = []
        app = Klein()

        @app.route("/")
        def root(request: IRequest) -> bytes:
            self.known.append(connection_facts(request))
            vouch(request)
            return b""

        self.app = app

    def test_asked_once(self) -> None:
        """The owner is asked once for each connection, before its first request."""
        asked: list[ITransport] = []

        def on_connect(transport: ITransport) -> object:
            asked.append(transport)
            return len(asked)

        self.site = Site(self.app.resource(), clock=self.clock, on_connect=on_connect)
        peers = [self.peer(), self.peer()]
        self.assertEqual(asked, [peer.transport for peer in peers])
        peers[1].send(GET + GET)
        peers[0].send(GET)
        self.assertEqual(self.known, [2, 2, 1])

    def test_owner_fails(self) -> None:
        """An owner that raises knows nothing, and the connection is served."""

        def on_connect(transport: ITransport) -> object:
            raise OSError("no such thing")

        self.site = Site(self.app.resource(), clock=self.clock, on_connect=on_connect)
        self.assertEqual(self.peer().send(GET).statuses, [200])
        self.assertEqual(self.known, [None])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_other_sites(self) -> None:
        """On a site that is not ours nothing is known, and to vouch does nothing."""
        client = HTTPClient(RequestTraversalAgent(self.app.resource()))
        self.assertEqual(self.successResultOf(client.get("http://h/")).code, 200)
        self.assertEqual(self.known, [None])

    def test_after_the_request(self) -> None:
        """Nothing is known of a request that is over."""
        self.peer().send(HELD)
        request = self.leaf.held[0]
        self.leaf.answer()
        vouch(request)
        self.assertIsNone(connection_facts(request))


class DrainTests(WireCase):
    """A site stops without cutting anybody short."""

    def test_idle(self) -> None:
        """What is idle is closed at once, and nobody new is let in."""
        peers = [self.peer(), self.peer().send(GET)]
        drained = self.site.drain()
        self.assertTrue(all(peer.closed and not peer.aborted for peer in peers))
        self.assertNoResult(drained)
        for peer in peers:
            peer.vanish()
        self.assertIsNone(self.successResultOf(drained))
        self.assertIsNone(self.peer().channel)

    def test_requests_in_progress(self) -> None:
        """A request that has begun, wherever it is, is answered, and its connection then closed."""
        post = request(b"POST / HTTP/1.1", b"Host: h", b"Content-Length: 2", body=b"x")
        peers = [self.peer().send(data) for data in (GET[:9], post, HELD)]
        drained = self.site.drain()
        peers[0].send(GET[9:])
        peers[1].send(b"y")
        self.leaf.answer()
        for peer in peers:
            self.assertEqual(peer.send(GET).statuses, [200])
            self.assertIn(b"\r\nConnection: close\r\n", peer.received)
            self.assertTrue(peer.half_closed)
            self.assertNoResult(drained)
            peer.vanish()
        self.assertIsNone(self.successResultOf(drained))

    def test_twice(self) -> None:
        """Who asks again is told as well; so is who asks a site without connections."""
        peer = self.peer()
        first, second = self.site.drain(), self.site.drain()
        peer.vanish()
        third = self.site.drain()
        self.assertEqual([self.successResultOf(drained) for drained in (first, second, third)], [None] * 3)

    def test_close(self) -> None:
        """What is left can be aborted."""
        peers = [self.peer(), self.peer().send(HELD), self.ask(b"GET / HTTP/1.0", b"Host: h")]
        self.site.drain()
        self.site.close()
        self.assertTrue(all(peer.aborted for peer in peers))


class FactoryTests(WireCase):
    """The site is a factory that keeps to itself."""

    def test_starts_nothing(self) -> None:
        """Starting it starts no timer, and answering writes no access log."""
        self.site.doStart()
        self.peer().send(GET, HELD)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.site.doStop()

    def test_http_1_alone(self) -> None:
        """It offers no HTTP/2 to TLS."""
        self.assertEqual(Site(Resource(), clock=Clock()).acceptableProtocols(), [b"http/1.1"])
        self.assertTrue(verifyObject(IProtocolNegotiationFactory, self.site))
