"""Tests of ``proactor create``: what is said besides."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..client.support import Memory
from ..support.rig import CONFIG
from .support import Result, typed_in


class KeptTests(SynchronousTestCase):
    """A number of the module is kept."""

    def setUp(self) -> None:
        self.memory = Memory(self, config=CONFIG.replace("[my.module]\n", "[my.module]\ninstances = 1\n"))

    def answer(self) -> None:
        """All that are launched are ready."""
        for job in list(self.memory.rig.fleet.jobs.values()):
            if job.alive and not job.ready:
                self.memory.rig.acknowledge(job)

    def create(self, *words: str) -> Result:
        return typed_in(self.memory, "create", *words, turn=self.answer)

    def test_too_many(self) -> None:
        """That there are more now than are kept is said, which is no failure; up to that number it is not."""
        found = self.create("my.module")
        self.assertEqual((found.code, found.err), (0, "It is ready.\n"))
        found = self.create("my.module", "-n", "2")
        told = "[my.module] instances = 1, and there are 3: 2 go at the next edit or start."
        self.assertEqual((found.code, found.err), (0, f"2 ready.\n{told} To keep all: proactor scale my.module 3\n"))
        self.assertEqual(self.create("my.module", "--json").err, "")

    def test_none_kept(self) -> None:
        """Of a module of which no number is kept there is nothing to say."""
        self.assertEqual(self.create("other.module").err, "It is ready.\n")
