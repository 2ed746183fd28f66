# mypy: allow-untyped-calls

from __future__ import annotations

from treq.client import HTTPClient
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.testing import StringTransport
from twisted.test.iosim import FakeTransport, IOPump, connect
from twisted.web.client import URI, Agent
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from proactor.wire import Limits, Site

from .peer import GET, HELD, WireCase, request


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
