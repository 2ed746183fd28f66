"""Tests of the making of many jobs, in memory."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Unavailable
from proactor.jobs.fleet import Order

from ..support.rig import Rig


class ManyTests(SynchronousTestCase):
    """Many that are ordered at once."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        # Each look at the clock takes a millisecond: so long is what is done in between.
        self.rig.clock.step = 0.001

    def test_in_slices(self) -> None:
        """Other work has its turn while they are made."""
        created = Deferred.fromCoroutine(self.rig.fleet.create(Order("my.module", 50), "test"))
        self.assertNoResult(created)
        turns = 0
        while not created.called:
            before = len(self.rig.fleet.jobs)
            self.rig.clock.turn()
            self.assertLess(len(self.rig.fleet.jobs) - before, 10)
            turns += 1
        self.assertGreater(turns, 5)
        self.rig.clock.step = 0.0
        self.rig.clock.advance(0)
        self.assertEqual(len(self.successResultOf(created)), 50)
        self.assertEqual(len(self.rig.launcher.specs), 50)

    def test_stop_in_the_middle(self) -> None:
        """An initiator that is stopped while they are made launches none of them, and nothing of them is left."""
        created = Deferred.fromCoroutine(self.rig.fleet.create(Order("my.module", 50), "test"))
        stopped = Deferred.fromCoroutine(self.rig.initiator.stop())
        while not created.called:
            self.rig.clock.turn()
        self.failureResultOf(created, Unavailable)
        self.rig.clock.step = 0.0
        self.rig.clock.advance(0)
        self.successResultOf(stopped)
        self.assertEqual((self.rig.fleet.jobs, self.rig.launcher.specs), ({}, []))
