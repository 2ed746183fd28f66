from __future__ import annotations

from typing import Any
from unittest.mock import Mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.configurator import Plan
from proactor.changes.rollout import Pace, Rollout
from proactor.changes.rollouts import KEPT
from proactor.config.document import parse
from proactor.errors import Conflict, NotFound, Overtaken
from proactor.model import Answer, Job
from proactor.options import Option

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


class BatchTests(Case):
    """Batch after batch."""

    def test_at_once(self) -> None:
        """Without batches all get it at once; it is done when all have answered."""
        rollout = self.start()
        self.assertEqual(self.rates(), ["3"] * 4)
        self.acknowledge(*self.jobs[:3])
        self.assertFalse(rollout.over)
        self.acknowledge(self.jobs[3])
        self.assertEqual((rollout.stage.value, rollout.problem), ("done", None))
        self.assertEqual(
            self.story(rollout),
            [("started", None), ("batch", [0, 1, 2, 3]), *(("applied", number) for number in range(4)), ("done", None)],
        )

    def test_in_batches(self) -> None:
        """Each batch gets it when the one before has answered, and not before."""
        rollout = self.start(Pace(("1", "2")))
        self.assertEqual(self.rates(), ["3", "2", "2", "2"])
        self.acknowledge(self.jobs[0])
        self.assertEqual(self.rates(), ["3", "3", "3", "2"])
        self.acknowledge(self.jobs[1])
        self.assertEqual(self.rates(), ["3", "3", "3", "2"])
        self.acknowledge(self.jobs[2])
        self.assertEqual(self.rates(), ["3"] * 4)
        self.acknowledge(self.jobs[3])
        self.assertEqual(rollout.stage.value, "done")
        self.assertEqual([event for event, _ in self.story(rollout)].count("batch"), 3)

    def test_watch(self) -> None:
        """The next batch waits until the last has stayed well for so long; so does the end."""
        rollout = self.start(Pace(("2",), watch=5))
        self.acknowledge(self.jobs[0])
        self.rig.clock.advance(20)
        self.acknowledge(self.jobs[1])
        self.rig.clock.advance(4.9)
        self.assertEqual(self.rates(), ["3", "3", "2", "2"])
        self.rig.clock.advance(0.1)
        self.assertEqual(self.rates(), ["3"] * 4)
        self.acknowledge(*self.jobs[2:])
        self.rig.clock.advance(4.9)
        self.assertFalse(rollout.over)
        self.rig.clock.advance(0.1)
        self.assertEqual(rollout.stage.value, "done")

    def test_woken(self) -> None:
        """A processor that waits for a change is woken when its batch comes, and not before."""
        woken = []
        for number, job in enumerate(self.jobs):
            revision = self.rig.configurator.live.offered(job.guid)
            waiting = Deferred.fromCoroutine(self.rig.configurator.waiting.changed(job.guid, revision, 60))
            waiting.addCallback(lambda _, who: woken.append(who), number)
        self.start(Pace(("2",)))
        self.assertEqual(woken, [0, 1])
        self.acknowledge(*self.jobs[:2])
        self.assertEqual(woken, [0, 1, 2, 3])
        self.acknowledge(*self.jobs[2:])

    def test_newcomer(self) -> None:
        """Who is created while it is under way has it from the start, and is not waited for."""
        rollout = self.start(Pace(("2",)))
        newcomer = self.rig.create()
        self.assertEqual(self.rig.values(newcomer)["rate"], "3")
        self.acknowledge(*self.jobs[:2])
        self.acknowledge(*self.jobs[2:])
        self.assertEqual((rollout.stage.value, rollout.record()["wanted"]), ("done", 4))

    def test_nobody(self) -> None:
        """An edit that touches nobody is no rollout."""
        plan, rollout = self.successResultOf(self.begin(section="other.module", x="1"))
        self.assertEqual((plan.differences, rollout), ((), None))

    def test_without_process(self) -> None:
        """Who has no process is not waited for, and has it when it is started."""
        self.kill(self.jobs[1])
        rollout = self.start(Pace(("1",)))
        self.assertEqual(rollout.record()["batches"], [1, 1, 1])
        for number in (0, 2, 3):
            self.acknowledge(self.jobs[number])
        self.assertEqual((rollout.stage.value, rollout.record()["absent"]), ("done", 1))
        self.rig.fleet.supervised(self.jobs[1].guid).start("test")
        self.assertEqual(self.rig.stdin(self.jobs[1].guid)["rate"], "3")

    def test_all_without_process(self) -> None:
        """If nobody has one, it is done at once."""
        for job in self.jobs:
            self.kill(job)
        rollout = self.start(Pace(("1",), watch=5))
        self.assertEqual((rollout.stage.value, rollout.record()["absent"]), ("done", 4))

    def test_on_purpose(self) -> None:
        """Who is deleted or stopped while it is under way is no trouble, held or not."""
        rollout = self.start(Pace(("2",), watch=5))
        self.rig.run(self.rig.fleet.delete(self.jobs[0].guid, "test"))
        self.rig.run(self.rig.fleet.supervised(self.jobs[2].guid).stop("test"))
        self.acknowledge(self.jobs[1])
        self.rig.clock.advance(5)
        self.acknowledge(self.jobs[3])
        self.rig.clock.advance(5)
        self.assertEqual((rollout.stage.value, rollout.problem), ("done", None))
        self.assertEqual((rollout.record()["applied"], rollout.record()["absent"]), (2, 2))

    def test_held_falls(self) -> None:
        """Who falls over before it got it is no trouble of this edit."""
        rollout = self.start(Pace(("2",)))
        self.kill(self.jobs[3])
        self.acknowledge(*self.jobs[:2])
        self.acknowledge(self.jobs[2])
        self.assertEqual((rollout.stage.value, rollout.problem), ("done", None))


