"""What is said where something was asked for and taken, and cannot be looked at."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..client.support import Memory
from ..support.http import as_json
from .support import Result, typed_in


class AcceptedTests(SynchronousTestCase):
    """With a token that opens the one and not the other."""

    def typed_with(self, scope: str, *words: str) -> tuple[Memory, Result]:
        """Type it by such a token, where there is a job."""
        memory = Memory(self)
        job = memory.rig.create()
        body = as_json({"name": "narrow", "scopes": [scope]})
        token = memory.rig.ask("POST /tokens", **body).json()["token"]
        memory.client.connection.token = token
        return memory, typed_in(memory, *words, turn=lambda: memory.rig.acknowledge(job))

    def test_restarted(self) -> None:
        """A rolling restart that goes on is told of, with why it is not seen and how to look again."""
        memory, found = self.typed_with("launch", "restart", "-m", "my.module", "-b", "5")
        self.assertEqual(found.code, 1)
        self.assertRegex(
            found.err,
            r"^proactor: this needs the scope read.*; the restart goes on\n"
            r"  look again: proactor restart --follow \w+\n$",
        )
        (job,) = memory.rig.fleet.jobs.values()
        self.assertEqual(job.incarnation, 2)

    def test_edited(self) -> None:
        """So is an edit, to a program too."""
        memory, found = self.typed_with("configure", "config", "set", "my.module", "rate=4", "--json")
        self.assertEqual(found.code, 1)
        self.assertRegex(found.error["detail"], "^this needs the scope read.*; it is made, and goes on$")
        self.assertEqual(memory.rig.values(*memory.rig.fleet.jobs.values())["rate"], "4")

    def test_refused(self) -> None:
        """Of what was refused itself nothing is said to be done."""
        _, found = self.typed_with("read", "restart", "-m", "my.module")
        self.assertEqual(found.code, 1)
        self.assertNotIn("goes on", found.err)
