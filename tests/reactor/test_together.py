"""Tests of timers that come together."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from proactor.reactor.slices import SLICE
from proactor.reactor.together import EARLY, Together

from ..support.rig import WorkingClock


class TogetherTests(SynchronousTestCase):
    """When they come, and that they do."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.together = Together(self.clock)
        self.came: list[tuple[str, float]] = []

    def later(self, seconds: float, name: str = "it") -> None:
        self.together.later(seconds, lambda: self.came.append((name, self.clock.seconds())))

    def test_one_turn(self) -> None:
        """Those that are due at about the same time come in one turn, by one timer."""
        self.clock.advance(1000.25)
        for number in range(20):
            self.later(30, str(number))
            self.clock.advance(1 / 32)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.pump([0.01] * 3000)
        self.assertEqual([name for name, _ in self.came], [str(number) for number in range(20)])
        self.assertEqual(len({moment for _, moment in self.came}), 1)

    def test_lengths_meet(self) -> None:
        """Those of different lengths that are due at about the same time do as well."""
        self.later(30.5)
        self.clock.advance(15)
        self.later(15.4)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    @given(st.floats(0, 1e9), st.floats(1e-3, 1e6))
    def test_a_little_early(self, now: float, seconds: float) -> None:
        """One is never late, and early by a part of its time at most."""
        clock = Clock()
        clock.advance(now)
        Together(clock).later(seconds, lambda: None)
        (timer,) = clock.getDelayedCalls()
        waits = timer.getTime() - now
        # A clock that shows so much does not show less than a part of it.
        self.assertLessEqual(waits, seconds + now * 1e-15)
        self.assertGreaterEqual(waits, seconds * (1 - EARLY) - now * 1e-15)

    def test_taken_back(self) -> None:
        """What is taken back does not come, and leaves no timer; done again, or too late, that is nothing."""
        back = [self.together.later(30, partial(self.came.append, (str(number), 0.0))) for number in range(3)]
        back[0]()
        back[0]()
        self.clock.advance(30)
        back[2]()
        self.assertEqual([name for name, _ in self.came], ["1", "2"])
        self.together.later(30, self.fail)()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_taken_back_by_another(self) -> None:
        """One that has come may take back the next, or wait again."""

        def come() -> None:
            back()
            self.later(30)

        self.together.later(30, come)
        back = self.together.later(30, self.fail)
        self.clock.advance(30)
        self.clock.advance(30)
        self.assertEqual(len(self.came), 1)

    def test_failure(self) -> None:
        """One that fails is logged, and keeps no other from coming."""

        def fails() -> None:
            raise ValueError("no")

        self.together.later(30, fails)
        self.later(30)
        with capturedLogs() as logged:
            self.clock.advance(30)
        self.assertEqual(
            ([name for name, _ in self.came], [each["log_level"] for each in logged]), (["it"], [LogLevel.critical])
        )
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_many(self) -> None:
        """However many they are, others have their turns in between."""
        clock = WorkingClock()
        together = Together(clock)
        for _ in range(100):
            together.later(30, partial(self.came.append, ("it", 0.0)))
        clock.step = SLICE / 10
        clock.advance(30)
        self.assertGreater(len(self.came), 1)
        self.assertLess(len(self.came), 50)
        while len(self.came) < 100:
            clock.turn()
        clock.step = 0.0