class TroubleTests(Case):
    """What stops a rollout, and that it goes back."""

    def check_taken_back(self, rollout: Rollout, revision: int) -> None:
        """See that those that had it are offered the old value as a new revision, and the others never lost it."""
        self.assertEqual((self.rates(), rollout.reverted_by), (["2"] * 4, revision))
        self.assertEqual(self.rig.configurator.live.revision, revision)

    def test_rejected(self) -> None:
        """A rejection stops it: the later batches never see it, all are back at the old value; in order."""
        before = {job.guid: self.rig.configurator.live.offered(job.guid) for job in self.jobs}
        rollout = self.start(Pace(("1",)))
        self.acknowledge(self.jobs[0])
        self.acknowledge(self.jobs[1], rejected="rate: too fast")
        self.assertEqual(rollout.stage.value, "reverting")
        self.check_taken_back(rollout, 7)
        offered = [self.rig.configurator.live.offered(job.guid) for job in self.jobs]
        self.assertEqual(offered, [7, 7, *list(before.values())[2:]])
        self.acknowledge(*self.jobs[:2])
        self.assertEqual(
            (rollout.stage.value, rollout.problem), ("reverted", f"{self.jobs[1].guid} rejected it: rate: too fast")
        )
        self.assertEqual(
            self.story(rollout),
            [
                ("started", None),
                ("batch", [0]),
                ("applied", 0),
                ("batch", [1]),
                ("rejected", 1),
                ("stopped", None),
                ("reverting", [0, 1]),
                ("reverted", 0),
                ("reverted", 1),
                ("reverted", None),
            ],
        )
        entries = self.rig.configurator.live.history("my.module")
        self.assertEqual([(entry.revision, entry.actor) for entry in entries], [(6, "test"), (7, "rollout 6")])

    def test_silent(self) -> None:
        """Silence past the time stops it."""
        rollout = self.start(Pace(("2",), timeout=10))
        self.acknowledge(self.jobs[0])
        self.rig.clock.advance(9.9)
        self.assertIsNone(rollout.problem)
        self.rig.clock.advance(0.1)
        self.assertEqual(rollout.problem, f"{self.jobs[1].guid} did not answer within 10 s")
        self.check_taken_back(rollout, 7)
        self.acknowledge(*self.jobs[:2])
        self.assertEqual(rollout.stage.value, "reverted")
        self.assertIn(("silent", [1]), self.story(rollout))

    def test_falls_before_it_answers(self) -> None:
        """Who falls over with the edit in its hands stops it."""
        rollout = self.start(Pace(("2",)))
        self.kill(self.jobs[0])
        self.assertEqual(rollout.problem, f"{self.jobs[0].guid} fell over after it got it: ended by SIGKILL")
        self.check_taken_back(rollout, 7)
        self.acknowledge(self.jobs[1])
        self.assertEqual(rollout.stage.value, "reverted")

    def test_falls_within_the_watch(self) -> None:
        """Who falls over while it is watched stops it."""
        rollout = self.start(Pace(("2",), watch=5))
        self.acknowledge(*self.jobs[:2])
        self.rig.clock.advance(2)
        self.kill(self.jobs[0])
        self.check_taken_back(rollout, 7)
        self.acknowledge(self.jobs[1])
        self.assertEqual((rollout.stage.value, rollout.record()["absent"]), ("reverted", 1))

    def test_falls_later(self) -> None:
        """So does one of an earlier batch, while a later one is waited for."""
        rollout = self.start(Pace(("1",)))
        self.acknowledge(self.jobs[0])
        self.kill(self.jobs[0])
        self.assertEqual(rollout.stage.value, "reverting")
        self.check_taken_back(rollout, 7)
        self.acknowledge(self.jobs[1])
        self.assertEqual(rollout.stage.value, "reverted")

    def test_fell_when_it_was_over(self) -> None:
        """When it is over, an end is an end."""
        rollout = self.start()
        self.acknowledge(*self.jobs)
        self.kill(self.jobs[0])
        self.assertEqual((rollout.stage.value, self.rates()), ("done", ["3"] * 4))

    def test_logged(self) -> None:
        """The log tells that it stopped, and why."""
        with capturedLogs() as events:
            self.start()
            self.acknowledge(self.jobs[0], rejected="rate: too fast")
            self.acknowledge(*self.jobs)
        said = [formatEvent(event) for event in events if event["log_namespace"] == "proactor.changes.rollouts"]
        self.assertEqual(said, [f"Rollout 6 stopped: {self.jobs[0].guid} rejected it: rate: too fast"])

    def test_never_confirmed(self) -> None:
        """Who does not say that it runs the old value again is not waited for for ever, and is told by name."""
        rollout = self.start(Pace(timeout=10))
        self.acknowledge(self.jobs[0], rejected="rate: no")
        self.acknowledge(*self.jobs[1:])
        self.acknowledge(self.jobs[0], rejected="rate: not that either")
        self.rig.clock.advance(10)
        self.assertEqual((rollout.stage.value, rollout.record()["reverted"]), ("reverted", 3))
        self.assertEqual(self.story(rollout)[-2:], [("silent", [0]), ("reverted", None)])

    def test_falls_while_reverting(self) -> None:
        """Who falls over while it is taken back is not waited for."""
        rollout = self.start()
        self.acknowledge(self.jobs[0], rejected="rate: no")
        for job in self.jobs:
            self.kill(job)
        self.assertEqual((rollout.stage.value, rollout.record()["absent"]), ("reverted", 4))

    def test_newcomer(self) -> None:
        """Who was created meanwhile goes back as well, and is not counted."""
        rollout = self.start(Pace(("1",)))
        newcomer = self.rig.create()
        self.acknowledge(self.jobs[0], rejected="rate: no")
        self.assertEqual(self.rig.values(newcomer)["rate"], "2")
        self.acknowledge(newcomer)
        self.assertEqual((rollout.stage.value, rollout.record()["wanted"]), ("reverting", 4))
        self.acknowledge(self.jobs[0])
        self.assertEqual((rollout.stage.value, rollout.record()["reverted"]), ("reverted", 1))

    def test_answers_while_it_is_taken_back(self) -> None:
        """An answer counts from the moment that the old value is there, though others are still to be woken."""
        rollout = self.start()
        self.acknowledge(*self.jobs[:3])
        self.rig.clock.step = 0.01
        rejecting = Deferred.fromCoroutine(
            self.rig.initiator.exchange.acknowledge(self.jobs[3].guid, rejection(6), None)
        )
        while self.rig.configurator.live.revision < 7:
            self.rig.clock.turn()
        self.successResultOf(rejecting)
        for job in self.jobs:
            self.rig.initiator.rollouts.answered(job.guid, 7, None)
        self.rig.clock.step = 0
        self.rig.clock.advance(1)
        self.assertEqual((rollout.stage.value, rollout.record()["reverted"]), ("reverted", 4))

    def test_edited_since(self) -> None:
        """What was edited again since stays; where nothing is left to be taken back, that is told."""
        self.successResultOf(self.begin(section="DEFAULT", three="3"))
        self.acknowledge(*self.jobs)
        rollout = self.start(Pace(("1",)))
        # The same value by another way touches no processor, and so waits for nobody.
        self.successResultOf(self.begin(rate="${three}"))
        self.acknowledge(self.jobs[0], rejected="rate: no")
        self.assertEqual(rollout.stage.value, "failed")
        self.assertIn(("not reverted", None), self.story(rollout))
        self.assertEqual(self.rates(), ["3", "2", "2", "2"])

    def test_cannot_go_back(self) -> None:
        """If the old value would not do any more it stays, and that is told."""
        rollout = self.start(Pace(("1",)))
        declared = (Option("rate", float, exclusive_minimum=2),)
        self.rig.run(self.rig.configurator.declare(self.jobs[0].guid, declared))
        self.acknowledge(self.jobs[0], rejected="rate: no")
        self.assertEqual(rollout.stage.value, "failed")
        (event,) = [event for event in rollout.events if event["event"] == "not reverted"]
        self.assertIn("must be > 2", event["problem"])


