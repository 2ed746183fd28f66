"""Tests of an edit that is followed, or not to its end."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proactor.client import Unreachable

from ..client.support import Memory
from .support import typed_in


class EditTests(SynchronousTestCase):
    """What is said of it."""

    def test_gone_meanwhile(self) -> None:
        """Once it is made, an initiator that is gone is looked for again, before it is followed and when it is over."""
        memory = Memory(self)
        job = memory.rig.create()
        rollouts = memory.client.rollouts
        look, looks = type(rollouts).get, 0

        async def get(self: Any, id_: str) -> Any:
            nonlocal looks
            looks += 1
            if looks in (1, 4):
                raise Unreachable("it is gone")
            return await look(self, id_)

        self.patch(type(rollouts), "get", get)

        def turn() -> None:
            # Not before it is followed.
            if looks > 1:
                memory.rig.acknowledge(job)

        found = typed_in(memory, "config", "set", "my.module", "rate=3", turn=turn)
        self.assertEqual((found.code, looks), (0, 5), found.err)
        *told, last = found.err.splitlines()
        self.assertEqual(told, ["it is gone; looking for it again, Ctrl-C ends that", "It is there again."] * 2)
        self.assertRegex(last, r"^Revision \d+ is applied by 1 of 1\.$")

    def test_late(self) -> None:
        """Who does not wait until it is over is told how far it is and how to look again, and the exit code is 1."""
        memory = Memory(self)
        memory.rig.create()
        found = typed_in(memory, "config", "set", "my.module", "rate=3", "--wait", "1")
        self.assertEqual(found.code, 1)
        self.assertRegex(
            found.err,
            r"^proactor: revision (\d+) is applied by 0 of 1 after 1 s, and goes on\n"
            r"  look again: proactor rollout \1 --follow\n$",
        )
        found = typed_in(memory, "config", "set", "other.module", "rate=3", "--wait", "1")
        self.assertEqual(found.code, 0, found.err)

    def test_late_for_a_program(self) -> None:
        """A program has the record, and the same exit code; who does not wait at all is told that it is on its way."""
        memory = Memory(self)
        memory.rig.create()
        found = typed_in(memory, "config", "set", "my.module", "rate=3", "--wait", "1", "--json")
        self.assertEqual((found.code, found.json["outcome"]["state"]), (1, "running"))
        memory = Memory(self)
        memory.rig.create()
        found = typed_in(memory, "config", "set", "my.module", "rate=3", "--wait", "0")
        self.assertEqual(found.code, 0)
        self.assertRegex(found.err, r"^Revision \d+ is on its way\. Look again: proactor rollout \d+ --follow\n$")
