# mypy: allow-untyped-calls

from __future__ import annotations

from itertools import product

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.wire import Limits, Site

from .peer import GET, GOT, Leaf, Peer, WireCase, request

REFUSAL = (
    b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Server: proactor\r\nConnection: close\r\n\r\n%s"
)


def refusal(status: bytes, why: bytes = b"") -> bytes:
    code, _, phrase = status.partition(b" ")
    text = b": ".join(filter(None, [code, phrase, why])) + b"\n"
    return REFUSAL % (status, len(text), text)


class AnswerTests(WireCase):
    """What is fit to be answered is."""

    def test_byte_for_byte(self) -> None:
        """An answer is the resource's, with no version of the server, and the connection stays."""
        peer = self.peer().send(GET)
        self.assertEqual(peer.received, GOT)
        self.assertFalse(peer.closed or peer.half_closed)
        self.assertIn(b"Date: ", peer.transport.value())

    def test_keep_alive_and_pipelined(self) -> None:
        """Requests that follow one another, in one segment or not, are answered in their order."""
        post = request(b"POST /p HTTP/1.1", b"Host: h", b"Content-Length: 3", body=b"abc")
        peer = self.peer().send(GET, post + GET, GET)
        self.assertEqual(peer.received, GOT + GOT.replace(b"8", b"13").replace(b"GET / 0 ", b"POST /p 0 abc") + GOT * 2)

    def test_pipelined_behind_one_that_is_held(self) -> None:
        """A request behind one that is being answered waits for it."""
        peer = self.ask(b"GET /held HTTP/1.1", b"Host: h").send(GET, GET[:9])
        self.assertEqual(peer.received, b"")
        self.leaf.answer()
        peer.send(GET[9:])
        self.assertEqual(peer.statuses, [200, 200, 200])
        self.assertTrue(peer.received.endswith(GOT + GOT))

    def test_head(self) -> None:
        """HEAD is answered with the headers of GET and no body, also where it is refused."""
        peer = self.ask(b"HEAD / HTTP/1.1", b"Host: h")
        self.assertEqual(peer.received, GOT.replace(b"8", b"9").partition(b"GET")[0])
        self.assertTrue(self.ask(b"HEAD / HTTP/1.1").received.endswith(b"\r\n\r\n"))

    def test_chunked(self) -> None:
        """A chunked body is put together; its extensions and trailers are let go."""
        for coding in (b"chunked", b"Chunked", b" \tCHUNKED "):
            peer = self.ask(
                b"PUT /p HTTP/1.1",
                b"Host: h",
                b"Transfer-Encoding:" + coding,
                body=b"3;x=y\r\nabc\r\n00002\r\nde\r\n0\r\nTrailer: t\r\n\r\n" + GET,
            )
            self.assertTrue(peer.received.endswith(b"PUT /p 0 abcde" + GOT), peer.received)

    def test_form_is_not_parsed(self) -> None:
        """A body is the resource's to read: none of it is in the request's arguments."""
        for kind in (b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x"):
            lines = b"POST /?q=1 HTTP/1.1", b"Host: h", b"Content-Type: " + kind, b"Content-Length: 3"
            self.assertTrue(self.ask(*lines, body=b"a=b").received.endswith(b"POST /?q=1 1 a=b"))

    def test_continue(self) -> None:
        """A client that waits to be told so is told to send its body."""
        lines = b"POST / HTTP/1.1", b"Host: h", b"Expect: 100-continue", b"Content-Length: 2"
        peer = self.ask(*lines)
        self.assertEqual(peer.received, b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(peer.send(b"ab").statuses, [100, 200])

    def test_last_request(self) -> None:
        """After a request that says so, or one of HTTP/1.0, the answer says that the connection closes; and it does."""
        for lines in [
            (b"GET / HTTP/1.1", b"Host: h", b"Connection: close"),
            (b"GET / HTTP/1.1", b"Host: h", b"Connection: TE", b"Connection: te,Close ,x"),
            (b"GET / HTTP/1.0", b"Host: h", b"Connection: keep-alive"),
        ]:
            peer = self.ask(*lines).send(GET)
            self.assertEqual(peer.statuses, [200])
            self.assertIn(b"\r\nConnection: close\r\n", peer.received)
            self.assertTrue(peer.half_closed)

    def test_empty_line_before_a_request(self) -> None:
        """One empty line before a request is overlooked (RFC 9112, 2.2), two are not."""
        self.assertEqual(self.peer().send(b"\r\n" + GET).received, GOT)
        self.assertEqual(self.peer().send(b"\r\n\r\n" + GET).received, refusal(b"400 Bad Request", b"this is not HTTP"))

    def test_exception(self) -> None:
        """A resource that raises is a 500 which tells nothing; the log tells it all, and the connection stays."""
        peer = self.ask(b"GET /broken HTTP/1.1", b"Host: h").send(GET)
        self.assertEqual(peer.statuses, [500, 200])
        self.assertIn(b"\r\n\r\n500: Internal Server Error\nHTTP", peer.received)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_exception_in_an_answer(self) -> None:
        """A resource that raises once its answer has begun has its connection cut, so that no end looks like one."""
        peer = self.ask(b"GET /cut HTTP/1.1", b"Host: h")
        self.assertTrue(peer.aborted)
        self.assertTrue(peer.received.endswith(b"4\r\nsome\r\n"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_exception_after_the_peer_left(self) -> None:
        """A failure that nobody waits for any more is logged alone."""
        peer = self.ask(b"GET /held HTTP/1.1", b"Host: h")
        peer.vanish()
        self.leaf.held[0].processingFailed(self.leaf.lost[0])
        self.assertEqual(peer.received, b"")
        self.assertEqual(len(self.flushLoggedErrors()), 1)


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
            self.assert_refused(peer, b"413 Content Too Large", b"a body may have 10 bytes here")
        self.assertEqual(
            self.ask(b"POST / HTTP/1.1", b"Host: h", b"Content-Length: 10", body=b"x" * 10).statuses, [200]
        )

    def test_body_by_its_bytes(self) -> None:
        """A chunked body is refused at the byte that passes the limit."""
        lines = b"POST / HTTP/1.1", b"Host: h", b"Transfer-Encoding: chunked"
        peer = self.ask(*lines, body=b"6\r\nabcdef\r\n9\r\nghij")
        self.assertEqual(peer.received, b"")
        peer.send(b"k")
        self.assert_refused(peer, b"413 Content Too Large", b"a body may have 10 bytes here")
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

    def test_problem_document(self) -> None:
        """Who asked for JSON before it went wrong is refused with a problem document."""
        peer = self.ask(b"POST / HTTP/1.1", b"Host: h", b"Accept: application/json", b"Content-Length: 11")
        head, _, body = peer.received.partition(b"\r\n\r\n")
        self.assertIn(b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n" % len(body), head)
        self.assertEqual(
            body,
            b'{"type": "about:blank", "title": "Content Too Large", "status": 413,'
            b' "detail": "a body may have 10 bytes here"}',
        )

    def test_after_an_answer(self) -> None:
        """A request that is refused does not take the answers before it along."""
        self.assertEqual(self.peer().send(GET + b"nonsense\r\n").statuses, [200, 400])


VALID = [
    GET,
    b"\r\n" + GET,
    request(b"HEAD /h HTTP/1.1", b"Host:", b"A: " + b"b" * 90),
    request(b"POST /p?x=1 HTTP/1.1", b"Host: h", b"Content-Length: 11", body=b"0\r\n\r\nGET / "),
    request(
        b"PUT /c HTTP/1.1",
        b"Host: h",
        b"Transfer-Encoding: chunked",
        body=b"2\r\n\r\n\r\n1;x\r\ny\r\n0\r\na: b\r\n\r\n",
    ),
    request(b"POST /p HTTP/1.1", b"Host: h", b"Expect: 100-continue", b"Content-Length: 1", body=b"z"),
    request(b"POST / HTTP/1.1", b"Host: h", b"Content-Length: 70000"),
    request(b"GET /last HTTP/1.1", b"Host: h", b"Connection: close"),
    b"GET / HTTP/1.1\r\nHost: h\r\n folded: yes\r\n\r\n",
]
FRAGMENTS = st.sampled_from(
    [
        *VALID,
        *(b"\r\n", b"\n", b"\r", b" ", b":", b"0\r\n\r\n", b"1\r\na\r\n"),
        *(b"GET /held HTTP/1.1\r\n", b"Host: h\r\n", b"Accept: application/json\r\n"),
        *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"),
    ]
)


class FuzzTests(SynchronousTestCase):
    """Whatever comes, however it is cut."""

    def feed(self, pieces: list[bytes]) -> Peer:
        clock = Clock()
        peer = Peer(Site(Leaf(), clock=clock)).send(*pieces)
        peer.vanish()
        self.assertEqual(clock.getDelayedCalls(), [])
        return peer

    @given(st.lists(st.sampled_from(VALID), min_size=1, max_size=5), st.data())
    @settings(deadline=None, max_examples=200)
    def test_fragmentation(self, requests: list[bytes], data: st.DataObject) -> None:
        """The answers do not depend on where the network cuts what was asked."""
        whole = b"".join(requests)
        cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=30)))
        pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        self.assertEqual(self.feed(pieces).received, self.feed([whole]).received)

    @given(st.lists(st.sampled_from(VALID), min_size=1, max_size=3))
    @settings(deadline=None, max_examples=50)
    def test_byte_by_byte(self, requests: list[bytes]) -> None:
        """Nor do they when each byte comes alone."""
        whole = b"".join(requests)
        pieces = [whole[at : at + 1] for at in range(len(whole))]
        self.assertEqual(self.feed(pieces).received, self.feed([whole]).received)

    @given(st.lists(st.binary(max_size=40) | FRAGMENTS, max_size=12))
    @example([GET, b"\0" * 20000])
    @settings(deadline=None, max_examples=400)
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        """No bytes raise anything; what is written is answers, the last of them the one refusal."""
        peer = self.feed(pieces)
        self.assertTrue(peer.received == b"" or peer.received.startswith(b"HTTP/1.1 "))
        self.assertTrue(all(status in (100, 200) for status in peer.statuses[:-1]), peer.statuses)
        if peer.statuses and peer.statuses[-1] >= 400:
            self.assertTrue(peer.transport.half_closed)
        self.assertEqual(self.flushLoggedErrors(), [])
