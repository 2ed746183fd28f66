"""Tests of the wait before a job's next start, on a test's clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.next_start import NextStart
from proactor.model import Job

from ..support.examples import examples

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


class Waiting:
    """A job that may wait, and how often it was started."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.job = Job("0" * 32, "m", "fork", 1, "http://h:1", NOON)
        self.next_start = NextStart(self.job, self.clock, self.now)
        self.started = 0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.clock.seconds())

    def start(self) -> None:
        assert self.job.next_start is None
        self.started += 1


class NextStartTests(SynchronousTestCase):
    """The wait of one job."""

    def setUp(self) -> None:
        self.waiting = Waiting()
        self.clock, self.job, self.next_start = self.waiting.clock, self.waiting.job, self.waiting.next_start
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))

    def test_over(self) -> None:
        """It says when it is over, and then no more."""
        self.next_start.wait(4, self.waiting.start)
        self.assertEqual(self.job.next_start, NOON + timedelta(seconds=4))
        self.clock.advance(3.9)
        self.assertEqual(self.waiting.started, 0)
        self.clock.advance(0.1)
        self.assertEqual((self.waiting.started, self.job.next_start), (1, None))

    def test_again(self) -> None:
        """There is one at a time: the last that was wanted."""
        self.next_start.wait(4, self.waiting.start)
        self.next_start.wait(8, self.waiting.start)
        self.clock.advance(7)
        self.assertEqual(self.waiting.started, 0)
        self.clock.advance(1)
        self.assertEqual(self.waiting.started, 1)

    def test_left(self) -> None:
        """One that is left is for the next initiator, which waits for what is left of it."""
        self.next_start.wait(8, self.waiting.start)
        self.clock.advance(3)
        self.next_start.leave()
        after = NextStart(self.job, self.clock, self.waiting.now)
        self.clock.advance(2)
        after.go_on(30, self.waiting.start)
        self.clock.advance(2.9)
        self.assertEqual(self.waiting.started, 0)
        self.clock.advance(0.1)
        self.assertEqual(self.waiting.started, 1)

    def test_clock_was_set(self) -> None:
        """A wait that is over, or that nothing is known of, is at once; none is longer than it can have been."""
        for said, seconds in ((NOON - timedelta(1), 0), (None, 0), (NOON + timedelta(1), 30)):
            self.job.next_start, before = said, self.waiting.started
            self.next_start.go_on(30, self.waiting.start)
            (call,) = self.clock.getDelayedCalls()
            self.assertEqual(call.getTime() - self.clock.seconds(), seconds)
            self.clock.advance(seconds)
            self.assertEqual(self.waiting.started, before + 1)
            self.clock.rightNow = 0.0


class Machine(RuleBasedStateMachine):
    """Everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = Waiting()

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.waiting.next_start.wait(seconds, self.waiting.start)

    @rule()
    def cancel(self) -> None:
        self.waiting.next_start.cancel()

    @rule(seconds=st.floats(0, 100))
    def advance(self, seconds: float) -> None:
        self.waiting.clock.advance(seconds)

    @invariant()
    def told(self) -> None:
        times = [self.waiting.clock.seconds(), *(call.getTime() for call in self.waiting.clock.getDelayedCalls())]
        assert len(times) == 1 + (self.waiting.job.next_start is not None)


class MachineTests(SynchronousTestCase):
    """What holds whatever happens."""

    def test_any_order(self) -> None:
        """The record says when the next start is while there is one to come, and only then."""
        run_state_machine_as_test(Machine, settings=examples(50))
