# mypy: allow-untyped-calls

from __future__ import annotations

from itertools import product

from proactor.wire import Limits, Site

from .peer import GET, Peer, WireCase, request

REFUSAL = (
    b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Cache-Control: no-store\r\nServer: proactor\r\nConnection: close\r\n\r\n%s"
)


def refusal(status: bytes, why: bytes = b"") -> bytes:
    code, _, phrase = status.partition(b" ")
    text = b": ".join(filter(None, [code, phrase, why])) + b"\n"
    return REFUSAL % (status, len(text), text)


class RefusalTests(WireCase):
    """What two readers might read differently, or is too much, is refused unrouted and ends the connection."""

    limits = Limits(body=10, header=300, header_lines=5)

    def assert_refused(self, peer: Peer, status: bytes, why: bytes = b"") -> None:
        self.assertEqual(peer.received, refusal(status, why))
        self.assertTrue(peer.half_closed)
        self.assertEqual(self.leaf.seen, [])
        self.assertEqual(peer.send(GET).received, refusal(status, why), "something was answered after the refusal")

    def test_request_line(self) -> None:
        """Only ``METHOD /path HTTP/1.x`` is a request."""
        for line in [
            b"GET  / HTTP/1.1",
            b"GET / HTTP/1.1 ",
            b" GET / HTTP/1.1",
            b"GET / HTTP/2.0",
            b"GET /",
            b"GET http://h/ HTTP/1.1",
            b"CONNECT h:80 HTTP/1.1",
            b"OPTIONS * HTTP/1.1",
            b"GET x HTTP/1.1",
            b"GET /\xff HTTP/1.1",
            b"GET /#x HTTP/1.1",
            b"GET /a\rb HTTP/1.1",
            b"G(T / HTTP/1.1",
            b"\x16\x03\x01\x02\x00",
        ]:
            why = b"the first line is not METHOD /PATH HTTP/1.1"
            self.assert_refused(self.ask(line, b"Host: h"), b"400 Bad Request", why)

    def test_method(self) -> None:
        """A method is called as it is called, to the letter: ``get`` is none, and nobody takes it for ``GET``."""
        why = b"there is no such method: methods are written in capitals"
        for method in (b"get", b"Get", b"posT", b"head"):
            self.assert_refused(self.ask(method + b" / HTTP/1.1", b"Host: h"), b"501 Not Implemented", why)

    def test_header_line(self) -> None:
        """A header is ``name: value``, on one line, without control characters."""
        for line in [b"a", b": b", b"a : b", b" a: b", b"\ta: b", b"a: b\0", b"a: b\rc", b"a\x7f: b", b"a: \x1b[2J"]:
            peer = self.ask(b"GET / HTTP/1.1", b"Host: h", line, b"c: d")
            self.assert_refused(peer, b"400 Bad Request", b"a header line is not NAME: VALUE")

    def test_bare_line_feed(self) -> None:
        """A line ends with CR LF, nothing less; a request of bare LF is refused with its first line."""
        for data in (b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: h\nx: y\r\n", GET[:-2] + b"\n"):
            self.assert_refused(self.peer().send(data), b"400 Bad Request", b"a line ends without CR")

    def test_host(self) -> None:
        """There is exactly one ``Host``, of HTTP/1.0 too."""
        for version in (b"HTTP/1.0", b"HTTP/1.1"):
            for lines in [(), (b"Host: h", b"Host: h"), (b"Host: a", b"host: b")]:
                peer = self.ask(b"GET / " + version, *lines)
                self.assert_refused(peer, b"400 Bad Request", b"there must be exactly one Host")
        for value in (b"a b", b"a/b", b"a\\b", b"u@h", b"h\xff"):
            peer = self.ask(b"GET / HTTP/1.1", b"Host: " + value)
            self.assert_refused(peer, b"400 Bad Request", b"Host is not a name or an address, and a port")

    def test_transfer_encoding(self) -> None:
        """The one transfer coding is ``chunked``, and it is HTTP/1.1's."""
        for version, coding in [
            (b"1.1", b"identity"),
            (b"1.1", b"gzip, chunked"),
            (b"1.1", b"chunked, chunked"),
            (b"1.1", b"chunked;x"),
            (b"1.1", b"xchunked"),
            (b"1.1", b""),
            (b"1.1", b"\x0bchunked"),
            (b"1.0", b"chunked"),
        ]:
            peer = self.ask(b"POST / HTTP/" + version, b"Host: h", b"Transfer-Encoding: " + coding)
            self.assertEqual(peer.statuses, [400])
            self.assertEqual(self.leaf.seen, [])

    def test_one_length(self) -> None:
        """The length of a body is told once."""
        chunked, length = b"Transfer-Encoding: chunked", b"Content-Length: 1"
        for first, second in product([chunked, length], [chunked, length, length + b"2"]):
            peer = self.ask(b"POST / HTTP/1.1", b"Host: h", first, second)
            why = b"there must be one Content-Length or one Transfer-Encoding"
            self.assert_refused(peer, b"400 Bad Request", why)

    def test_length(self) -> None:
        """A length is digits."""
        for value in (b"", b"+5", b"-1", b"5,5", b"0x5", b"5.0", b"1_0", b"1 0"):
            peer = self.ask(b"POST / HTTP/1.1", b"Host: h", b"Content-Length: " + value)
            self.assert_refused(peer, b"400 Bad Request", b"Content-Length is not a number of bytes")

    def test_length_beyond_an_integer(self) -> None:
        """A length that Python would not even read is one that is too large."""
        with_digits = Site(self.leaf, clock=self.clock, limits=Limits())
        peer = Peer(with_digits).send(request(b"POST / HTTP/1.1", b"Host: h", b"Content-Length: " + b"9" * 5000))
        self.assert_refused(peer, b"413 Content Too Large", b"Content-Length is beyond all bounds")

    def test_broken_chunks(self) -> None:
        """A chunk that is none is refused."""
        for body in (b"x\r\n", b"-1\r\n", b"1\r\nab\r\n", b"1;\x00\r\n", b"1" * 2000):
            peer = self.ask(b"POST / HTTP/1.1", b"Host: h", b"Transfer-Encoding: chunked", body=body)
            self.assert_refused(peer, b"400 Bad Request", b"this is not HTTP")

    def test_body_by_its_length(self) -> None:
        """A body past the limit is refused at its announcement, without asking for it."""
        for more in [(), (b"Expect: 100-continue",)]:
            peer = self.ask(b"POST / HTTP/1.1", b"Host: h", *more, b"Content-Length: 11")
            self.assert_refused(peer, b"413 Content Too Large", b"a body may have at most 10 bytes here")
        self.assertEqual(
            self.ask(b"POST / HTTP/1.1", b"Host: h", b"Content-Length: 10", body=b"x" * 10).statuses, [200]
        )

    def test_body_by_its_bytes(self) -> None:
        """A chunked body is refused at the byte that passes the limit."""
        lines = b"POST / HTTP/1.1", b"Host: h", b"Transfer-Encoding: chunked"
        peer = self.ask(*lines, body=b"6\r\nabcdef\r\n9\r\nghij")
        self.assertEqual(peer.received, b"")
        peer.send(b"k")
        self.assert_refused(peer, b"413 Content Too Large", b"a body may have at most 10 bytes here")
        self.assertEqual(self.ask(*lines, body=b"a\r\n0123456789\r\n0\r\n\r\n").statuses, [200])

    def test_body_limit_of_a_route(self) -> None:
        """A route may take a larger body, and a smaller one."""

        def body_limit(method: bytes, path: bytes) -> int:
            return {(b"POST", b"/large"): 30, (b"PUT", b"/none"): 0}.get((method, path), 10)

        site = Site(self.leaf, clock=self.clock, body_limit=body_limit)
        for target, length, status in [
            (b"POST /large?x=/y", 30, 200),
            (b"POST /large", 31, 413),
            (b"PUT /large", 30, 413),
            (b"PUT /none", 1, 413),
            (b"PUT /none", 0, 200),
        ]:
            head = target + b" HTTP/1.1", b"Host: h", b"Content-Length: %d" % length
            peer = Peer(site).send(request(*head, body=b"x" * length))
            self.assertEqual(peer.statuses, [status], target)

    def test_long_request_line(self) -> None:
        """A request line past the limit is refused when it passes it, though it has not ended."""
        self.assert_refused(
            self.peer().send(b"GET /" + b"x" * 296), b"414 URI Too Long", b"the request line is too long"
        )

    def test_long_headers(self) -> None:
        """Headers past the limits of bytes and lines are refused when they pass them."""
        why = b"at most 5 headers, 300 bytes in all"
        status = b"431 Request Header Fields Too Large"
        first = b"GET / HTTP/1.1\r\nHost: h\r\n"
        for more in (b"x: " + b"y" * 298, b"x: %b\r\n" % (b"y" * 150) * 2, b"x: y\r\n" * 5 + b"\r\n"):
            self.assert_refused(self.peer().send(first + more), status, why)
        self.assertEqual(self.peer().send(first + b"x: y\r\n" * 4 + b"\r\n").statuses, [200])

    def test_limits_are_of_one_request(self) -> None:
        """What is within the limits is so in each request of a connection."""
        self.assertEqual(self.peer().send(*[GET] * 50, GET * 50).statuses, [200] * 100)

    def test_problem_document(self) -> None:
        """Who asked for JSON before it went wrong is refused with a problem document."""
        peer = self.ask(b"POST / HTTP/1.1", b"Host: h", b"Accept: application/json", b"Content-Length: 11")
        head, _, body = peer.received.partition(b"\r\n\r\n")
        self.assertIn(b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n" % len(body), head)
        self.assertEqual(
            body,
            b'{"type": "about:blank", "title": "Content Too Large", "status": 413,'
            b' "detail": "a body may have at most 10 bytes here"}',
        )

    def test_after_an_answer(self) -> None:
        """A request that is refused does not take the answers before it along."""
        self.assertEqual(self.peer().send(GET + b"nonsense\r\n").statuses, [200, 400])