class Broken:
    """A configurator with a mistake in it."""

    waiting = Mock()

    def release(self, guids: object) -> list[str]:
        """Make it."""
        raise ZeroDivisionError


class UnforeseenTests(Case):
    """An error that nobody foresaw."""

    def test_ends(self) -> None:
        """It is in the log, and the rollout is over: it blocks no other."""
        rollouts = self.rig.initiator.rollouts
        configurator = rollouts.configurator
        rollout = self.start(Pace(("1",)))
        rollouts.configurator = Broken()  # type: ignore[assignment]
        self.acknowledge(self.jobs[0])
        rollouts.configurator = configurator
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((rollout.stage.value, rollout.problem), ("failed", "an unforeseen error, see the log"))
        self.start(rate="4")
        self.acknowledge(*self.jobs)


def rejection(revision: int) -> Answer:
    return Answer(revision, "rejected", "rate", "no")


class NoRevertTests(Case):
    """``revert=no``."""

    def setUp(self) -> None:
        super().setUp()
        self.rollout = self.start(Pace(("2",), revert=False))
        self.acknowledge(self.jobs[0])
        self.acknowledge(self.jobs[1], rejected="rate: no")

    def test_stays(self) -> None:
        """It stops where it is: who has it keeps it, who has not does not get it."""
        self.assertEqual((self.rollout.stage.value, self.rates()), ("failed", ["3", "3", "2", "2"]))
        self.assertEqual(self.story(self.rollout)[-2:], [("stopped", None), ("failed", None)])
        self.rig.clock.advance(3600)
        self.assertEqual(self.rates(), ["3", "3", "2", "2"])

    def test_next_edit(self) -> None:
        """A later edit reaches those that were kept from it."""
        rollout = self.start(rate="4")
        self.assertEqual(self.rates(), ["4"] * 4)
        self.acknowledge(*self.jobs)
        self.assertEqual(rollout.stage.value, "done")

    def test_back(self) -> None:
        """So does the way back: who never had it has nothing to do."""
        live = self.rig.configurator.live
        kept = [live.offered(job.guid) for job in self.jobs[2:]]
        starting = self.rig.initiator.rollouts.start(
            lambda: live.draft_rollback("my.module", 1), "my.module", "test", Pace()
        )
        self.rig.run(starting)
        self.assertEqual((self.rates(), [live.offered(job.guid) for job in self.jobs[2:]]), (["2"] * 4, kept))
        self.acknowledge(*self.jobs)

    def test_file(self) -> None:
        """And a change of the file: nobody is kept from anything when no rollout is under way."""
        document = parse(ONCE.replace("colour = red", "colour = blue"), "proactor.cfg")
        self.rig.run(self.rig.initiator.reload(document, "test"))
        self.assertEqual([self.rig.values(job)["colour"] for job in self.jobs], ["blue"] * 4)
        self.assertEqual(list(self.rig.configurator.live.held()), [])


