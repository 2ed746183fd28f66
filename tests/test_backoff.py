# mypy: allow-untyped-calls
"""Exponential backoff."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.backoff import Backoff, Tries

from .support.examples import examples


class BackoffTests(SynchronousTestCase):
    """How long the wait is."""

    def test_growth(self) -> None:
        """The most that a wait takes doubles, up to the cap."""
        backoff = Backoff(first=1, cap=10)
        self.assertEqual([backoff.ceiling(attempt) for attempt in range(6)], [1, 2, 4, 8, 10, 10])

    def test_full_jitter(self) -> None:
        """A wait is drawn from the whole range below that."""
        backoff = Backoff(first=1, cap=10)
        self.assertEqual([backoff.delay(2, partial(float, drawn)) for drawn in (0.0, 0.25, 0.5)], [0.0, 1.0, 2.0])

    @given(
        st.integers(0, 10**9),
        st.floats(0.001, 1e6),
        st.floats(0.001, 1e6),
        st.floats(1, 1e6),
        st.floats(0, 1, exclude_max=True),
    )
    @examples(200)
    def test_never_past_the_cap(self, attempt: int, first: float, cap: float, factor: float, drawn: float) -> None:
        """However long it goes on, a wait is between nothing and the cap."""
        wait = Backoff(first, cap, factor).delay(attempt, lambda: drawn)
        self.assertTrue(0 <= wait <= cap)

    def test_nonsense(self) -> None:
        """Waits that would never grow, or never end, are refused."""
        for arguments in [(0, 1, 2), (1, 0, 2), (1, 1, 0.5)]:
            self.assertRaises(ValueError, Backoff, *arguments)


class TriesTests(SynchronousTestCase):
    """Failed tries in a row."""

    def test_reset(self) -> None:
        """A try that went well begins the sequence anew, and tells how many failed."""
        backoff, tries = Backoff(first=2, cap=100), Tries(lambda: 0.5)
        self.assertEqual([tries.next(backoff) for _ in range(3)], [1, 2, 4])
        self.assertEqual(tries.failed, 3)
        self.assertEqual(tries.reset(), 3)
        self.assertEqual(tries.reset(), 0)
        self.assertEqual(tries.next(backoff), 1)
