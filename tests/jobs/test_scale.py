"""Tests of instances: as many of a module as its section says."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.rollout import Pace
from proactor.config.document import parse
from proactor.errors import ProactorError
from proactor.jobs.fleet import Fleet

from ..support.rig import CONFIG, Rig


def config(instances: int, more: str = "") -> str:
    return CONFIG.replace("[my.module]\n", f"[my.module]\ninstances = {instances}\n").replace(
        "[proactor.initiator]\n", f"[proactor.initiator]\n{more}"
    )


class ScaleTests(SynchronousTestCase):
    """Kept at a number."""

    def make(self, instances: int, more: str = "") -> None:
        self.rig = Rig(self, config(instances, more))
        self.rig.initiator.start()
        self.settle()

    def settle(self) -> None:
        self.rig.clock.pump([0] * 5)

    def guids(self) -> list[str]:
        return [job.guid for job in self.rig.fleet.of_module("my.module")]

    def reload(self, text: str) -> None:
        self.rig.run(self.rig.initiator.reload(parse(text, "proactor.cfg"), "test"))
        self.settle()

    def test_at_start(self) -> None:
        """They are launched when the initiator starts; modules without the option are left alone."""
        self.make(3)
        self.assertEqual((len(self.guids()), len(self.rig.fleet.jobs)), (3, 3))

    def test_more(self) -> None:
        """When the file says more, more are launched."""
        self.make(2)
        before = self.guids()
        self.reload(config(4))
        self.assertEqual((self.guids()[:2], len(self.guids())), (before, 4))

    def test_fewer(self) -> None:
        """When it says fewer, the youngest go."""
        self.make(1)
        first = self.guids()
        self.rig.clock.advance(1)
        self.reload(config(3))
        self.reload(config(1))
        self.assertEqual(self.guids(), first)

    def test_edit(self) -> None:
        """An edit over HTTP works like the file."""
        self.make(1)
        edited = Deferred.fromCoroutine(
            self.rig.initiator.rollouts.start(
                lambda: self.rig.configurator.live.draft_edit("my.module", {"instances": "2"}),
                "my.module",
                "test",
                pace=Pace(),
            )
        )
        self.settle()
        self.successResultOf(edited)
        self.assertEqual(len(self.guids()), 2)

    def test_deleted(self) -> None:
        """One that is deleted has another in its place."""
        self.make(2)
        first = self.guids()[0]
        self.rig.run(self.rig.fleet.delete(first, "operator"))
        self.settle()
        self.assertEqual((len(self.guids()), first in self.guids()), (2, False))

    def test_ending(self) -> None:
        """What the end of the initiator keeps it from is nothing to warn of, and is not tried again."""
        self.make(1)

        async def create(fleet: Fleet, *_args: object) -> None:
            fleet.close()
            raise ProactorError("closed: nothing of it was done")

        self.patch(Fleet, "create", create)
        before = len(self.rig.clock.getDelayedCalls())
        with capturedLogs() as logs:
            self.reload(config(2))
        self.assertEqual([event for event in logs if event["log_namespace"] == "proactor.jobs.scale"], [])
        self.assertEqual(len(self.rig.clock.getDelayedCalls()), before)

    def test_no_room(self) -> None:
        """Where there is no room it is tried again later, and said."""
        self.make(3, "max_jobs = 2\n")
        self.assertEqual(self.guids(), [])
        self.reload(config(3, "max_jobs = 5\n"))
        self.assertEqual(len(self.guids()), 3)
        self.rig.clock.advance(5)
        self.settle()
        self.assertEqual(len(self.guids()), 3)
