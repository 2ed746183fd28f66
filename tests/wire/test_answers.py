# mypy: allow-untyped-calls

from __future__ import annotations

from .peer import GET, GOT, WireCase, request


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
        self.assertEqual(self.peer().send(b"\r\n\r\n" + GET).statuses, [400])

    def test_exception(self) -> None:
        """A resource that raises is a 500 which tells nothing; the log tells it all, and the connection stays."""
        peer = self.ask(b"GET /broken HTTP/1.1", b"Host: h").send(GET)
        self.assertEqual(peer.statuses, [500, 200])
        self.assertIn(b"\r\nCache-Control: no-store\r\n", peer.received.partition(b"\r\n\r\n")[0])
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
