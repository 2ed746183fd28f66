"""Tests of trace contexts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.tracing import trace_of, traceparent

TRACE = "0af7651916cd43dd8448eb211c80319c"


class TracingTests(SynchronousTestCase):
    """``traceparent``."""

    def test_read(self) -> None:
        """The trace is the second part; a later version may have more of them."""
        for text in (
            f"00-{TRACE}-b7ad6b7169203331-01",
            f" 00-{TRACE}-b7ad6b7169203331-00 ",
            f"cc-{TRACE}-b7ad6b7169203331-01-x",
        ):
            self.assertEqual(trace_of(text), TRACE, text)

    def test_none(self) -> None:
        """What is no such thing names no trace."""
        for text in (
            None,
            "",
            TRACE,
            f"ff-{TRACE}-b7ad6b7169203331-01",
            f"00-{TRACE}-b7ad6b7169203331-01-x",
            f"00-{TRACE.upper()}-b7ad6b7169203331-01",
            f"00-{'0' * 32}-b7ad6b7169203331-01",
            f"00-{TRACE}-{'0' * 16}-01",
            f"cc-{TRACE}-b7ad6b7169203331-01-{'x' * 1000}",
        ):
            self.assertIsNone(trace_of(text), text)

    def test_handed_on(self) -> None:
        """What hands a trace on names it, each time as another part of it."""
        first, second = traceparent(TRACE), traceparent(TRACE)
        self.assertEqual((trace_of(first), trace_of(second)), (TRACE, TRACE))
        self.assertNotEqual(first, second)

    @given(st.text())
    def test_any(self, text: str) -> None:
        """Whatever it is, nothing but a trace comes of it."""
        found = trace_of(text)
        self.assertTrue(found is None or len(found) == 32)
