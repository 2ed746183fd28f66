"""Tests of edits that change nothing, or only what stands for it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..client.support import Memory
from .support import Result, typed_in


class UnchangedTests(SynchronousTestCase):
    """That nothing changes is said as well."""

    def setUp(self) -> None:
        self.memory = Memory(self)
        self.rate = self.memory.run(self.memory.client.config.section("my.module")).options["rate"]

    def typed(self, *words: str) -> Result:
        found = typed_in(self.memory, "config", *words)
        self.assertEqual(found.code, 0, found.err)
        return found

    def present(self) -> int:
        return self.memory.run(self.memory.client.readiness()).revision

    def test_plan(self) -> None:
        """Of an edit that is only planned it is said what it would come to; programs have the record."""
        found = self.typed("set", "my.module", "rate=7", "--plan")
        would_be = f"Nothing is changed yet. It would be revision {self.present() + 1}, and touch"
        self.assertEqual(found.err, f"{would_be} no processor.\n")
        self.memory.rig.create_many(2)
        would_be = f"Nothing is changed yet. It would be revision {self.present() + 1}, and touch"
        self.assertEqual(self.typed("set", "my.module", "rate=7", "--plan").err, f"{would_be} 2 processors.\n")
        nothing = f"Nothing would change: it is so already in revision {self.present()}.\n"
        self.assertEqual(self.typed("rollback", "my.module", "1", "--plan").err, nothing)
        found = self.typed("rollback", "my.module", "1", "--plan", "--json")
        self.assertEqual((found.err, found.json["changes"]), ("", {}))

    def test_made(self) -> None:
        """So it is of one that is made; one that makes a revision and touches nobody is told apart."""
        first = self.typed("set", "my.module", "rate=7").err
        self.assertRegex(first, r"^Revision \d+: it touches no processor\.\n$")
        again = self.typed("set", "my.module", "rate=7").err
        self.assertEqual(again, first.replace("it touches no processor", "nothing changes, it is so already"))

    def test_as_the_file(self) -> None:
        """An edit to what the file says is in the history, and there is no difference: it is said why."""
        self.typed("set", "my.module", "rate=7")
        self.typed("set", "my.module", f"rate={self.rate}")
        self.assertIn(f"rate: 7 -> {self.rate}", self.typed("history", "my.module").out)
        found = self.typed("diff", "my.module")
        self.assertEqual((found.out, found.err), ("", "No difference.\nEdited, to what the file says as well: rate.\n"))
        self.typed("unset", "my.module", "rate")
        self.assertEqual(self.typed("diff", "my.module").err, "No difference.\n")
