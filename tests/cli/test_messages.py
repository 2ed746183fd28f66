"""Tests of ``proactor message list``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.messaging.letters import Outcome

from ..client.support import Memory
from ..support.http import as_json
from .support import Result, typed, typed_in


class ListTests(SynchronousTestCase):
    """Dead ones, and one between them that waits."""

    def setUp(self) -> None:
        self.memory = Memory(self)
        refuses, waits = (self.memory.rig.create() for _ in range(2))
        self.memory.rig.deliveries.outcome = lambda guid, _message: Outcome("422: no", is_final=guid == refuses.guid)
        for job in (refuses, waits, refuses):
            answer = self.memory.rig.ask(f"POST /message/{job.guid}", **as_json({"a": 1}))
            self.assertEqual(answer.status, 202)
        self.memory.turn()

    def listed(self, *words: str) -> Result:
        return typed_in(self.memory, "message", "list", *words)

    def states(self, *words: str) -> list[str]:
        return [each["state"] for each in self.listed(*words, "--json").json]

    def test_each(self) -> None:
        """Those of one state alone."""
        self.assertEqual(self.states("--dead"), ["dead", "dead"])
        self.assertEqual(self.states("--waiting"), ["resting"])

    def test_both(self) -> None:
        """Those of both, however that is said, in the order of their numbers; so many in all as are wanted."""
        for words in (["--dead", "--waiting"], ["--waiting", "--dead"]):
            self.assertEqual(self.states(*words), ["dead", "resting", "dead"])
        self.assertEqual(self.states("--dead", "--waiting", "-n", "2"), ["dead", "resting"])
        after = self.listed("--dead", "--waiting", "--json").json[0]["number"]
        self.assertEqual(self.states("--dead", "--waiting", "--after", str(after)), ["resting", "dead"])

    def test_neither(self) -> None:
        """How many there are, where nothing else is wanted of them."""
        self.assertEqual(self.listed().err, "1 wait, 2 are dead. See them: proactor message list --dead\n")
        found = typed("message", "list", "-n", "2")
        self.assertEqual(found.code, 2)
        self.assertIn("say which: --waiting, --dead, or both", found.err)
