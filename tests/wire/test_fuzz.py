# mypy: allow-untyped-calls

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.wire import Site

from ..support.examples import examples
from .peer import GET, Leaf, Peer, request

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
    @examples(200)
    def test_fragmentation(self, requests: list[bytes], data: st.DataObject) -> None:
        """The answers do not depend on where the network cuts what was asked."""
        whole = b"".join(requests)
        cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=30)))
        pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        self.assertEqual(self.feed(pieces).received, self.feed([whole]).received)

    @given(st.lists(st.sampled_from(VALID), min_size=1, max_size=3))
    @examples(50)
    def test_byte_by_byte(self, requests: list[bytes]) -> None:
        """Nor do they when each byte comes alone."""
        whole = b"".join(requests)
        pieces = [whole[at : at + 1] for at in range(len(whole))]
        self.assertEqual(self.feed(pieces).received, self.feed([whole]).received)

    @given(st.lists(st.binary(max_size=40) | FRAGMENTS, max_size=12))
    @example([GET, b"\0" * 20000])
    @example([request(b"! / HTTP/1.0", b"Host:")])
    @examples(400)
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        """No bytes raise anything; what is written is answers, the last of them the one refusal."""
        peer = self.feed(pieces)
        self.assertTrue(peer.received == b"" or peer.received.startswith((b"HTTP/1.0 ", b"HTTP/1.1 ")))
        self.assertTrue(all(status in (100, 200) for status in peer.statuses[:-1]), peer.statuses)
        if peer.statuses and peer.statuses[-1] >= 400:
            self.assertTrue(peer.transport.half_closed)
        self.assertEqual(self.flushLoggedErrors(), [])
