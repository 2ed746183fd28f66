"""What the command line follows goes on when the initiator is killed and another one comes, and nothing is left out."""

from __future__ import annotations

import json
import signal
from typing import Any

from twisted.internet.threads import deferToThread

from .case import Record
from .support import Initiator, until
from .test_cli import Typed
from .test_killed import KilledCase, fixed

GATED = "\n[gated]\ngate = {gate}\n"


class FollowingTests(KilledCase):
    """By SIGKILL, and by the way of those that leave."""

    async def serving(self) -> Initiator:
        """An initiator whose next one is reached by the same URL."""
        self.gate = self.folder() / "gate"
        return await self.start(fixed().replace("\n[steady]", GATED.format(gate=self.gate) + "\n[steady]"))

    def begin(self, initiator: Initiator, *words: str) -> Typed:
        """Run a command in a process of its own."""
        typed = Typed(self.folder(), "--home", str(initiator.home), *words)
        self.addCleanup(typed.end)
        return typed

    async def tell(self, jobs: list[Record], count: int) -> None:
        """Have each write some lines."""
        for _ in range(count):
            await self.nonces(jobs)

    async def test_logs(self) -> None:
        """Of logs each line comes once, those that were written meanwhile too; it is said once that the initiator is
        looked for, and once that it is there again.
        """
        it = await self.serving()
        jobs = await self.create(it, 2, module="survivor")
        typed = self.begin(it, "logs", "-f", "-m", "survivor")
        await self.tell(jobs, 3)
        await typed.out.line("told 3", 2)
        await self.kill(it)
        await self.tell(jobs, 3)
        await typed.err.line("looking for it again")
        it = await self.after(it)
        await self.tell(jobs, 3)
        await typed.out.line("told 9", 2)
        for job in jobs:
            await self.http("DELETE", f"{it.url}/job/{job['guid']}", {"Prefer": "wait=30"})
        self.assertEqual(await typed.ended(), 0)
        for job in jobs:
            lines = typed.out.lines(f"^{job['guid'][:8]}  .*told")
            self.assertEqual([line.split()[-1] for line in lines], [str(number) for number in range(1, 10)])
        said = typed.err.lines()
        self.assertRegex(said[0], r"^http://\S+ .*; looking for it again, Ctrl-C ends that$")
        self.assertEqual(said[1], "It is there again.")
        self.assertEqual(sorted(said[2:]), sorted(f"{job['guid']} is deleted." for job in jobs))
        self.assertNotIn("Chunked", typed.err.text())

    async def test_events(self) -> None:
        """Events go on behind the last that came, also where none had come yet."""
        it = await self.serving()
        typed, quiet = (self.begin(it, "events", "-f", "--json", *more) for more in (("--after", "0"), ("-e", "fatal")))
        await quiet.connected()
        (job,) = await self.create(it, 1, module="survivor")
        await typed.out.line('"running"')
        it.send(signal.SIGUSR2)
        await it.ended()
        it = await self.after(it)
        await self.http("POST", f"{it.url}/job/{job['guid']}/stop", {"Prefer": "wait=30"})
        await typed.out.line('"stopped"')
        ids = [json.loads(line)["id"] for line in typed.out.lines()]
        self.assertEqual(ids, list(range(1, ids[-1] + 1)))
        for each in (typed, quiet):
            each.process.send_signal(signal.SIGINT)
            self.assertEqual(await each.ended(), 130)

    async def test_launch(self) -> None:
        """A launch that is waited for is waited for on, and so is an edit."""
        it = await self.serving()
        typed = self.begin(it, "create", "gated")

        async def begun() -> list[Any]:
            return [job for job in await self.jobs(it) if job["pid"]]

        (job,) = await until(begun, "a process")
        edit = self.begin(it, "config", "set", "gated", "rate=2")
        await edit.out.line("rate")
        await until(lambda: self._is_out(it), "an edit")
        await self.kill(it)
        await typed.err.line("looking for it again")
        it = await self.after(it)
        self.gate.touch()
        self.assertEqual(await typed.ended(), 0, typed.err.text())
        self.assertIn("It is there again.\nIt is ready.\n", typed.err.text())
        self.assertIn(job["guid"][:8], typed.out.text())
        self.assertEqual(await edit.ended(), 0, edit.err.text())
        self.assertRegex(edit.err.text(), r"there again.\nRevision \d+ is applied by 1 of 1\.\n$")

    async def _is_out(self, it: Initiator) -> bool:
        for entry in await self.get(f"{it.url}/config/gated/history"):
            answer = await self.http("GET", f"{it.url}/rollout/{entry['revision']}")
            return answer.status == 200
        return False

    async def test_not_there(self) -> None:
        """Who was not there at the beginning is not waited for."""
        typed = Typed(self.folder(), "--url", "http://127.0.0.1:1", "events", "-f")
        self.addCleanup(typed.end)
        self.assertEqual(await typed.ended(), 4)
        await deferToThread(typed.end)
