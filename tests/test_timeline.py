"""Tests of the timeline."""

from __future__ import annotations

from datetime import datetime, timezone

from twisted.trial.unittest import SynchronousTestCase

from proactor.timeline import KEPT_OF_JOB, Timeline

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


class TimelineTests(SynchronousTestCase):
    """What is remembered."""

    def test_record(self) -> None:
        """An event says when, what, of whom, why, by whom."""
        event = Timeline().add(NOON, "running", "g", "it answers", "operator", before="starting")
        self.assertEqual(
            event.record(),
            {
                "id": 1,
                "time": "2026-01-02T12:00:00.000Z",
                "event": "running",
                "guid": "g",
                "cause": "it answers",
                "actor": "operator",
                "before": "starting",
            },
        )

    def test_of_a_job(self) -> None:
        """Each job has its own, in order, and only the last of it."""
        timeline = Timeline()
        for number in range(KEPT_OF_JOB + 5):
            timeline.add(NOON, f"a{number}", "a", "", "")
            timeline.add(NOON, f"b{number}", "b", "", "")
        events = timeline.of("a")
        self.assertEqual([events[0].kind, events[-1].kind], ["a5", f"a{KEPT_OF_JOB + 4}"])
        self.assertEqual([each.kind for each in timeline.last(2)], [f"a{KEPT_OF_JOB + 4}", f"b{KEPT_OF_JOB + 4}"])

    def test_forgotten_job(self) -> None:
        """What happened to a job that is no more stays among all."""
        timeline = Timeline()
        timeline.add(NOON, "deleted", "a", "", "")
        timeline.forget("a")
        self.assertEqual((timeline.of("a"), len(timeline.last(10))), ([], 1))
