from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.rollout import OVER, Pace, Progress, Rollout, Stage, batches, check_sizes
from proactor.errors import Refused

from ..support.examples import examples
from ..support.rig import NOON

sizes = st.integers(1, 20).map(str) | st.integers(1, 100).map("{}%".format)


def names(count: int) -> list[str]:
    return [f"{number:032x}" for number in range(count)]


class SizeTests(SynchronousTestCase):
    """The sizes of batches."""

    def test_good(self) -> None:
        """Numbers and parts of a hundred are sizes."""
        for given_ in ((), ("1",), ("5", "10%", "100%"), ("999999999",), ("05",)):
            self.assertEqual(check_sizes(iter(given_)), given_)

    def test_bad(self) -> None:
        """Everything else is refused, with what would be right."""
        for size in (
            "",
            "0",
            "0%",
            "00",
            "-1",
            "+1",
            "1.5",
            "101%",
            "%",
            "1 %",
            "10%%",
            "ten",
            "\u0661",
            "1" * 10,
            "1\n",
        ):
            error = self.assertRaises(Refused, check_sizes, ["1", size])
            self.assertIn("is no size: one like 5, or like 10% is right", str(error))


class BatchTests(SynchronousTestCase):
    """Who gets it when."""

    def test_by_number(self) -> None:
        """The last size goes for all that follow."""
        made = batches(names(7), Pace(("1", "2")))
        self.assertEqual([len(batch) for batch in made], [1, 2, 2, 2])
        self.assertEqual([guid for batch in made for guid in batch], names(7))

    def test_by_percent(self) -> None:
        """A part is of all, rounded up: never nobody."""
        self.assertEqual([len(batch) for batch in batches(names(50), Pace(("10%",)))], [5] * 10)
        self.assertEqual([len(batch) for batch in batches(names(3), Pace(("1%", "100%")))], [1, 2])
        self.assertEqual([len(batch) for batch in batches(names(7), Pace(("33%",)))], [3, 3, 1])

    def test_at_once(self) -> None:
        """Without sizes all are one batch; nobody is none."""
        self.assertEqual(batches(names(3), Pace()), [names(3)])
        self.assertEqual(batches([], Pace(("1",), first=names(1))), [])

    def test_first(self) -> None:
        """Who is named first is a batch before the others; who is named and not touched is in none."""
        all_ = names(5)
        self.assertEqual(batches(all_, Pace(first=[all_[3], "other"])), [[all_[3]], [*all_[:3], all_[4]]])
        self.assertEqual(batches(all_, Pace(("1", "3"), first=all_[:2])), [all_[:2], [all_[2]], all_[3:]])
        self.assertEqual(batches(all_, Pace(first=all_)), [all_])

    @examples(200)
    @given(count=st.integers(0, 60), given_=st.lists(sizes, max_size=4), first=st.sets(st.integers(0, 60), max_size=5))
    def test_any(self, count: int, given_: list[str], first: set[int]) -> None:
        """Everybody is in exactly one batch, none of which is empty, in their order but for those that go first."""
        all_ = names(count)
        chosen = {f"{number:032x}" for number in first}
        made = batches(all_, Pace(tuple(given_), first=chosen))
        self.assertTrue(all(made))
        self.assertEqual([guid for batch in made for guid in batch], sorted(all_, key=lambda guid: guid not in chosen))


