from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.logstore.lines import CONTINUED, LINE_MAX, LineSplitter

from ..support.examples import examples

texts = st.lists(
    st.builds(
        lambda byte, length: bytes([byte]) * length,
        st.integers(0, 255),
        st.one_of(st.integers(0, 3), st.integers(LINE_MAX - 2, LINE_MAX + 2), st.integers(0, 3 * LINE_MAX)),
    ),
    max_size=6,
).map(b"".join)


def pieces(line: bytes) -> list[bytes]:
    """Cut a line as it is promised, the plainest way."""
    parts = [line[start : start + LINE_MAX] for start in range(0, len(line), LINE_MAX)] or [b""]
    return [part + CONTINUED for part in parts[:-1]] + parts[-1:]


class LineSplitterTests(SynchronousTestCase):
    """Lines of a stream."""

    @examples(150)
    @given(text=texts, cuts=st.lists(st.integers(0, 10 * LINE_MAX), max_size=8))
    @example(text=b"a\n\nb\r\n\xff", cuts=[1, 2, 3, 4, 5])
    @example(text=b"x" * LINE_MAX + b"\n", cuts=[LINE_MAX])
    def test_any_cut(self, text: bytes, cuts: list[int]) -> None:
        """However the stream is cut, the lines are the same, each at most so long, and nothing is lost."""
        splitter = LineSplitter()
        marks = [0, *sorted(cuts), len(text)]
        lines = [line for a, b in pairwise(marks) for line in splitter.feed(text[a:b])]
        lines += splitter.flush()
        *complete, last = text.split(b"\n")
        expected = [piece for line in complete for piece in pieces(line)]
        self.assertEqual(lines, expected + (pieces(last) if last else []))
        self.assertEqual(splitter.flush(), [])

    def test_bounded(self) -> None:
        """A line without end is handed over by and by."""
        splitter = LineSplitter()
        handed = sum(len(splitter.feed(b"x" * 1000)) for _ in range(100))
        self.assertEqual(handed, 100_000 // LINE_MAX)
