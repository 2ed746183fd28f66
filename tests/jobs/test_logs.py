from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.logstore import Limits

from ..support.rig import CONFIG, Rig


class LimitTests(SynchronousTestCase):
    """What the guardian is told of the logs of jobs."""

    def setUp(self) -> None:
        options = "[my.module]\nlog_max_bytes = 1000000\nlog_backups = 1\n"
        self.config = CONFIG.replace("[my.module]\n", options)
        self.rig = Rig(self, self.config)
        self.job = self.rig.create()

    def cut(self) -> dict[str, int]:
        return self.rig.keeper.logs

    def test_told(self) -> None:
        """It is told of each log, with less than the log may take altogether; of none of a job that is gone."""
        limits = Limits.within(1_000_000, 1)
        self.assertEqual(limits.cap, 2_000_000)
        self.assertEqual(self.cut(), {self.job.guid: limits.cut})
        self.assertTrue(limits.backup_bytes + limits.cut < limits.cap)
        self.rig.run(self.rig.delete(self.job.guid))
        self.assertEqual(self.cut(), {})

    def test_adopted(self) -> None:
        """The next initiator tells of it as well."""
        self.rig.acknowledge(self.job)
        again = self.rig.reborn(self.config)
        self.assertEqual(again.keeper.logs, self.cut())
