"""Tests of ``proactor scale``: how it is with a number that is kept, or is not."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ..client.support import Memory
from ..support.rig import CONFIG
from .support import Result, typed_in


class NumberTests(SynchronousTestCase):
    """A number is to be kept."""

    def setUp(self) -> None:
        self.memory = Memory(self, config=CONFIG.replace("[my.module]\n", "[my.module]\nrestart = never\n"))

    def answer(self) -> None:
        """Whoever has a process, and has not yet said so, is ready."""
        for job in list(self.memory.rig.fleet.jobs.values()):
            if job.alive and not job.ready:
                self.memory.rig.acknowledge(job)

    def scale(self, *words: str) -> Result:
        return typed_in(self.memory, "scale", "my.module", *words, turn=self.answer)

    def test_same_number(self) -> None:
        """The number that is kept already is reached as any other: what was created by hand over it goes."""
        self.assertEqual(self.scale("2").code, 0)
        revision = self.memory.rig.configurator.live.revision
        for _ in range(3):
            self.memory.rig.create("my.module")
        found = self.scale("2", "--wait", "5")
        self.assertEqual((found.code, found.err[:24]), (0, "2 of my.module running, "))
        self.assertEqual(len(self.memory.rig.fleet.jobs), 2)
        self.assertGreater(self.memory.rig.configurator.live.revision, revision)

    def test_too_many(self) -> None:
        """Where others are left at the end of the time it is told that they go, and how to look again."""
        for _ in range(3):
            self.memory.rig.create("my.module")
        self.memory.rig.launcher.stubborn = True
        found = self.scale("1", "--wait", "0.5")
        self.assertEqual(found.code, 1)
        self.assertRegex(found.err, r"\d of my.module are there after 0.5 s, and 1 are to stay; the others go\n")
        self.assertIn("\n  look again: proactor ps --module my.module\n", found.err)

    def test_taken_back(self) -> None:
        """Where a processor does not take the edit that is told, and nothing is waited for that will not come."""
        job = self.memory.rig.create("my.module")
        self.answer()

        def reject() -> None:
            revision = self.memory.rig.configurator.live.offered(job.guid)
            rejected = "rate: too much" if "instances" in self.memory.rig.values(job) else None
            self.memory.rig.acknowledge(job, revision, rejected)

        found = typed_in(self.memory, "scale", "my.module", "1", turn=reject)
        self.assertEqual(found.code, 1)
        told = f"proactor: revision 3 was taken back by revision 4: {job.guid} rejected it: rate: too much\n"
        self.assertEqual(found.err, f"{told}  see it: proactor rollout 3\n")

    def test_at_rest(self) -> None:
        """Those that do not run and will not by themselves are named, with what to do about them."""
        job = self.memory.rig.create("my.module")
        self.memory.rig.launcher.finish(job.guid, 1)
        self.memory.turn()
        found = self.scale("2")
        self.assertEqual(found.code, 1)
        self.assertIn(f"1 of 2 are ready; exited, and counted as well, is 1: {job.guid[:8]}\n", found.err)
        self.assertIn(f"have them run: proactor start {job.guid[:8]}; or forget them", found.err)


class OffTests(SynchronousTestCase):
    """No number is to be kept."""

    def begin(self, config: str = CONFIG) -> None:
        self.memory = Memory(self, config=config)
        self.job = self.memory.rig.create("my.module")

    def setUp(self) -> None:
        self.begin()

    def scale(self, *words: str) -> Result:
        """Run it against an initiator in memory, whose processor takes up what is sent to it."""
        return typed_in(self.memory, "scale", *words, turn=lambda: self.memory.rig.acknowledge(self.job))

    def revision(self) -> int:
        return self.memory.rig.configurator.live.revision

    def test_none_kept(self) -> None:
        """Where none is kept that is said, and nothing is changed: to say it twice is no error."""
        before = self.revision()
        for _ in range(2):
            found = self.scale("my.module", "off")
            told = "No number of my.module is kept; 1 run as before.\n"
            self.assertEqual((found.code, found.out, found.err), (0, "", told))
        record = self.scale("my.module", "off", "--json").json
        self.assertEqual([job["guid"] for job in record.pop("jobs")], [self.job.guid])
        unchanged: dict[str, Any] = {"changes": {}, "overrides": {}, "rollout": None}
        self.assertEqual(record, {"section": "my.module", "revision": 1, **unchanged})
        self.assertEqual(self.revision(), before)

    def test_kept(self) -> None:
        """Where one is, it is no more; a program gets a record of the same members."""
        self.assertEqual(self.scale("my.module", "1", "--wait", "0").code, 0)
        found = self.scale("my.module", "off", "--json")
        record = found.json
        self.assertEqual(self.scale("my.module", "off", "--json").json.keys(), record.keys())
        self.scale("my.module", "1", "--wait", "0")
        found = self.scale("my.module", "off")
        self.assertEqual(found.code, 0)
        self.assertIn("No number of my.module is kept from now on; ", found.err)

    def test_of_the_file(self) -> None:
        """What the file says is not undone by an edit, nor said to be: it is told where to remove it."""
        self.begin(CONFIG.replace("colour = red", "colour = red\ninstances = 1"))
        found = self.scale("my.module", "off")
        self.assertEqual(found.code, 1)
        self.assertRegex(found.err, r"instances: stands in .*, line \d+: remove it there")
        self.scale("my.module", "2", "--wait", "0")
        before = self.revision()
        found = self.scale("my.module", "off")
        self.assertEqual(found.code, 1)
        self.assertEqual(
            found.err,
            "proactor: the file says [my.module] instances = 1, and that would count again\n"
            "  remove it there, or have none: proactor scale my.module 0\n",
        )
        self.assertEqual(self.revision(), before)

    def test_no_such_module(self) -> None:
        """A module that there is not is refused as ever."""
        found = self.scale("nope", "off")
        self.assertEqual(found.code, 1)
        self.assertIn("there is no section [nope]", found.err)
