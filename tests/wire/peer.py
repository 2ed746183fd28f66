"""The other end of a connection to a site, in memory."""

# mypy: allow-untyped-calls

from __future__ import annotations

import re

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableDescriptor
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from proactor.wire import Limits, Site
from proactor.wire.channel import Channel
from proactor.wire.request import Request

DATE = re.compile(rb"Date: [^\r]*\r\n")


@implementer(IHalfCloseableDescriptor)
class HalfCloseableTransport(StringTransport):
    """A transport that notes how it was closed."""

    half_closed = False

    def loseWriteConnection(self) -> None:
        """Note it."""
        self.half_closed = True

    def readConnectionLost(self, reason: Failure) -> None:
        """Be called by nobody: there is no reactor."""

    def writeConnectionLost(self, reason: Failure) -> None:
        """Be called by nobody: there is no reactor."""


class Leaf(Resource):
    """Answer ``/held`` when told to, ``/broken`` and ``/cut`` with an exception, all else at once with what was asked.

    :ivar held: the requests that wait for an answer.
    :ivar lost: what the requests that will get none were told.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Request] = []
        self.lost: list[Failure] = []
        self.seen: list[bytes] = []

    def render(self, request: Request) -> bytes | int:
        """Answer."""
        self.seen.append(request.uri)
        if request.uri == b"/held":
            self.held.append(request)
            request.notifyFinish().addErrback(self.lost.append)
            return NOT_DONE_YET
        if request.uri == b"/cut":
            request.write(b"some")
        if request.uri in (b"/broken", b"/cut"):
            raise RuntimeError("what nobody is to read")
        request.setHeader(b"Content-Type", b"text/plain")
        return b" ".join([request.method, request.uri, b"%d" % len(request.args), request.content.read()])

    def answer(self) -> None:
        """Answer the request that is held the longest."""
        request = self.held.pop(0)
        request.setHeader(b"Content-Length", b"0")
        request.finish()


class Peer:
    """One connection, accepted by the site when this is made."""

    def __init__(self, site: Site) -> None:
        self.transport = HalfCloseableTransport()
        self.channel: Channel | None = site.buildProtocol(None)
        if self.channel is not None:
            self.channel.makeConnection(self.transport)

    def send(self, *pieces: bytes) -> Peer:
        """Send bytes, each piece as a segment of its own."""
        assert self.channel is not None
        for piece in pieces:
            self.channel.dataReceived(piece)
        return self

    @property
    def received(self) -> bytes:
        """All that the site wrote, without its dates."""
        return DATE.sub(b"", self.transport.value())

    @property
    def statuses(self) -> list[int]:
        """The status of each answer."""
        return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) [A-Z]", self.received)]

    @property
    def half_closed(self) -> bool:
        """Whether the site said its last word, and still listens."""
        return self.transport.half_closed and not self.transport.disconnecting

    @property
    def closed(self) -> bool:
        """Whether the site let go of the connection."""
        return self.transport.disconnecting

    @property
    def aborted(self) -> bool:
        """Whether it did without a care for what was to be written."""
        return self.transport.disconnected

    def flushed(self) -> None:
        """Tell the site that what it wrote has left."""
        assert self.channel is not None
        self.channel.writeConnectionLost()

    def finish(self) -> None:
        """Close this end's sending half, as ``nc`` does at the end of its input."""
        assert self.channel is not None
        self.channel.readConnectionLost()

    def vanish(self) -> None:
        """Let the transport notice that the connection is gone."""
        assert self.channel is not None
        self.channel.connectionLost(Failure(ConnectionDone()))


class WireCase(SynchronousTestCase):
    """A site over a :class:`Leaf`, on a clock of its own."""

    limits = Limits()

    def setUp(self) -> None:
        """Make them."""
        self.clock = Clock()
        self.leaf = Leaf()
        self.site = Site(self.leaf, clock=self.clock, limits=self.limits)

    def peer(self) -> Peer:
        """Connect."""
        return Peer(self.site)

    def ask(self, *lines: bytes, body: bytes = b"") -> Peer:
        """Send one request of these lines on a new connection."""
        return self.peer().send(request(*lines, body=body))


def request(*lines: bytes, body: bytes = b"") -> bytes:
    """Return the bytes of a request of these lines."""
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


GET = request(b"GET / HTTP/1.1", b"Host: h")
HELD = request(b"GET /held HTTP/1.1", b"Host: h")
GOT = b"HTTP/1.1 200 OK\r\nServer: proactor\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nGET / 0 "