class RolloutTests(SynchronousTestCase):
    """The record of a rollout, revision 17, of four processors in batches of two; the first batch has it."""

    def setUp(self) -> None:
        self.a, self.b, self.c, self.d = self.guids = names(4)
        planned = [[self.a, self.b], [self.c, self.d]]
        self.rollout = Rollout(17, "my.module", "me", NOON, Pace(), planned)
        self.rollout.progress = dict.fromkeys(self.guids, Progress.HELD)
        self.rollout.send(planned[0])

    def progress(self) -> list[str]:
        return [progress.value for progress in self.rollout.progress.values()]

    def test_sent(self) -> None:
        """Who has been sent it waits for an answer; the others are held. Nobody is sent it twice."""
        self.assertEqual(self.progress(), ["sent", "sent", "held", "held"])
        self.rollout.heard(self.a, 17, None)
        self.rollout.send([self.a, self.c, "stranger"])
        self.assertEqual(self.progress(), ["applied", "sent", "sent", "held"])

    def test_applied(self) -> None:
        """An answer to the revision, or a later one, is one; to an earlier one is none."""
        self.assertIsNone(self.rollout.heard(self.a, 16, None))
        self.assertEqual(self.rollout.heard(self.a, 17, None), "applied")
        self.assertEqual(self.rollout.heard(self.b, 18, None), "applied")
        self.assertIsNone(self.rollout.heard(self.a, 17, None))
        self.assertIsNone(self.rollout.problem)
        self.assertTrue(self.rollout.answered([self.a, self.b]))

    def test_rejected(self) -> None:
        """A rejection is a problem; the first is the one that is told."""
        self.assertEqual(self.rollout.heard(self.a, 17, "rate: too fast"), "rejected")
        self.assertEqual(self.rollout.heard(self.b, 17, "rate: no"), "rejected")
        self.assertEqual(self.rollout.problem, f"{self.a} rejected it: rate: too fast")

    def test_rejected_earlier(self) -> None:
        """What was said of an earlier revision is none of its business."""
        self.assertIsNone(self.rollout.heard(self.a, 16, "rate: too fast"))
        self.assertIsNone(self.rollout.problem)

    def test_strangers(self) -> None:
        """Who is not touched by it, or is held, changes nothing, whatever they say, also while it is taken back."""
        before = dict(self.rollout.progress)
        for _ in range(2):
            for guid in ("stranger", self.c):
                self.assertIsNone(self.rollout.heard(guid, 99, None))
                self.assertIsNone(self.rollout.heard(guid, 99, "no"))
            self.assertIsNone(self.rollout.lost("stranger", "gone", False))
            self.assertEqual(self.rollout.progress, before)
            self.rollout.reverted_by = 18

    def test_silent(self) -> None:
        """Who has not answered is told; who cannot is not waited for."""
        self.rollout.heard(self.a, 17, None)
        self.assertEqual(self.rollout.silent(self.guids), [self.b])
        self.assertFalse(self.rollout.answered([self.a, self.b]))
        self.rollout.lost(self.b, "deleted", True)
        self.assertTrue(self.rollout.answered([self.a, self.b]))

    def test_lost(self) -> None:
        """Who falls over after it got it is a problem; who was held, or was meant to end, is none."""
        self.assertEqual(self.rollout.lost(self.c, "ended by SIGKILL", False), "absent")
        self.assertEqual(self.rollout.lost(self.a, "exited with status 0", True), "absent")
        self.assertIsNone(self.rollout.problem)
        self.assertEqual(self.rollout.lost(self.b, "ended by SIGSEGV", False), "absent")
        self.assertEqual(self.rollout.problem, f"{self.b} fell over after it got it: ended by SIGSEGV")
        self.assertIsNone(self.rollout.lost(self.b, "ended by SIGKILL", False))
        self.assertEqual(self.progress(), ["absent", "absent", "absent", "held"])

    def test_reverted(self) -> None:
        """Who was reached and says that it runs the revision that takes it back is reverted, once."""
        self.rollout.heard(self.a, 17, None)
        self.rollout.heard(self.b, 17, "no")
        self.assertEqual(self.rollout.reached(), [self.a, self.b])
        self.rollout.stage, self.rollout.reverted_by = Stage.REVERTING, 18
        self.assertIsNone(self.rollout.heard(self.a, 17, None))
        self.assertIsNone(self.rollout.heard(self.a, 18, "cannot"))
        self.assertEqual(self.rollout.heard(self.a, 18, None), "reverted")
        self.assertEqual(self.rollout.heard(self.b, 19, None), "reverted")
        self.assertIsNone(self.rollout.heard(self.a, 18, None))
        self.assertEqual(self.progress(), ["reverted", "reverted", "held", "held"])

    def test_lost_while_reverting(self) -> None:
        """Who falls over while it is taken back makes no second problem."""
        self.rollout.problem = "the first"
        self.rollout.stage = Stage.REVERTING
        self.assertEqual(self.rollout.lost(self.a, "ended by SIGKILL", False), "absent")
        self.assertEqual((self.rollout.problem, self.rollout.reached()), ("the first", [self.b]))

    def test_record(self) -> None:
        """Its readers see how many are where, each by name, and the timeline."""
        self.rollout.tell(NOON, "started", processors=4)
        self.rollout.batch = 1
        self.rollout.heard(self.a, 17, None)
        self.rollout.lost(self.d, "gone", True)
        self.assertEqual(
            self.rollout.record(),
            {
                "id": "17",
                "revision": 17,
                "section": "my.module",
                "actor": "me",
                "created": "2026-11-24T12:00:00.000Z",
                "state": "running",
                "problem": None,
                "reverted_by": None,
                "batch": 1,
                "batches": [2, 2],
                "wanted": 4,
                "applied": 1,
                "rejected": 0,
                "waiting": 2,
                "reverted": 0,
                "absent": 1,
                "processors": {self.a: "applied", self.b: "sent", self.c: "held", self.d: "absent"},
                "events": [{"id": 1, "time": "2026-11-24T12:00:00.000Z", "event": "started", "processors": 4}],
            },
        )

    def test_over(self) -> None:
        """It is over when nothing more will happen to it."""
        for stage in Stage:
            self.rollout.stage = stage
            self.assertEqual(self.rollout.over, stage in OVER)
        self.assertEqual(OVER, (Stage.DONE, Stage.REVERTED, Stage.FAILED))

    @examples(300)
    @given(
        steps=st.lists(
            st.tuples(
                st.sampled_from(["heard", "rejected", "lost", "deleted", "send", "revert"]),
                st.integers(0, 5),
                st.integers(15, 20),
            ),
            max_size=30,
        )
    )
    def test_any(self, steps: list[tuple[str, int, int]]) -> None:
        """Whatever is heard in whatever order: nobody is added, nobody counted twice, who is lost stays lost."""
        self.setUp()
        everybody = [*self.guids, "stranger", "another"]
        for what, who, revision in steps:
            absent = {guid for guid, progress in self.rollout.progress.items() if progress is Progress.ABSENT}
            self.step(what, everybody[who], revision)
            record: dict[str, Any] = self.rollout.record()
            kinds = ("applied", "rejected", "waiting", "reverted", "absent")
            self.assertEqual((sum(record[kind] for kind in kinds), record["wanted"]), (4, 4))
            self.assertEqual(list(record["processors"]), self.guids)
            self.assertTrue(all(record["processors"][guid] == "absent" for guid in absent))
            if record["rejected"] and self.rollout.reverted_by is None:
                self.assertIsNotNone(self.rollout.problem)

    def step(self, what: str, guid: str, revision: int) -> None:
        if what == "heard":
            self.rollout.heard(guid, revision, None)
        elif what == "rejected":
            self.rollout.heard(guid, revision, "no")
        elif what == "send":
            self.rollout.send([guid])
        elif what == "revert":
            self.rollout.stage, self.rollout.reverted_by = Stage.REVERTING, 18
        else:
            self.rollout.lost(guid, "gone", what == "deleted")