class OverlapTests(Case):
    """Rollouts that touch the same processors."""

    def test_waits(self) -> None:
        """The second waits for the first, and is made of what is there then."""
        first = self.start()
        second = self.begin(colour="${rate}")
        self.rig.clock.advance(3)
        self.assertNoResult(second)
        self.acknowledge(*self.jobs)
        self.assertEqual(first.stage.value, "done")
        plan, _ = self.successResultOf(second)
        self.assertEqual(plan.differences[0].options, {"colour": ("red", "3")})
        self.acknowledge(*self.jobs)

    def test_waits_for_the_way_back(self) -> None:
        """It waits until the first is taken back, too."""
        self.start()
        second = self.begin(colour="blue")
        self.acknowledge(self.jobs[0], rejected="rate: no")
        self.assertNoResult(second)
        self.acknowledge(*self.jobs)
        self.successResultOf(second)
        self.assertEqual([self.rig.values(job)["colour"] for job in self.jobs], ["blue"] * 4)
        self.acknowledge(*self.jobs)

    def test_refused(self) -> None:
        """Or it is refused, where that is asked, and nothing of it is left."""
        first = self.start()
        revision = self.rig.configurator.live.revision
        error = self.failureResultOf(self.begin(wait=False, colour="blue"), Conflict).value
        self.assertEqual(
            str(error),
            f"rollout {first.id} is under way for some of the same processors: see /rollout/{first.id}",
        )
        self.assertEqual(self.rig.configurator.live.revision, revision)
        self.acknowledge(*self.jobs)

    def test_overtaken_while_it_waited(self) -> None:
        """A condition is looked at when it is made, not when it was asked."""
        self.start()
        live = self.rig.configurator.live
        starting = self.rig.initiator.rollouts.start(
            lambda: live.draft_edit("my.module", {"colour": "blue"}, 5), "my.module", "test", Pace()
        )
        self.failureResultOf(Deferred.fromCoroutine(starting), Overtaken)
        self.acknowledge(*self.jobs)

    def test_apart(self) -> None:
        """Those that touch others go on side by side."""
        other = self.rig.create("other.module")
        first = self.start()
        second = self.start(section="other.module", x="1")
        self.acknowledge(other)
        self.assertEqual((first.over, second.over), (False, True))
        self.acknowledge(*self.jobs)


