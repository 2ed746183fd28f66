"""Tests of ``proactor rm``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..client.support import Memory
from ..support.rig import CONFIG
from .support import typed, typed_in


class RemovingTests(SynchronousTestCase):
    """Jobs are forgotten."""

    def test_gone(self) -> None:
        """It tells of each that it is gone."""
        memory = Memory(self)
        job = memory.rig.create()
        found = typed_in(memory, "rm", job.guid[:6])
        self.assertEqual((found.code, found.out, found.err), (0, f"{job.guid[:8]}  my.module  gone\n", ""))
        self.assertEqual(memory.rig.fleet.jobs, {})

    def test_others(self) -> None:
        """Where a number of the module is kept it is said that others come, and what to say to have none."""
        memory = Memory(self, config=CONFIG.replace("colour = red", "colour = red\ninstances = 1"))
        job = memory.rig.create()
        found = typed_in(memory, "rm", job.guid)
        self.assertEqual(
            found.err,
            "[my.module] instances = 1: others are launched in their place. To have none: proactor scale my.module 0\n",
        )

    def test_nobody_to_ask(self) -> None:
        """All of a module are removed by who says so twice."""
        found = typed("rm", "--module", "ticker", "--url", "http://127.0.0.1:9")
        self.assertEqual(found.code, 2)
        self.assertIn("say --yes", found.err)
