"""Tests of what an initiator that stops says that it waits for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.waited_for import waited_for
from proactor.model import Job, State

from ..support.rig import NOON


def job(digit: str, state: State = State.STOPPING, module: str = "my.module") -> Job:
    return Job(digit * 32, module, "spawn", 20000, "http://localhost:20000", NOON, state=state)


class WaitedForTests(SynchronousTestCase):
    """Who is left."""

    def said(self, *jobs: Job, passed: float = 0.0) -> str:
        return waited_for(jobs, lambda job: 10.0 if job.module == "slow" else 2.0, passed)

    def test_nobody(self) -> None:
        """Who has ended, or is left to the next initiator, is not waited for."""
        self.assertEqual(self.said(), "")
        self.assertEqual(self.said(job("a", State.STOPPED), job("b", State.RUNNING)), "")

    def test_who(self) -> None:
        """Each is named, with the longest that it can take."""
        self.assertEqual(self.said(job("a")), "a processor is waited for, 2 s at most: aaaaaaaa (my.module)")
        self.assertEqual(
            self.said(job("a"), job("b", module="slow"), job("c", State.FATAL), passed=1.5),
            "2 processors are waited for, 9 s at most: aaaaaaaa (my.module), bbbbbbbb (slow)",
        )

    def test_many(self) -> None:
        """Of many some are named, and the rest counted."""
        said = self.said(*map(job, "abcdef"))
        self.assertEqual(said.partition(": ")[0], "6 processors are waited for, 2 s at most")
        self.assertEqual(said.rpartition("), ")[2], "3 more")

    def test_late(self) -> None:
        """What takes longer than it was given is about to be over."""
        self.assertIn(", 0 s at most: ", self.said(job("a"), passed=5))
