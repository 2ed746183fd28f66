"""Tests of how long one log is worked on, on a clock of their own."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.logstore.turn import LINGER, SLICE, Turn


class TurnTests(SynchronousTestCase):
    """The turns of one log, of which each step takes some milliseconds."""

    def setUp(self) -> None:
        self.now = 0.0
        self.steps = 0
        self.turn = Turn(lambda: self.now, self.pause)

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def step(self, count: int) -> bool:
        """One of so many."""
        if self.steps == count:
            return False
        self.steps += 1
        self.now += 0.003
        return True

    def test_alone(self) -> None:
        """While nobody waits all is done, however long it takes, and what comes soon after it as well."""
        self.assertFalse(self.turn.take(lambda: self.step(100), lambda: False))
        self.assertEqual(self.steps, 100)
        self.assertAlmostEqual(self.now, 100 * 0.003 + LINGER, 2)

    def test_nothing(self) -> None:
        """Where there is nothing to do it is over at once."""
        self.assertFalse(self.turn.take(lambda: False, lambda: False))
        self.assertEqual(self.now, 0)

    def test_others(self) -> None:
        """While others wait it is over after a while, and more is to do."""
        self.assertTrue(self.turn.take(lambda: self.step(100), lambda: True))
        self.assertEqual(self.steps, 4)
        self.assertGreaterEqual(self.now, SLICE)

    def test_others_come(self) -> None:
        """Nor is one that might be written to kept in view when others wait."""
        self.assertFalse(self.turn.take(lambda: self.step(1), lambda: True))
        self.assertAlmostEqual(self.now, 0.003)

    def test_closed(self) -> None:
        """One that is closed ends, with what is under way."""

        def step() -> bool:
            self.turn.closed = True
            return self.step(100)

        self.assertFalse(self.turn.take(step, lambda: False))
        self.assertFalse(self.turn.take(step, lambda: False))
        self.assertEqual(self.steps, 1)
