"""Tests of what the rest of the initiator is told by the supervision of jobs, in memory."""

from __future__ import annotations

from proactor.model import Exit, Job

from .case import Case


class LiaisonTests(Case):
    """One job, and who hears of it."""

    def setUp(self) -> None:
        super().setUp()
        self.ends: list[tuple[str, bool]] = []
        self.looks: list[bool] = []
        self.rig.fleet.heard.end = self.ended
        self.rig.fleet.heard.readiness = lambda job: self.looks.append(job.ready)

    def ended(self, job: Job, exit_: Exit, on_purpose: bool) -> None:
        """The job still has its number."""
        self.assertIsNotNone(job.pid)
        self.ends.append((exit_.reason, on_purpose))

    def test_watched_by_the_keeper(self) -> None:
        """Its process would be ended were the initiator killed, and only while there is one."""
        self.assertEqual(self.rig.keeper.watched, {self.job.pid: 5.0})
        self.finish(0)
        self.assertEqual(self.rig.keeper.watched, {})

    def test_ends(self) -> None:
        """Of each end it is told how it came, and whether it was wanted."""
        self.finish(1)
        self.rig.clock.advance(2)
        self.rig.run(self.supervised.stop("operator"))
        self.assertEqual(self.ends, [("exited with status 1", False), ("ended by SIGTERM", True)])

    def test_readiness(self) -> None:
        """Whoever is ready, or not any more, is looked at then."""
        self.ready()
        self.assertTrue(self.looks[-1])
        self.finish(1)
        self.assertFalse(self.looks[-1])

    def test_usage(self) -> None:
        """What a process uses is known while there is one: here it is no process of this machine."""
        self.assertIsNone(self.rig.fleet.detailed(self.job)["resources"])
        self.finish(0)
        self.assertIsNone(self.rig.fleet.detailed(self.job)["resources"])
