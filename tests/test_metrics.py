"""Tests of what is measured."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.metrics import REASONS, Metrics, reason
from proactor.model import Exit
from proactor.reactor.lag import PERIOD, LagMeter


class ReasonTests(SynchronousTestCase):
    """Why a process is no more, in a word."""

    def test_words(self) -> None:
        """Any end is one of a few kinds."""
        ends = {
            "not_ready": Exit(None, 15, "not ready within 5 s; ended by SIGTERM"),
            "silent": Exit(None, 9, "silent for 30 s; ended by SIGKILL"),
            "not_started": Exit(None, None, "could not be started: no such file"),
            "signal": Exit(None, 11, "ended by SIGSEGV"),
            "failed": Exit(1, None, "ended with status 1"),
            "finished": Exit(0, None, "ended with status 0"),
            "unknown": Exit(None, None, "it is not known how"),
        }
        self.assertEqual({word: reason(end) for word, end in ends.items()}, {word: word for word in ends})
        self.assertEqual(reason(None), "unknown")
        self.assertEqual({*ends, "operator"}, set(REASONS))


class MetricsTests(SynchronousTestCase):
    """What is counted and timed."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics(self.clock.seconds, lambda _: None)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def test_states(self) -> None:
        """A job counts in the state that it is in, and nowhere when it is no more."""
        self.metrics.count("a", "starting")
        self.metrics.count("a", "running")
        self.metrics.count("b", "running")
        self.metrics.count("b", None)
        self.metrics.count("c", None)
        self.assertEqual(
            (self.value("proactor_jobs", state="running"), self.value("proactor_jobs", state="starting")), (1, 0)
        )

    def test_acknowledgements(self) -> None:
        """The time until a processor says what became of a revision is that since it was given it."""
        self.metrics.fetched("a", 3, True, True)
        self.clock.advance(2)
        self.metrics.acknowledged("a", 2, "applied")
        self.metrics.acknowledged("a", 3, "rejected")
        self.metrics.acknowledged("a", 3, "rejected")
        self.metrics.acknowledged("b", 3, "applied")
        self.assertEqual(self.value("proactor_acknowledgement_seconds_sum"), 2)
        self.assertEqual(self.value("proactor_acknowledgement_seconds_count"), 1)
        self.assertEqual(self.value("proactor_acknowledgements_total", status="applied"), 2)
        self.assertEqual(
            (self.value("proactor_pushes_total"), self.value("proactor_fetches_total", answer="new")), (1, 1)
        )

    def test_bounded(self) -> None:
        """What is remembered of a processor goes with it."""
        self.metrics.count("a", "running")
        self.metrics.fetched("a", 3, True, False)
        self.metrics.count("a", None)
        self.assertEqual((self.metrics._states, self.metrics._given), ({}, {}))

    def test_hooks(self) -> None:
        """What others measure has its place."""
        self.metrics.committed(0.002)
        self.metrics.messages(lambda: 3, lambda: 1, lambda: 2.5)
        self.metrics.message("accepted", 2)
        self.metrics.late(-1)
        self.assertEqual(self.value("proactor_commit_seconds_count"), 1)
        self.assertEqual(
            (self.value("proactor_messages", state="waiting"), self.value("proactor_messages", state="dead")), (3, 1)
        )
        self.assertEqual(self.value("proactor_message_oldest_seconds"), 2.5)
        self.assertEqual(self.value("proactor_message_outcomes_total", outcome="accepted"), 2)
        self.assertEqual(self.value("proactor_reactor_lag_seconds_sum"), 0)

    def test_apart(self) -> None:
        """Two initiators in one process have nothing in common, and the library's own registry has nothing of them."""
        self.metrics.launched()
        other = Metrics(self.clock.seconds, lambda _: None)
        self.assertEqual(other.registry.get_sample_value("proactor_launches_total"), 0)


class LagTests(SynchronousTestCase):
    """How late the reactor is."""

    def test_late(self) -> None:
        """It is told by how much, each time."""
        clock = Clock()
        told: list[float] = []
        meter = LagMeter(clock, told.append)
        meter.start()
        clock.advance(PERIOD)
        clock.advance(PERIOD + 0.25)
        self.assertEqual(told, [0, 0.25])
        meter.stop()
        meter.stop()
        self.assertEqual(clock.getDelayedCalls(), [])
