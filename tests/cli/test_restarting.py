"""Tests of rolling restarts as they are asked for, and followed."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from proactor.cli.ends import Failed
from proactor.cli.lookout import Lookout
from proactor.cli.output import Output
from proactor.cli.restarting import looked

from ..client.support import Memory
from .support import Result, typed, typed_in


class LookedTests(SynchronousTestCase):
    """How far it is."""

    def test_forgotten(self) -> None:
        """One that the initiator of before has taken with it is told of, with how far it came and what to do."""
        memory = Memory(self)
        job = memory.rig.create()
        record = memory.run(memory.client.jobs.restart_all(module=job.module))
        lookout = Lookout(Output())
        self.assertEqual(memory.run(looked(memory.client, record, lookout)).id, record.id)
        error = memory.fail(looked(memory.client, evolve(record, id="0" * 12), lookout), Failed)
        self.assertIn("0 of 1 were restarted when the initiator ended", str(error))
        self.assertIn("proactor restart", error.hint)


class RollingTests(SynchronousTestCase):
    """Of a module, a label, or all."""

    def setUp(self) -> None:
        self.memory = Memory(self)
        self.answering = True

    def answer(self) -> None:
        """Those that were restarted are ready."""
        for job in list(self.memory.rig.fleet.jobs.values()):
            if self.answering and job.alive and not job.ready:
                self.memory.rig.acknowledge(job)

    def restart(self, *words: str) -> Result:
        return typed_in(self.memory, "restart", *words, turn=self.answer)

    def test_all(self) -> None:
        """All there are, of all modules; what is too much or too little of a choice is wrong usage."""
        for module in ("my.module", "other.module"):
            self.memory.rig.create(module)
        self.assertEqual(self.restart("--all").err, "2 of 2 restarted.\n")
        self.assertEqual([job.incarnation for job in self.memory.rig.fleet.jobs.values()], [2, 2])
        for words in (["--all", "--module", "my.module"], []):
            found = typed("restart", *words)
            self.assertEqual(found.code, 2)
            self.assertIn("say which: JOB, or --module or --label or both, or --all", found.err)

    def test_nobody(self) -> None:
        """Where there is no such job, or none that runs, that is a failure."""
        told = "proactor: there is no such job, or all of them are stopped\n  see which there are: proactor ps\n"
        for words in (["--module", "my.module"], ["--label", "role"], ["--all"]):
            found = self.restart(*words)
            self.assertEqual((found.code, found.out, found.err), (1, "", told))
        self.assertIn("no such job", self.restart("--all", "--json").error["detail"])
        job = self.memory.rig.create()
        self.memory.rig.run(self.memory.rig.fleet.stop(job.guid, "operator"))
        self.assertEqual(self.restart("--all").err, told)

    def test_late(self) -> None:
        """It is waited for as long as is said: one that is not over then is told of, and the exit code is 1."""
        self.memory.rig.create()
        self.answering = False
        before = self.memory.rig.clock.seconds()
        found = self.restart("--all", "--wait", "1")
        self.assertLess(self.memory.rig.clock.seconds() - before, 2)
        self.assertEqual((found.code, found.out), (1, ""))
        self.assertRegex(
            found.err,
            r"^proactor: 0 of 1 restarted after 1 s; the restart goes on\n"
            r"  look again: proactor restart --follow \w+\n$",
        )
        id_ = found.err.split()[-1]
        found = self.restart("--follow", id_, "--wait", "1", "--json")
        self.assertEqual((found.code, found.json["state"]), (1, "running"))
        found = self.restart("--follow", id_, "--wait", "0")
        self.assertEqual(
            (found.code, found.err), (0, f"The restart goes on. Look again: proactor restart --follow {id_}\n")
        )

    def test_to_its_end(self) -> None:
        """Without a word on how long, it is waited for until it is over."""
        self.memory.rig.create_many(2)
        until = self.memory.rig.clock.seconds() + 15

        def answer() -> None:
            self.answering = self.memory.rig.clock.seconds() > until
            self.answer()

        found = typed_in(self.memory, "restart", "--all", turn=answer)
        self.assertEqual((found.code, found.err), (0, "2 of 2 restarted.\n"))
