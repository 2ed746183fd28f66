# mypy: allow-untyped-calls

from __future__ import annotations

from .peer import GET, GOT, HELD, Peer, WireCase, request

TIMED_OUT = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n"
    b"Cache-Control: no-store\r\nServer: proactor\r\nConnection: close\r\n\r\n408: Request Timeout\n"
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