class FileTests(Case):
    """A change of the file while a rollout is under way."""

    def test_kept(self) -> None:
        """Who has not been reached stays where it is, and gets both when its turn comes."""
        rollout = self.start(Pace(("2",)))
        document = parse(ONCE.replace("colour = red", "colour = blue"), "proactor.cfg")
        self.rig.run(self.rig.initiator.reload(document, "test"))
        self.assertEqual(
            [(self.rig.values(job)["rate"], self.rig.values(job)["colour"]) for job in self.jobs],
            [("3", "blue")] * 2 + [("2", "red")] * 2,
        )
        self.acknowledge(*self.jobs[:2])
        self.acknowledge(*self.jobs[2:])
        self.assertEqual(rollout.stage.value, "done")
        self.assertEqual({self.rig.values(job)["colour"] for job in self.jobs}, {"blue"})


class MemoryTests(Case):
    """What is remembered."""

    count = 1

    def test_kept(self) -> None:
        """The last that are over are remembered, and those under way; older ones are forgotten."""
        first = None
        for number in range(KEPT + 5):
            rollout = self.start(rate=str(number + 10))
            first = first or rollout
            self.acknowledge(*self.jobs)
        assert first is not None
        rollouts = self.rig.initiator.rollouts
        self.assertRaises(NotFound, rollouts.rollout, first.id)
        for id_ in (rollout.id, str(rollout.revision - KEPT + 1)):
            self.assertEqual(rollouts.rollout(id_).id, id_)
        self.assertRaises(NotFound, rollouts.rollout, str(rollout.revision - KEPT))

    def test_changed(self) -> None:
        """News of one can be waited for, so long; when it is over there is nothing to wait for."""
        rollout = self.start()
        changed = self.rig.initiator.rollouts.changed
        news = Deferred.fromCoroutine(changed(rollout.id, 2, 10))
        in_vain = Deferred.fromCoroutine(changed(rollout.id, 50, 3))
        self.assertNoResult(news)
        self.rig.clock.advance(3)
        self.assertIs(self.successResultOf(in_vain), rollout)
        self.acknowledge(*self.jobs)
        self.assertIs(self.successResultOf(news), rollout)
        self.assertIs(self.rig.run(changed(rollout.id, 50, 10)), rollout)
        self.failureResultOf(Deferred.fromCoroutine(changed("99", 0, 10)), NotFound)

    def test_given_up(self) -> None:
        """Who gives up waiting leaves no timer, and the others to be told."""
        rollout = self.start()
        before = len(self.rig.clock.getDelayedCalls())
        waiting = [Deferred.fromCoroutine(self.rig.initiator.rollouts.changed(rollout.id, 9, 60)) for _ in range(2)]
        waiting[0].addErrback(lambda _: None)
        waiting[0].cancel()
        self.assertEqual(len(self.rig.clock.getDelayedCalls()), before + 1)
        self.acknowledge(*self.jobs)
        self.assertIs(self.successResultOf(waiting[1]), rollout)


