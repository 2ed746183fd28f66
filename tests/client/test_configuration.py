"""Tests of the client: the configuration, edits on their way, the timeline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from twisted.trial.unittest import SynchronousTestCase

from proactor.client import Event, NotFound, Overtaken, RolloutEvent
from proactor.client.configuration import Pacing
from proactor.client.timeline import Chosen, Gap

from .support import Memory


class ConfigurationTests(SynchronousTestCase):
    """What is read and edited."""

    def setUp(self) -> None:
        self.memory = Memory(self)
        self.config = self.memory.client.config
        self.run_ = self.memory.run

    def test_read(self) -> None:
        """All sections are read, one of them, and a processor's with what it comes to."""
        job = self.memory.rig.create()
        sections = self.run_(self.config.sections())
        self.assertEqual(sections.sections["my.module"]["rate"], "2")
        section = self.run_(self.config.section("my.module"))
        self.assertEqual((section.section, section.options["rate"]), ("my.module", "2"))
        self.assertEqual(self.run_(self.config.resolved(job.guid))["rate"], "2")
        self.memory.fail(self.config.section("nope"), NotFound)

    def test_nothing_to_follow(self) -> None:
        """What cannot be followed is refused in the words of what cannot be shown."""
        client = self.memory.client

        for stream in (client.rollouts.follow("999"), client.jobs.follow_log("0" * 32)):

            async def read(stream: AsyncIterator[object] = stream) -> None:
                await anext(stream)

            self.assertIn("there is no ", self.memory.fail(read(), NotFound).detail)

    def test_explain(self) -> None:
        """A value is explained by the chain by which it came."""
        job = self.memory.rig.create()
        explained = self.run_(self.config.explain(job.guid)).options["rate"]
        self.assertEqual(explained.value, "2")
        self.assertEqual([setting.section for setting in explained.chain], [job.guid, "my.module"])
        self.assertEqual(explained.chain[-1].line, 11)

    def test_plan(self) -> None:
        """A plan says what would change, and nothing has."""
        job = self.memory.rig.create()
        plan = self.run_(self.config.edit("my.module", {"rate": 3}, plan=True))
        change = plan.changes[job.guid]["rate"]
        self.assertEqual((change.from_, change.to), ("2", "3"))
        self.assertEqual((plan.overrides["rate"].text, plan.overrides["rate"].line), ("2", 11))
        self.assertEqual(self.run_(self.config.section("my.module")).options["rate"], "2")

    def test_edit(self) -> None:
        """An edit is waited for until each processor has said what became of it."""
        job = self.memory.rig.create()
        pacing = Pacing(["1", "50%"], [job.guid], watch=1, timeout=20, revert=False, conflict="refuse")
        waiting = self.memory.begin(self.config.edit("my.module", {"rate": 3}, pacing=pacing, wait=100))
        self.memory.turn(10)
        self.assertNoResult(waiting)
        self.memory.rig.acknowledge(job)
        self.memory.turn(2)
        plan = self.successResultOf(waiting)
        assert plan.outcome is not None
        self.assertEqual((plan.outcome.state, plan.outcome.applied, plan.outcome.over), ("done", 1, True))

    def test_overtaken(self) -> None:
        """An edit against a revision that is not the last is refused."""
        revision = self.run_(self.config.edit("my.module", {"rate": 3})).revision
        self.run_(self.config.edit("my.module", {"rate": 4}, revision=revision))
        self.memory.fail(self.config.edit("my.module", {"rate": 5}, revision=revision), Overtaken)

    def test_back(self) -> None:
        """The history tells of each edit, and there is a way back."""
        revision = self.run_(self.config.edit("my.module", {"rate": 3})).revision
        self.run_(self.config.edit("my.module", {"rate": None, "colour": "blue"}))
        one, two = self.run_(self.config.history("my.module"))
        self.assertEqual((one.revision, one.changes["rate"].to, one.actor), (revision, "3", "operator (token)"))
        self.assertEqual((two.changes["rate"].from_, two.changes["rate"].to), ("3", None))
        self.run_(self.config.rollback("my.module", revision))
        self.assertEqual(self.run_(self.config.section("my.module")).options, {"rate": "3", "colour": "red"})

    def test_rollout(self) -> None:
        """A rollout is looked at, and followed from where one is to its end."""
        job = self.memory.rig.create()
        plan = self.run_(self.config.edit("my.module", {"rate": 3}))
        assert plan.rollout is not None
        self.assertEqual(self.run_(self.memory.client.rollouts.get(plan.rollout)).processors, {job.guid: "sent"})
        rollout = plan.rollout

        async def follow() -> list[RolloutEvent]:
            return [event async for event in self.memory.client.rollouts.follow(rollout, after=2)]

        following = self.memory.begin(follow())
        self.memory.rig.acknowledge(job)
        self.memory.turn()
        heard = self.successResultOf(following)
        self.assertEqual(([event.event for event in heard], heard[0].guid), (["applied", "done"], job.guid))


class TimelineTests(SynchronousTestCase):
    """What happens."""

    def test_list(self) -> None:
        """The last events come as values, those that were chosen."""
        memory = Memory(self)
        job = memory.rig.create()
        events = memory.run(memory.client.events.list(Chosen(job.guid, ["running"], ["my.module"])))
        self.assertEqual(
            [(event.guid, event.event, event.module) for event in events], [(job.guid, "running", "my.module")]
        )
        self.assertEqual(memory.run(memory.client.events.last()), events[-1].id)
        self.assertEqual(memory.run(memory.client.events.list(before=2, tail=5))[0].id, 1)

    def test_follow(self) -> None:
        """They are followed as they come, until one leaves."""
        memory = Memory(self)
        heard: list[Event | Gap] = []

        async def follow() -> None:
            async with aclosing(memory.client.events.follow(Chosen(events=["running"]), tail=1)) as events:
                async for event in events:
                    heard.append(event)
                    if len(heard) == 2:
                        return

        following = memory.begin(follow())
        jobs = memory.rig.create_many(2)
        memory.turn()
        self.successResultOf(following)
        self.assertEqual([event.guid for event in heard if isinstance(event, Event)], [job.guid for job in jobs])

    def test_health(self) -> None:
        """It says that it lives, that it is ready, what it counts; and it is ended."""
        memory = Memory(self)
        client = memory.client
        self.assertEqual(memory.run(client.health()).status, "ok")
        self.assertEqual(memory.run(client.readiness()).status, "ready")
        self.assertIn("proactor_jobs", memory.run(client.metrics()))
        self.assertEqual(memory.run(client.log_level()).level, "info")
        changed = memory.run(client.set_log_level("debug", 60, "proactor.web")).namespaces["proactor.web"]
        self.assertEqual(changed.level, "debug")
        self.assertIsNotNone(changed.until)
        memory.run(client.shut_down(keep=True))
