"""Tests of the way back of an edit that cannot go on."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from proactor.changes.driven import Driven
from proactor.changes.reverting import Reverter
from proactor.changes.rollout import Pace, Rollout, Stage
from proactor.model import Answer
from proactor.options import Option

from .case import Case


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
            self.rig.initiator.exchange.acknowledge(self.jobs[3].guid, Answer(6, "rejected", "rate", "no"), None)
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


class ByItselfTests(Case):
    """The way back, and nobody who drove the rollout."""

    def revert(self, driven: Driven) -> Deferred[Stage]:
        reverting = Deferred.fromCoroutine(Reverter(self.rig.clock, self.rig.configurator).take_back(driven))
        self.rig.clock.advance(0)
        return reverting

    def edited(self) -> Driven:
        """An edit that all have, and that is to go."""
        live = self.rig.configurator.live
        self.rig.run(self.rig.configurator.take(lambda: live.draft_edit("my.module", {"rate": "3"}), "test"))
        driven = self.driven()
        self.says(driven, *self.jobs)
        return driven

    def test_taken_back(self) -> None:
        """It is a change of its own, and over when all say that they have it."""
        driven = self.edited()
        self.assertEqual(self.rates(), ["3"] * 4)
        reverting = self.revert(driven)
        self.assertEqual(self.rates(), ["2"] * 4)
        self.assertNoResult(reverting)
        for job in self.jobs:
            assert driven.rollout.reverted_by is not None
            driven.rollout.heard(job.guid, driven.rollout.reverted_by, None)
        driven.news()
        self.assertIs(self.successResultOf(reverting), Stage.REVERTED)

    def test_nothing_left(self) -> None:
        """What was edited since is not taken back, and that is told."""
        driven, live = self.edited(), self.rig.configurator.live
        self.rig.run(self.rig.configurator.take(lambda: live.draft_edit("my.module", {"rate": "4"}), "test"))
        self.assertIs(self.successResultOf(self.revert(driven)), Stage.FAILED)
        self.assertEqual(driven.rollout.events[-1]["event"], "not reverted")
        self.assertEqual(self.rates(), ["4"] * 4)

    def test_goes_on(self) -> None:
        """One that an earlier initiator has begun is not made again."""
        driven = self.edited()
        driven.rollout.reverted_by = driven.rollout.revision + 1
        for job in self.jobs:
            driven.rollout.heard(job.guid, driven.rollout.revision + 1, None)
        self.assertIs(self.successResultOf(self.revert(driven)), Stage.REVERTED)
        self.assertEqual(self.rates(), ["3"] * 4)
