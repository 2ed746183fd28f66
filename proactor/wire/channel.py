"""A connection: what may come in on it, by when, and how it ends."""

# mypy: allow-untyped-calls
# (what is inherited from Twisted here has no annotations)

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NoReturn

from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IHalfCloseableDescriptor,
    IHalfCloseableProtocol,
    IPushProducer,
    ITCPTransport,
    IWriteDescriptor,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http_headers import Headers
from zope.interface import implementer

from . import grammar
from .grammar import Refused
from .problems import Problem, render, wants_json
from .request import Request, too_large

if TYPE_CHECKING:
    from .site import Site


class _ITransport(ITCPTransport, IConsumer, IPushProducer):
    """What Twisted's own stream transports can do."""


class _Phase(Enum):
    IDLE = auto()  # nothing of a request has come
    HEADERS = auto()
    BODY = auto()
    ANSWERING = auto()  # all of a request has come, its answer has not gone
    CLOSING = auto()  # what still comes is dropped


@implementer(IHalfCloseableProtocol)
class Channel(http.HTTPChannel):
    """One connection.

    Twisted's parser reads; each of its steps is checked here first. Its own time-out, which each byte restarts,
    is off: one absolute deadline stands in for it. The connection is closed by halves, so that an answer written
    while the peer still sends is not lost to a reset (RFC 9112, 9.6).

    :ivar facts: what the site's owner learned about the connection when it was accepted.
    """

    delimiter = b"\n"  # so that a bare LF is seen: lineReceived asks for the CR
    requestFactory = Request
    transport: _ITransport
    requests: list[Request]
    facts: object | None = None
    _phase = _Phase.IDLE
    _deadline: IDelayedCall | None = None
    _has_begun = False  # in what is being read, headers that are to come within their time
    _fresh = True  # no request has come in full yet: the deadline of its headers runs since the accept
    _method: bytes | None = None  # of the request whose headers are coming in, once its first line has
    _target = _version = b""
    _header_size = _header_lines = 0
    _dropped = 0
    _flushed = False

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = self.factory = site
        self.limits = site.limits
        self.MAX_LENGTH = self.totalHeadersSize = site.limits.header

    # Its beginning and its end

    def connectionMade(self) -> None:
        """Learn who is there; from now on the first request is waited for."""
        super().connectionMade()
        self.facts = self.site.learn(self.transport)
        self.site.joined(self)
        self._expect_within(self.limits.header_time)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Leave nothing behind."""
        self._phase = _Phase.CLOSING
        self._expect_within(None)
        super().connectionLost(reason)
        self.site.left(self)

    def loseConnection(self) -> None:
        """Close when the peer has read what was written: half of it now, the rest when it closes, or in time."""
        if self._phase is _Phase.CLOSING:
            return
        if self.isSecure() or not IHalfCloseableDescriptor.providedBy(self.transport):
            self.hang_up()
            return
        self._begin_closing()
        self.transport.loseWriteConnection()

    def hang_up(self) -> None:
        """Close when what was written has left."""
        self._begin_closing()
        self.transport.loseConnection()

    def abort(self) -> None:
        """Close now."""
        self._begin_closing()
        self.transport.abortConnection()

    def retire(self) -> None:
        """Close after the request that has begun, or that may be on its way already."""
        if self._phase is _Phase.IDLE:
            self._expect_within(self.limits.retire_time if self._fresh else self.limits.retire_time / 10)
        elif self._phase is not _Phase.HEADERS:  # whose end asks checkPersistence
            self.persistent = False

    def _begin_closing(self) -> None:
        if self._phase is not _Phase.CLOSING:
            self._phase = _Phase.CLOSING
            self.persistent = False
            self.clearLineBuffer()
            self.transport.unregisterProducer()
            self.transport.resumeProducing()  # unread bytes would turn the close into a reset
        self._expect_within(self.limits.flush_time)

    def writeConnectionLost(self) -> None:
        """Give the peer time to read: all that was written has left."""
        self._flushed = True
        self._expect_within(self.limits.linger_time)

    def readConnectionLost(self) -> None:
        """Hang up, as the peer did or half did: nobody waits for an answer that is not written yet."""
        self.hang_up()

    def _drop(self, size: int) -> None:
        self._dropped += size
        if self._dropped > self.limits.linger_bytes:
            self.transport.loseConnection()

    # Its deadline

    def _expect_within(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None
        if seconds is not None:
            self._deadline = self.site.reactor.callLater(seconds, self._deadline_passed)

    def _deadline_passed(self) -> None:
        self._deadline = None
        if self._phase in (_Phase.HEADERS, _Phase.BODY):
            self._refuse(Problem(408))
        elif self._phase is _Phase.IDLE:
            self.hang_up()
        elif self._flushed:
            self.transport.loseConnection()
        else:
            self.abort()

    # What comes in

    def dataReceived(self, data: bytes) -> None:
        """Parse, and answer what is not to be routed."""
        if self._phase is _Phase.CLOSING:
            self._drop(len(data))
            return
        try:
            super().dataReceived(data)
            if self._phase is _Phase.IDLE and (rest := self.clearLineBuffer()):
                self._begin_request()
                super().dataReceived(rest)
            self._expect_headers()
        except Refused as refusal:
            self._refuse(refusal.problem)

    def _begin_request(self) -> None:
        self._phase = _Phase.HEADERS
        self._has_begun = not self._fresh or self.site.draining

    def _expect_headers(self) -> None:
        """Set the deadline of headers that begin in what was just read, and do not end in it: most do."""
        if self._has_begun and self._phase is _Phase.HEADERS:
            self._expect_within(self.limits.header_time)
        self._has_begun = False

    def lineReceived(self, line: bytes) -> None:
        """Check a line of a header before Twisted reads it."""
        if self._phase is _Phase.IDLE:
            self._begin_request()
        self._header_size += len(line) + len(self.delimiter)
        self._header_lines += 1
        if self._header_size > self.limits.header or self._header_lines > self.limits.header_lines + 2:
            self.lineLengthExceeded(line)
        if not line.endswith(b"\r"):
            raise Refused(400, "a line ends without CR")
        line = line[:-1]
        if line and self._method is None:
            self._method, self._target, self._version = grammar.request_line(line)
        elif line:
            grammar.header_line(line)  # here already: Twisted unfolds lines before headerReceived
        super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> NoReturn:
        """Refuse a header that is too long."""
        if self._method is None:
            raise Refused(414, "the request line is too long")
        raise Refused(431, f"at most {self.limits.header_lines} headers, {self.limits.header} bytes in all")

    def headerReceived(self, line: bytes) -> bool:
        """Check what tells the length of a body before Twisted goes by it."""
        name, value = grammar.header_line(line)
        if name in (b"content-length", b"transfer-encoding"):
            headers = self.requests[-1].requestHeaders
            if headers.hasHeader(b"Content-Length") or headers.hasHeader(b"Transfer-Encoding"):
                raise Refused(400, "there must be one Content-Length or one Transfer-Encoding")
        if name == b"content-length":
            grammar.content_length(value)
        elif name == b"transfer-encoding":
            grammar.transfer_encoding(value, self._version)
        return bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:
        """Refuse a request for its headers, before a client that waits for ``100 Continue`` sends its body."""
        request = self.requests[-1]
        grammar.host(request.requestHeaders.getRawHeaders(b"Host", []))
        request.body_limit = self.site.body_limit(self._method or b"", self._target.partition(b"?")[0])
        if (self.length or 0) > request.body_limit:
            raise too_large(request.body_limit)
        self._phase = _Phase.BODY
        if self.length != 0:  # else there is none, and this goes on with the answer
            self._expect_within(self.limits.body_time)
        super().allHeadersReceived()

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """Tell whether another request may follow: none after HTTP/1.0, ``Connection: close`` or a drain."""
        options = b",".join(request.requestHeaders.getRawHeaders(b"Connection", [])).lower().split(b",")
        asked_to_close = b"close" in (option.strip() for option in options)
        return version == b"HTTP/1.1" and not asked_to_close and not self.site.draining

    def allContentReceived(self) -> None:
        """Hand the request over: its answer may take as long as it likes."""
        self._phase = _Phase.ANSWERING
        self._expect_within(None)
        self._method = None
        self._header_size = self._header_lines = 0
        self.site.busy(self)
        super().allContentReceived()

    # What goes out

    def requestDone(self, request: Request) -> None:
        """Send what is left of the answer, and wait for the next request, or close."""
        if self._phase is _Phase.ANSWERING:
            self._send()
            self._phase = _Phase.IDLE
            self._fresh = False
            self._expect_within(self.limits.idle_time)
            self.site.idle(self)
        super().requestDone(request)

    def _send(self) -> None:
        """Send what was written, as far as it goes now.

        The reactor would come to it in a turn of its own, which costs as much as much of the answer did. What does not
        go is left to it, and what goes wrong is met there again.
        """
        if IWriteDescriptor.providedBy(self.transport):
            self.transport.doWrite()

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """Say who answers, without a version for the curious, and whether this is the last answer."""
        headers.setRawHeaders(b"Server", [b"proactor"])
        if not self.persistent:
            headers.setRawHeaders(b"Connection", [b"close"])
        super().writeHeaders(version, code, reason, headers)

    def _refuse(self, problem: Problem) -> None:
        json = bool(self.requests) and wants_json(self.requests[-1].requestHeaders)
        content_type, body = render(problem, json)
        headers = Headers({b"Date": [http.datetimeToString()], b"Content-Type": [content_type]})
        headers.setRawHeaders(b"Content-Length", [b"%d" % len(body)])
        headers.setRawHeaders(b"Cache-Control", [b"no-store"])
        self.persistent = False
        self.writeHeaders(b"HTTP/1.1", b"%d" % problem.status, problem.title.encode("ascii"), headers)
        if self._method != b"HEAD":
            self.write(body)
        self.loseConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:
        # Twisted's own refusals (a broken chunk, a second empty line before a request) all go through this
        # private method, which answers nothing but a status line.
        raise Refused(400, "this is not HTTP")
