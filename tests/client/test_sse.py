"""Tests of reading server-sent events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.client.sse import Message, Parser

STREAM = (
    "\ufeff: a comment\n"
    "id: 1\nevent: one\ndata: first\ndata: second\n\n"
    "data:no space\r\n\r\n"
    "id: 2\revent: alone\r\r"
    ": still there\nid: 7\n\n"
    "unknown: x\ndata\n\n"
    "id: has\0nul\ndata: ümlaut\n\n"
    "data: never ended"
).encode()
MESSAGES = [
    Message("one", "first\nsecond", "1"),
    Message("message", "no space", "1"),
    Message("message", "", "7"),
    Message("message", "ümlaut", "7"),
]


class ParserTests(SynchronousTestCase):
    """A stream of them."""

    @given(st.lists(st.integers(0, len(STREAM)), max_size=12))
    def test_pieces(self, cuts: list[int]) -> None:
        """However a stream is cut into pieces, its events are the same, and so is where it goes on."""
        parser, found, start = Parser(), list[Message](), 0
        for end in [*sorted(cuts), len(STREAM)]:
            found += parser.feed(STREAM[start:end])
            start = end
        self.assertEqual(found, MESSAGES)
        self.assertEqual(parser.last_id, "7")

    def test_too_long(self) -> None:
        """A line without an end is not kept for ever."""
        self.assertRaises(ValueError, Parser().feed, b"x" * (17 << 20))
