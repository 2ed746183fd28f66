"""Tests of the way of an edit: batches, waits, and when it stops."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from proactor.changes.driven import Driven
from proactor.changes.driving import Driver
from proactor.changes.rollout import Pace, Stage
from proactor.config.document import parse

from .case import ONCE, Case


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


class ByItselfTests(Case):
    """The driver, and nobody who begins rollouts or remembers them."""

    def drive(self, driven: Driven) -> Deferred[Stage]:
        driver = Driver(self.rig.clock, self.rig.configurator, self.rig.store)
        return Deferred.fromCoroutine(driver.drive(driven))

    def test_done(self) -> None:
        """It says what it has come to when all have answered, a batch behind the other."""
        driven = self.driven("1", "100%")
        driving = self.drive(driven)
        self.says(driven, *self.jobs[1:])
        self.assertEqual(driven.rollout.batch, 1)
        self.says(driven, self.jobs[0])
        self.assertEqual(driven.rollout.batch, 2)
        self.assertNoResult(driving)
        self.says(driven, *self.jobs[1:])
        self.assertIs(self.successResultOf(driving), Stage.DONE)
        self.assertEqual(self.rig.initiator.rollouts.kept(), [])

    def test_stopped(self) -> None:
        """So it does where it stops, which the others are told by nobody."""
        driven = self.driven("1", revert=False)
        driving = self.drive(driven)
        self.says(driven, self.jobs[0], rejected="rate: no")
        self.assertIs(self.successResultOf(driving), Stage.FAILED)
        self.assertEqual(driven.rollout.batch, 1)

    def test_silent(self) -> None:
        """Who does not answer in time stops it."""
        driven = self.driven(revert=False, timeout=5.0)
        driving = self.drive(driven)
        self.says(driven, *self.jobs[:3])
        self.rig.clock.advance(5)
        self.assertIs(self.successResultOf(driving), Stage.FAILED)
        self.assertEqual(driven.rollout.problem, f"{self.jobs[3].guid} did not answer within 5 s")