class FiftyTests(SynchronousTestCase):
    """Fifty processors, batches of 10 %."""

    def setUp(self) -> None:
        self.rig = Rig(self, ONCE)
        self.jobs = self.rig.create_many(50)
        live = self.rig.configurator.live
        starting = self.rig.initiator.rollouts.start(
            lambda: live.draft_edit("my.module", {"rate": "3"}), "my.module", "test", Pace(("10%",), watch=3)
        )
        _, rollout = self.rig.run(starting)
        assert rollout is not None
        self.rollout = rollout
        self.before = [live.offered(job.guid) for job in self.jobs]

    def reached(self) -> list[int]:
        return [number for number, job in enumerate(self.jobs) if self.rig.values(job)["rate"] == "3"]

    def test_the_23rd_rejects(self) -> None:
        """The later batches never saw it, and all run the old value again."""
        for batch in range(4):
            self.assertEqual(self.reached(), list(range(5 * batch + 5)))
            for job in self.jobs[5 * batch : 5 * batch + 5]:
                self.rig.acknowledge(job)
            self.rig.clock.advance(3)
        self.rig.acknowledge(self.jobs[20])
        self.rig.acknowledge(self.jobs[22], rejected="rate: not me")
        self.check_back()

    def test_one_falls_two_seconds_after_it_applied(self) -> None:
        """The same with one that falls over within the watch."""
        for batch in range(5):
            for job in self.jobs[5 * batch : 5 * batch + 5]:
                self.rig.acknowledge(job)
            self.rig.clock.advance(3 if batch < 4 else 2)
        self.rig.launcher.kill(self.jobs[22].guid)
        self.rig.clock.advance(0)
        self.check_back()

    def check_back(self) -> None:
        self.assertEqual((self.reached(), self.rollout.stage.value), ([], "reverting"))
        live = self.rig.configurator.live
        self.assertEqual([live.offered(job.guid) for job in self.jobs[25:]], self.before[25:])
        for job in self.jobs[:25]:
            if job.alive:
                self.rig.acknowledge(job)
        record = self.rollout.record()
        self.assertEqual((record["state"], record["batch"], record["waiting"]), ("reverted", 5, 25))
        self.assertEqual(record["reverted"] + record["absent"], 25)


