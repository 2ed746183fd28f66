"""Tests of ``proactor create``: what is said besides, and meanwhile."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.client import Unreachable
from proactor.client.configuration import Configuration
from proactor.client.jobs import Jobs

from ..client.support import Memory
from ..jobs.case import config
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

    def test_not_to_be_seen(self) -> None:
        """Where nobody may see what is kept nothing is said of it, and what is done is done."""

        async def section(*_args: object) -> None:
            raise Unreachable("it is gone")

        self.patch(Configuration, "section", section)
        found = self.create("my.module", "-n", "2")
        self.assertEqual((found.code, found.err), (0, "2 ready.\n"))

    def test_none_kept(self) -> None:
        """Of a module of which no number is kept there is nothing to say."""
        self.assertEqual(self.create("other.module").err, "It is ready.\n")


class TroubledTests(SynchronousTestCase):
    """What is launched ends at once, again and again."""

    def setUp(self) -> None:
        self.memory = Memory(self, config=config("restart_attempts = 0\n").replace("restart_attempts = 3\n", ""))
        #: What was told when the time of waiting was not yet over.
        self.ends = 0

    def end(self) -> None:
        """Whatever runs ends."""
        for guid in self.memory.rig.launcher.running:
            self.memory.rig.launcher.finish(guid, 2)
            self.ends += 1

    def create(self, *words: str) -> Result:
        return typed_in(self.memory, "create", "my.module", *words, turn=self.end)

    def test_told_at_once(self) -> None:
        """Why is told when it is known, once however often it ends, before it is told what came of it."""
        found = self.create("--wait", "30")
        self.assertGreater(self.ends, 2)
        self.assertEqual(found.code, 1)
        (guid,) = self.memory.rig.fleet.jobs
        first, second, *_ = found.err.splitlines()
        self.assertEqual(first, f"{guid[:8]}  exited with status 2; it is tried again")
        self.assertEqual(second, "proactor: 1 of 1 not ready")
        self.assertEqual(found.err.count("tried again"), 1)

    def test_not_to_be_seen(self) -> None:
        """Where it cannot be looked at why, it is waited for as ever, and told at the end."""

        async def get(*_args: object) -> None:
            raise Unreachable("it is gone")

        self.patch(Jobs, "get", get)
        found = self.create("--wait", "2")
        self.assertEqual((found.code, found.err.splitlines()[0]), (1, "proactor: 1 of 1 not ready"))

    def test_each_reason_once(self) -> None:
        """What many have in common is told of one; a program is told at the end alone."""
        self.assertEqual(self.create("-n", "7", "--wait", "2").err.count("tried again"), 1)
        self.assertEqual(self.create("--wait", "2", "--json").err, "")
