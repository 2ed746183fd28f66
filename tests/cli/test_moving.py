"""Tests of what is done to many jobs at once, and told of each."""

from __future__ import annotations

import json

from attrs import evolve
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from proactor.cli.moving import Move, moved
from proactor.cli.output import Output
from proactor.cli.shell import Shell
from proactor.client import Client, Exit, Job
from proactor.errors import Conflict

from ..client.support import Memory


class MovedTests(SynchronousTestCase):
    """Two jobs, and what comes of each."""

    def setUp(self) -> None:
        self.memory = Memory(self)
        for _ in range(2):
            self.memory.rig.create()
        self.jobs = self.memory.run(self.memory.client.jobs.list())
        #: What the move gives of each, or raises.
        self.results: list[Job | bool | Exception | None] = [*self.jobs]

    async def act(self, _client: Client, guid: str, _wait: float) -> Job | bool | None:
        result = self.results[[job.guid for job in self.jobs].index(guid)]
        if isinstance(result, Exception):
            raise result
        return result

    def move(self, json: bool = False, ends: bool = False, wait: float = 5) -> tuple[int, str, str]:
        """Its exit code, and what it says."""
        move = Move("Trying", "is tried", self.act, lambda job: job.ready, ends)
        runner = CliRunner()
        with runner.isolation() as (out, err, _):
            shell = Shell(out=Output(json=json))
            code = self.memory.run(moved(shell, self.memory.client, move, self.jobs, wait))
            return code, out.getvalue().decode(), err.getvalue().decode()

    def names(self) -> list[str]:
        return [job.guid[:8] for job in self.jobs]

    def test_good(self) -> None:
        """All came to what was asked for: a line each, and 0."""
        one, other = self.names()
        told = f"{one}  my.module  running\n{other}  my.module  running\n"
        self.assertEqual(self.move(), (0, told, ""))

    def test_bad(self) -> None:
        """One did not: its last words are told, and the exit code is 1."""
        ended = Exit(code=3, signal=None, reason="exited with status 3", lines=("no such table",))
        self.results[1] = evolve(self.jobs[1], ready=False, state="fatal", exit=ended)
        code, out, _ = self.move()
        self.assertEqual(code, 1)
        self.assertIn(f"{self.names()[1]}  my.module  fatal: exited with status 3", out)

    def test_killed(self) -> None:
        """Of one that was to end, and did so in time, its end is not told; of one that had to be killed it is."""
        for reason, is_told in (("ended by SIGTERM", False), ("did not end within stop_timeout = 5 s", True)):
            self.results[0] = evolve(self.jobs[0], exit=Exit(code=None, signal=9, reason=reason, lines=()))
            self.assertEqual(reason in self.move(ends=True)[1], is_told)
            self.assertNotIn(reason, self.move()[1])

    def test_refused(self) -> None:
        """What is refused of one is told of that one; the others are done."""
        self.results[0] = Conflict("it is being deleted")
        code, out, err = self.move()
        self.assertEqual((code, out), (1, f"{self.names()[1]}  my.module  running\n"))
        self.assertEqual(err, f"proactor: {self.jobs[0].guid}: it is being deleted\n")

    def test_not_waited_for(self) -> None:
        """Of what nobody waits for it is told that it was asked for, and that is what was wanted."""
        self.results = [True, None]
        one, other = self.names()
        told = f"{one}  my.module  gone\n{other}  my.module  is tried\n"
        self.assertEqual(self.move(wait=0), (0, told, ""))

    def test_late(self) -> None:
        """What is not done in the time for which it is waited is told of, with how to look again, and the code is 1."""
        one, other = self.names()
        for late in (None, False):
            self.results = [True, late]
            told = f"{one}  my.module  gone\n{other}  my.module  is tried, not done within 5 s\n"
            error = "proactor: 1 of 2 not done within 5 s; it goes on\n  look again: proactor ps\n"
            self.assertEqual(self.move(), (1, told, error))
            code, out, _ = self.move(json=True)
            self.assertEqual((code, json.loads(out)[0]), (1, {"guid": self.jobs[0].guid}))
            self.assertEqual(json.loads(out)[1]["error"]["detail"], "not done within 5 s; it goes on")

    def test_very_long(self) -> None:
        """No longer than an initiator holds an answer, and that is what is told."""
        self.results = [True, None]
        self.assertIn("1 of 2 not done within 300 s", self.move(wait=1000)[2])

    def test_program(self) -> None:
        """A program gets a list, of records and of errors."""
        self.results = [self.jobs[0], Conflict("no")]
        code, out, err = self.move(json=True)
        found = json.loads(out)
        self.assertEqual((code, err, found[0]["guid"]), (1, "", self.jobs[0].guid))
        self.assertEqual(found[1]["error"]["detail"], "no")
