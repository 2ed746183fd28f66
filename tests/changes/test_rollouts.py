"""Tests of rollouts beside one another, and of what is remembered of them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.configurator import Configurator
from proactor.changes.rollout import Pace, Rollout
from proactor.changes.rollouts import KEPT
from proactor.config.document import parse
from proactor.errors import Conflict, NotFound, Overtaken
from proactor.model import Job

from ..support.examples import examples
from ..support.rig import Rig
from .case import ONCE, Case


def broken(_configurator: Configurator, _guids: object) -> list[str]:
    """A mistake."""
    raise ZeroDivisionError


class UnforeseenTests(Case):
    """An error that nobody foresaw."""

    def test_ends(self) -> None:
        """It is in the log, and the rollout is over: it blocks no other."""
        rollout = self.start(Pace(("1",)))
        patched = self.patch(Configurator, "release", broken)
        self.acknowledge(self.jobs[0])
        patched.restore()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((rollout.stage.value, rollout.problem), ("failed", "an unforeseen error, see the log"))
        self.start(rate="4")
        self.acknowledge(*self.jobs)


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
            settings=examples(60, stateful_step_count=25),
        )
