"""Tests of ``proactor scale``: how it is with a number that is kept, or is not."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ..client.support import Memory
from ..support.rig import CONFIG
from .support import Result, typed_in


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
