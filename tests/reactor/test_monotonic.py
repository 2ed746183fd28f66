"""Tests of timers that the time of day does not move."""

from __future__ import annotations

import time

from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase

from proactor.reactor.monotonic import use_monotonic_clock


class MonotonicTests(SynchronousTestCase):
    """What a reactor takes for the time."""

    def setUp(self) -> None:
        self.reactor = SelectReactor()
        self.addCleanup(lambda: [each.close() for each in self.reactor.removeAll() if hasattr(each, "close")])

    def test_timers(self) -> None:
        """A timer is due by the clock that only goes forward."""
        self.assertTrue(use_monotonic_clock(self.reactor))
        due = self.reactor.callLater(1000, lambda: None)
        self.assertLess(abs(due.getTime() - time.monotonic() - 1000), 100)
        due.cancel()

    def test_too_late(self) -> None:
        """With timers set by the other clock nothing is changed."""
        due = self.reactor.callLater(1000, lambda: None)
        self.assertFalse(use_monotonic_clock(self.reactor))
        self.assertLess(abs(self.reactor.seconds() - time.time()), 100)
        due.cancel()
