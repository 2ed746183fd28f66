"""Tests of an edit whose initiator goes while it is followed."""

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
