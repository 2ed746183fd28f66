"""What the tests of rollouts have in common: an initiator in memory with some processors."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.configurator import Plan
from proactor.changes.driven import Driven
from proactor.changes.rollout import Pace, Progress, Rollout, batches
from proactor.model import Job
from proactor.timeline.story import RolloutStory

from ..support.rig import CONFIG, Rig

#: No process is started again by itself: a rollout's watch is what is looked at here.
ONCE = CONFIG.replace("rate = 1\n", "rate = 1\nrestart = never\n")


class Case(SynchronousTestCase):
    """An initiator with processors of ``my.module``, whose rate is 2."""

    count = 4

    def setUp(self) -> None:
        self.rig = Rig(self, ONCE)
        self.jobs = self.rig.create_many(self.count)

    def begin(
        self, pace: Pace | None = None, wait: bool = True, section: str = "my.module", **options: str
    ) -> Deferred[tuple[Plan, Rollout | None]]:
        live = self.rig.configurator.live
        starting = self.rig.initiator.rollouts.start(
            lambda: live.draft_edit(section, options), section, "test", pace or Pace(), wait
        )
        deferred = Deferred.fromCoroutine(starting)
        self.rig.clock.advance(0)
        return deferred

    def start(self, pace: Pace | None = None, section: str = "my.module", **options: str) -> Rollout:
        changed = options or {"rate": "3"}
        _, rollout = self.successResultOf(self.begin(pace, True, section, **changed))
        assert rollout is not None
        return rollout

    def rates(self) -> list[str]:
        """What each is offered."""
        return [self.rig.values(job)["rate"] for job in self.jobs if job.guid in self.rig.fleet.jobs]

    def acknowledge(self, *jobs: Job, rejected: str | None = None) -> None:
        for job in jobs:
            self.rig.acknowledge(job, rejected=rejected)
        self.rig.clock.advance(0)

    def kill(self, job: Job) -> None:
        self.rig.launcher.kill(job.guid)
        self.rig.clock.advance(0)

    def story(self, rollout: Rollout) -> list[tuple[str, Any]]:
        """The timeline, in short: what, and who."""
        numbers = {job.guid: number for number, job in enumerate(self.jobs)}

        def who(event: Any) -> Any:
            if "guid" in event:
                return numbers[event["guid"]]
            found = event.get("processors")
            return [numbers[guid] for guid in found] if isinstance(found, list) else None

        events = rollout.record()["events"]
        self.assertEqual([event["id"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual([event["time"] for event in events], sorted(event["time"] for event in events))
        return [(event["event"], who(event)) for event in events]

    def driven(self, *sizes: str, **pace: Any) -> Driven:
        """A rollout of the present revision over all of them, that nobody else knows of."""
        live, guids = self.rig.configurator.live, [job.guid for job in self.jobs]
        planned = batches(guids, Pace(sizes, **pace))
        rollout = Rollout(live.revision, "my.module", "test", self.rig.now(), Pace(sizes, **pace), planned)
        rollout.progress = dict.fromkeys(guids, Progress.HELD)
        rollout.batch = 1
        rollout.send(planned[0])
        return Driven(rollout, RolloutStory(self.rig.now, self.rig.fleet.timeline, rollout, lambda _: "my.module"))

    def says(self, driven: Driven, *jobs: Job, rejected: str | None = None) -> None:
        """Have processors answer."""
        for job in jobs:
            happened = driven.rollout.heard(job.guid, driven.rollout.revision, rejected)
            if happened is not None:
                driven.heard(happened, job.guid, {})
