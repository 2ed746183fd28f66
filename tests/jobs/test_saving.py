"""Tests of what is saved of jobs, in memory."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from proactor.errors import StorageFull
from proactor.model import State, Wanted
from proactor.saved import SavedJob

from .case import Case


class SavingTests(Case):
    """One job, and what the store has of it."""

    def saved(self) -> SavedJob:
        return self.rig.store.load().jobs[self.job.guid]

    def test_wished(self) -> None:
        """What is wished is kept, and is not so yet."""
        saving = self.rig.fleet.saving
        self.rig.run(saving.keep(self.job, wanted=Wanted.STOPPED, doomed=True))
        self.assertEqual((self.saved().wanted, self.saved().doomed), (Wanted.STOPPED, True))
        self.assertEqual((self.job.wanted, self.job.doomed), (Wanted.RUNNING, False))

    def test_not_kept(self) -> None:
        """What cannot be kept is told."""
        self.rig.store.fail(StorageFull("no room"))
        kept = Deferred.fromCoroutine(self.rig.fleet.saving.keep(self.job, wanted=Wanted.STOPPED))
        self.rig.clock.advance(0)
        self.failureResultOf(kept, StorageFull)
        self.assertIs(self.saved().wanted, Wanted.RUNNING)

    def test_seen(self) -> None:
        """What is seen is kept, of a job that there is; of one that is gone nothing comes back."""
        self.ready()
        self.assertIs(self.saved().state, State.RUNNING)
        self.assertEqual(self.saved().joined, self.rig.configurator.live.member(self.job.guid).created)
        deleted = self.rig.begin(f"DELETE /job/{self.job.guid}")
        self.rig.clock.pump([0, 0, 0])
        self.assertTrue(deleted.answered)
        self.rig.fleet.saving.note(self.job)
        self.assertEqual(self.rig.store.load().jobs, {})
