"""Tests of rolling restarts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import NotFound
from proactor.jobs.rolling_restarts import Stage
from proactor.model import State, Wanted

from ..support.rig import CONFIG, Rig


class RollingRestartTests(SynchronousTestCase):
    """Batch after batch."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.jobs = self.rig.create_many(4)

    def start(self, *sizes: str) -> None:
        self.restart = self.rig.initiator.restarts.start([job.guid for job in self.jobs], sizes, "operator")
        self.rig.clock.advance(0)

    def incarnations(self) -> list[int]:
        return [job.incarnation for job in self.jobs]

    def test_each_batch_waits_for_the_last(self) -> None:
        """The next batch is restarted when all of the last are ready."""
        self.start("50%")
        self.assertEqual(self.incarnations(), [2, 2, 1, 1])
        self.rig.acknowledge(self.jobs[0])
        self.rig.clock.advance(0)
        self.assertEqual(self.incarnations(), [2, 2, 1, 1])
        self.rig.acknowledge(self.jobs[1])
        self.rig.clock.advance(0)
        self.assertEqual(self.incarnations(), [2, 2, 2, 2])
        for job in self.jobs[2:]:
            self.rig.acknowledge(job)
        self.assertEqual((self.restart.stage, self.restart.record()["ready"]), (Stage.DONE, 4))
        self.successResultOf(self.restart.over)

    def test_one_by_one(self) -> None:
        """Without a size it is one at a time."""
        self.start()
        self.assertEqual(self.incarnations(), [2, 1, 1, 1])
        self.assertEqual(self.restart.record()["batches"], [1, 1, 1, 1])

    def test_one_that_does_not_come_back(self) -> None:
        """Where one ends and is not started again, those behind it are left alone, and it is said why."""
        self.start()
        self.rig.launcher.finish(self.jobs[0].guid, 0)
        self.rig.clock.advance(0)
        self.assertIs(self.jobs[0].state, State.EXITED)
        self.assertEqual(self.incarnations(), [2, 1, 1, 1])
        self.assertEqual(self.restart.stage, Stage.STOPPED)
        self.assertEqual(
            self.restart.record()["problem"], f"{self.jobs[0].guid} did not become ready: exited with status 0"
        )
        self.successResultOf(self.restart.over)

    def test_why(self) -> None:
        """What it said of its end is told as ``create`` and ``ps`` tell it."""
        self.rig = Rig(self, CONFIG.replace("rate = 1\n", "rate = 1\nrestart = never\n"))
        self.jobs = [self.rig.create()]
        self.start()
        job = self.jobs[0]
        self.rig.home.log_path(job.guid).write_bytes(b"no such table\n")
        self.rig.launcher.finish(job.guid, 1)
        self.rig.clock.advance(0)
        self.assertIs(job.state, State.EXITED)
        self.assertEqual(
            self.restart.record()["problem"], f"{job.guid} did not become ready: exited with status 1: no such table"
        )

    def test_one_that_could_not_be_started_again(self) -> None:
        """One for which there could be no other process keeps the one that it has, and those behind it are left alone.

        That is no error of the initiator's: it is said which and why.
        """
        path = self.rig.home.log_path(self.jobs[0].guid)
        path.unlink()
        path.mkdir()
        self.start()
        self.assertEqual((self.incarnations(), self.jobs[0].state), ([1, 1, 1, 1], State.RUNNING))
        self.assertEqual(self.restart.stage, Stage.STOPPED)
        self.assertEqual(
            self.restart.record()["problem"], f"{self.jobs[0].guid} is left as it is: {path}: Is a directory"
        )
        self.successResultOf(self.restart.over)

    def test_deleted_meanwhile(self) -> None:
        """One that is deleted meanwhile is no trouble."""
        self.start()
        self.rig.run(self.rig.fleet.delete(self.jobs[0].guid, "operator"))
        self.rig.run(self.rig.fleet.delete(self.jobs[2].guid, "operator"))
        self.rig.acknowledge(self.jobs[1])
        self.rig.clock.advance(0)
        self.rig.acknowledge(self.jobs[3])
        self.rig.clock.advance(0)
        self.assertEqual(self.restart.stage, Stage.DONE)

    def test_stopped_on_purpose(self) -> None:
        """One that is not wanted to run stays as it is, and does not count."""
        self.rig.run(self.rig.fleet.stop(self.jobs[1].guid, "operator"))
        self.start("50%")
        self.assertEqual((self.restart.record()["wanted"], self.restart.record()["batches"]), (3, [2, 1]))
        for job in (self.jobs[0], *self.jobs[2:]):
            self.rig.acknowledge(job)
            self.rig.clock.advance(0)
        self.assertEqual((self.restart.stage, self.incarnations()), (Stage.DONE, [2, 1, 2, 2]))
        self.assertEqual((self.jobs[1].wanted, self.jobs[1].state), (Wanted.STOPPED, State.STOPPED))

    def test_stopped_meanwhile(self) -> None:
        """One that is stopped before its turn, or in it, is no trouble either: the rest are restarted."""
        self.start()
        self.rig.run(self.rig.fleet.stop(self.jobs[1].guid, "operator"))
        self.rig.acknowledge(self.jobs[0])
        stopped = self.rig.run(self.rig.fleet.stop(self.jobs[2].guid, "operator"))
        self.rig.clock.advance(0)
        self.successResultOf(stopped)
        self.rig.acknowledge(self.jobs[3])
        self.rig.clock.advance(0)
        self.assertEqual((self.restart.stage, self.incarnations()), (Stage.DONE, [2, 1, 2, 2]))
        self.assertEqual([job.state for job in self.jobs[1:3]], [State.STOPPED, State.STOPPED])

    def test_unknown(self) -> None:
        """One that there never was is not found."""
        self.assertRaises(NotFound, self.rig.initiator.restarts.restart, "nothing")
