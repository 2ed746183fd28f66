"""Tests of how jobs are forgotten, in memory."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from proactor.errors import StorageFull

from .case import Case, config


class DeletionTests(Case):
    """One job that is deleted."""

    def begin(self) -> Deferred[None]:
        """Delete it."""
        return Deferred.fromCoroutine(self.rig.delete(self.job.guid))

    def test_nothing_left(self) -> None:
        """Nothing is left of it: no record, no socket, no lock, no log."""
        guid, log = self.job.guid, self.rig.home.log_path(self.job.guid)
        self.assertTrue(log.exists())
        deleted = self.begin()
        self.rig.clock.pump([0, 0])
        self.successResultOf(deleted)
        self.assertEqual((self.rig.fleet.jobs, self.rig.store.load().jobs), ({}, {}))
        self.assertEqual((self.rig.keeper.kept, self.rig.locks.taken, self.rig.keeper.logs), (set(), {}, {}))
        self.assertFalse(log.exists())
        self.assertEqual([each.kind for each in self.rig.fleet.timeline.last() if each.guid == guid][-1], "deleted")

    def test_by_two(self) -> None:
        """Two who delete it at the same time both wait until it is gone; it goes once."""
        self.rig.launcher.stubborn = True
        both = [self.begin(), self.begin()]
        self.assertEqual([each.called for each in both], [False, False])
        self.rig.clock.pump([5, 0, 0])
        for each in both:
            self.successResultOf(each)
        self.assertEqual(self.kinds().count("deleted"), 1)

    def test_not_kept(self) -> None:
        """Where that cannot be kept it is one of the jobs still, and another may come to delete it."""
        self.rig.launcher.stubborn = True
        deleted = self.begin()
        self.rig.store.fail(StorageFull("no room"))
        self.rig.clock.pump([5, 0])
        self.failureResultOf(deleted, StorageFull)
        self.assertEqual(list(self.rig.fleet.jobs), [self.job.guid])
        self.rig.store.recover()
        again = self.begin()
        self.rig.clock.pump([0, 0])
        self.successResultOf(again)
        self.assertEqual(self.rig.fleet.jobs, {})

    def test_log_makes_room(self) -> None:
        """Where there is no room to forget it, what it wrote goes first: that it is to go is kept already."""
        self.rig.launcher.stubborn = True
        deleted = self.begin()
        log = self.rig.home.log_path(self.job.guid)
        self.rig.store.fail(StorageFull("no room"), 1)
        self.rig.clock.pump([5, 0, 0])
        self.successResultOf(deleted)
        self.assertEqual((self.rig.fleet.jobs, log.exists()), ({}, False))

    def test_let_go(self) -> None:
        """What is not over when the initiator leaves its processes to the next one, that one brings to its end."""
        self.rig.launcher.stubborn = True
        deleted = self.begin()
        self.rig.fleet.let_go()
        self.successResultOf(deleted)
        self.assertEqual((self.job.alive, list(self.rig.store.load().jobs)), (True, [self.job.guid]))
        after = self.rig.reborn(config())
        self.assertEqual(list(after.fleet.jobs), [self.job.guid])
        after.clock.pump([5, 5, 0])
        self.assertEqual((after.fleet.jobs, after.launcher.running), ({}, []))
