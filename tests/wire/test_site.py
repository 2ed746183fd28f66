# mypy: allow-untyped-calls

from __future__ import annotations

from klein import Klein
from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent
from twisted.internet.interfaces import (
    IProtocolNegotiationFactory,
    ITransport,
)
from twisted.internet.task import Clock
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from zope.interface.verify import verifyObject

from proactor.wire import Limits, Site, connection_facts, vouch
from proactor.wire.request import Request

from .peer import GET, HELD, Leaf, WireCase, request


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
        for peer in known:
            peer.send(GET)
        strangers = [self.peer() for _ in range(3)]
        self.assertFalse(any(peer.aborted for peer in known + strangers))
        self.peer()
        self.assertEqual([peer.aborted for peer in known + strangers], [False] * 10 + [True, False, False])

    def test_place_is_given_back(self) -> None:
        """A connection that is gone leaves its place; one that is dropped leaves one place, not two."""
        first = self.peer()
        peers = [self.peer() for _ in range(3)]
        self.assertTrue(first.aborted)
        peers[1].vanish()
        self.peer()
        self.assertEqual([peer.aborted for peer in peers], [False, False, False])
        first.vanish()
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
        """What is idle is closed after a moment, in which a request may still come; nobody new is let in."""
        fresh, kept = self.peer(), self.peer().send(GET)
        drained = self.site.drain()
        self.assertIsNone(self.peer().channel)
        self.clock.advance(0.1)
        self.assertEqual([fresh.closed, kept.closed], [False, True])
        self.clock.advance(0.9)
        self.assertTrue(fresh.closed)
        self.assertFalse(fresh.aborted or kept.aborted)
        self.assertNoResult(drained)
        for peer in (fresh, kept):
            peer.vanish()
        self.assertIsNone(self.successResultOf(drained))

    def test_requests_on_their_way(self) -> None:
        """A request that was sent before its peer could know of the drain is answered, however slowly it comes."""
        fresh, kept = self.peer(), self.peer().send(GET)
        drained = self.site.drain()
        for peer in (fresh, kept):
            peer.send(GET[:9])
        self.clock.advance(5)
        for peer in (fresh, kept):
            peer.send(GET[9:])
            self.assertEqual(peer.statuses[-1], 200)
            self.assertIn(b"\r\nConnection: close\r\n", peer.received)
            peer.vanish()
        self.assertEqual(len(kept.statuses), 2)
        self.assertIsNone(self.successResultOf(drained))

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
