"""Tests of timers by name."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.reactor.timers import Timers


class TimersTests(SynchronousTestCase):
    """Setting, setting again, cancelling."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.timers = Timers(self.clock)
        self.called: list[str] = []

    def test_due(self) -> None:
        """It is called once, when it is due."""
        self.timers.set("a", 2, lambda: self.called.append("a"))
        self.clock.advance(1.9)
        self.assertEqual(self.called, [])
        self.clock.advance(0.1)
        self.clock.advance(10)
        self.assertEqual(self.called, ["a"])

    def test_set_again(self) -> None:
        """Set again, it is as if it had not been set before."""
        self.timers.set("a", 1, lambda: self.called.append("old"))
        self.timers.set("a", 2, lambda: self.called.append("new"))
        self.clock.advance(5)
        self.assertEqual(self.called, ["new"])

    def test_set_by_itself(self) -> None:
        """What is called may set itself again."""

        def again() -> None:
            self.called.append("a")
            self.timers.set("a", 1, again)

        self.timers.set("a", 1, again)
        self.clock.pump([1, 1, 1])
        self.assertEqual(self.called, ["a", "a", "a"])

    def test_patient(self) -> None:
        """One that is patient waits as much longer as it comes late, for as long as it was set for at most."""
        for late, more in ((0.5, 0.0), (4, 4), (1000, 10)):
            self.timers.set_patient("a", 10, lambda: self.called.append("a"))
            self.clock.advance(10 + late)
            if more:
                self.assertEqual(self.called, [])
                self.clock.advance(more)
            self.assertEqual(self.called, ["a"])
            self.called.clear()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancel(self) -> None:
        """What is cancelled is not called, and nothing of it stays with the clock; what is not set is no error."""
        self.timers.set("a", 1, lambda: self.called.append("a"))
        self.timers.set("b", 1, lambda: self.called.append("b"))
        self.timers.cancel("a", "nothing")
        self.clock.advance(1)
        self.assertEqual(self.called, ["b"])
        self.timers.set("c", 1, lambda: self.called.append("c"))
        self.timers.cancel_all()
        self.assertEqual(self.clock.getDelayedCalls(), [])