class Machine(RuleBasedStateMachine):
    """A rollout under everything that can happen to it, against what is promised of it."""

    case: SynchronousTestCase

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(self.case, ONCE)
        self.rollout: Rollout | None = None
        self.was_over = False

    @precondition(lambda self: self.rollout is None)
    @rule(
        count=st.integers(1, 6),
        sizes=st.lists(st.sampled_from(["1", "2", "50%"]), max_size=2),
        watch=st.sampled_from([0.0, 5.0]),
        revert=st.booleans(),
    )
    def start(self, count: int, sizes: list[str], watch: float, revert: bool) -> None:
        self.jobs = self.rig.create_many(count)
        live = self.rig.configurator.live
        pace = Pace(tuple(sizes), watch=watch, timeout=10, revert=revert)
        starting = self.rig.initiator.rollouts.start(
            lambda: live.draft_edit("my.module", {"rate": "3"}), "my.module", "test", pace
        )
        _, self.rollout = self.rig.run(starting)

    def chosen(self, who: int) -> Job | None:
        job = self.jobs[who % len(self.jobs)]
        return job if job.guid in self.rig.fleet.jobs and job.alive else None

    @precondition(lambda self: self.rollout is not None)
    @rule(who=st.integers(0, 5), rejects=st.booleans())
    def answer(self, who: int, rejects: bool) -> None:
        job = self.chosen(who)
        if job is not None:
            self.rig.acknowledge(job, rejected="rate: no" if rejects else None)

    @precondition(lambda self: self.rollout is not None)
    @rule(who=st.integers(0, 5))
    def fall(self, who: int) -> None:
        job = self.chosen(who)
        if job is not None:
            self.rig.launcher.kill(job.guid)
            self.rig.clock.advance(0)

    @precondition(lambda self: self.rollout is not None)
    @rule(who=st.integers(0, 5))
    def delete(self, who: int) -> None:
        job = self.chosen(who)
        if job is not None:
            self.rig.run(self.rig.fleet.delete(job.guid, "test"))

    @precondition(lambda self: self.rollout is not None)
    @rule(seconds=st.sampled_from([1, 4, 6]))
    def wait(self, seconds: int) -> None:
        self.rig.clock.advance(seconds)

    @precondition(lambda self: self.rollout is not None)
    @rule()
    def come(self) -> None:
        if len(self.jobs) < 8:
            newcomer = self.rig.create()
            self.case.assertEqual(newcomer.running_revision, self.rig.configurator.live.offered(newcomer.guid))

    @precondition(lambda self: self.rollout is not None)
    @invariant()
    def counted(self) -> None:
        """Everybody is counted once."""
        assert self.rollout is not None
        record = self.rollout.record()
        parts = [record[name] for name in ("applied", "rejected", "waiting", "reverted", "absent")]
        assert sum(parts) == record["wanted"] == len(self.jobs), record

    @precondition(lambda self: self.rollout is not None)
    @invariant()
    def held_or_given(self) -> None:
        """Who is held is offered the old value; who was sent it the new one, until it is taken back."""
        assert self.rollout is not None
        expected = {"held": "2", "sent": "3", "applied": "3", "rejected": "3", "reverted": "2"}
        for job in self.jobs:
            progress = self.rollout.progress[job.guid].value
            if job.guid in self.rig.fleet.jobs and progress != "absent":
                taken_back = self.rollout.reverted_by is not None
                assert self.rig.values(job)["rate"] == ("2" if taken_back else expected[progress]), progress

    @precondition(lambda self: self.rollout is not None)
    @invariant()
    def one_batch_at_a_time(self) -> None:
        """No batch has it before all of those before it have answered, or cannot."""
        assert self.rollout is not None
        begun = self.rollout.batches[: self.rollout.batch]
        later = [guid for batch in self.rollout.batches[self.rollout.batch :] for guid in batch]
        assert all(self.rollout.progress[guid].value in ("held", "absent") for guid in later)
        if self.rollout.stage.value == "running":
            done = [guid for batch in begun[:-1] for guid in batch]
            assert all(self.rollout.progress[guid].value in ("applied", "absent") for guid in done)

    @precondition(lambda self: self.rollout is not None)
    @invariant()
    def stays_over(self) -> None:
        """What is over stays so, and ends its timeline."""
        assert self.rollout is not None
        assert self.rollout.over or not self.was_over
        self.was_over = self.rollout.over
        assert self.rollout.over == (
            self.rollout.events[-1]["event"] in ("done", "failed", "reverted") and "guid" not in self.rollout.events[-1]
        )

    def teardown(self) -> None:
        """With time it always comes to an end, and then nobody is left in between."""
        if self.rollout is not None:
            for _ in range(40):
                self.rig.clock.advance(5)
            assert self.rollout.over, self.rollout.record()
            self.held_or_given()
            state, live = self.rollout.stage.value, self.rig.configurator.live
            assert state == "failed" or not live.held()
            assert (state == "done") == (self.rollout.problem is None)
        self.rig.close()


class MachineTests(SynchronousTestCase):
    """Any order of answers, ends, deletions, newcomers and time."""

    def test_any(self) -> None:
        """What is promised holds at each step, and it always ends."""
        run_state_machine_as_test(
            type("Bound", (Machine,), {"case": self}),
            settings=settings(deadline=None, max_examples=60, stateful_step_count=25),
        )
