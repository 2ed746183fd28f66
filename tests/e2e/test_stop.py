"""The end: of one processor, of the initiator and all that it started."""

from __future__ import annotations

import os
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGUSR2

from .case import Case, SharedCase
from .support import Initiator, begun, configuration, curl, marked, until

FLEET = """\
[stubborn]
stop_timeout = 0.3

[parent]
stop_timeout = 3

[gated]
gate = /nowhere
stop_timeout = 0.5

[garbage]

[picky]
rate = 1
restart = never
"""


def exists(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()


class StopTests(Case):
    """Signals to the initiator."""

    async def fleet(self) -> Initiator:
        """An initiator with one processor that ends, and others that rather do not."""
        initiator = await self.start(configuration(FLEET))
        for module in ("proactor.processor", "stubborn", "parent"):
            await self.create(initiator, module=module)
        # This one never gets as far as to serve.
        await self.http("POST", f"{initiator.url}/create", json={"module": "gated"})
        await initiator.console.line("child ready", 2)
        return initiator

    async def only(self, initiator: Initiator, pids: set[int]) -> None:
        """Wait until there are no other processes of it than these: the kernel takes a moment to end one."""
        await until(lambda: set(marked(initiator.mark)) == pids, lambda: f"{marked(initiator.mark)} are {pids}")

    async def end(self, initiator: Initiator, number: int) -> None:
        """Send it a signal; nothing of it is left."""
        self.assertGreaterEqual(len(marked(initiator.mark)), 8)
        initiator.send(number)
        self.assertEqual(await initiator.ended(), -number)
        await self.only(initiator, set())

    async def test_terminated(self) -> None:
        """SIGTERM ends all there is, with children and their children, and the initiator is the last."""
        await self.end(await self.fleet(), SIGTERM)

    async def test_interrupted(self) -> None:
        """So does Ctrl-C."""
        await self.end(await self.fleet(), SIGINT)

    async def test_in_good_order(self) -> None:
        """A processor that heeds SIGTERM has its last word on the console."""
        initiator = await self.start(configuration())
        jobs = await self.create(initiator, count=2)
        initiator.send(SIGTERM)
        await initiator.ended()
        for job in jobs:
            await initiator.console.line(rf"\|{job['pid']}\|proactor.processor\|Stopping$")


class AgainTests(Case):
    """Signals to an initiator that stops."""

    def begin(self, program: str) -> Initiator:
        folder = self.folder()
        (folder / "proactor.cfg").write_text(configuration("[stubborn]\nstop_timeout = 60\n"))
        initiator = Initiator(folder, program=program)
        self.addCleanup(initiator.end)
        return initiator

    async def told(self, program: str) -> None:
        """However often it is told, it says for whom it waits, and ends as it would have."""
        initiator = await self.begin(program).served()
        job = (await self.create(initiator, module="stubborn"))[0]
        initiator.send(SIGTERM)
        await initiator.console.line("Stopping 1 processor$")
        waits = rf"Stopping already: a processor is waited for, \d+ s at most: {job['guid'][:8]} \(stubborn\)$"
        for count, number in enumerate((SIGTERM, SIGINT, SIGUSR2, SIGTERM), 1):
            initiator.send(number)
            await initiator.console.line(waits, count)
        initiator.send(SIGHUP)
        await initiator.console.line("SIGHUP: the initiator is stopping, the configuration stays as it is$")
        os.kill(job["pid"], SIGKILL)
        self.assertEqual(await initiator.ended(), -SIGTERM)
        for word in ("Traceback", "CRITICAL", "ReactorNotRunning"):
            self.assertNotIn(word, initiator.console.text())

    async def test_twistd(self) -> None:
        """Under ``twistd``."""
        await self.told("twistd")

    async def test_twist(self) -> None:
        """Under ``twist``."""
        await self.told("twist")


class JobEndTests(SharedCase):
    """One of several processors ends."""

    @classmethod
    def configuration(cls) -> str:
        """With the same modules."""
        return configuration(FLEET)

    async def delete(self, guid: str, wait: int = 30) -> int:
        """Delete a job; the status that is answered."""
        return (await self.http("DELETE", f"{self.it.url}/job/{guid}", {"Prefer": f"wait={wait}"})).status

    async def test_stubborn(self) -> None:
        """One that ignores SIGTERM is killed after its ``stop_timeout``."""
        job = (await self.create(self.it, module="stubborn"))[0]
        self.assertEqual(await self.delete(job["guid"]), 204)
        self.assertFalse(exists(job["pid"]))

    async def test_not_waited_for(self) -> None:
        """Who does not wait is told so by 202, and it is gone a little later."""
        job = (await self.create(self.it, module="stubborn"))[0]
        self.assertEqual(await self.delete(job["guid"], wait=0), 202)

        async def is_gone() -> bool:
            return (await self.http("GET", f"{self.it.url}/job/{job['guid']}")).status == 404

        await until(is_gone, self.it.console.text)
        self.assertFalse(exists(job["pid"]))

    async def test_children(self) -> None:
        """What a processor started ends with it, though it may ignore SIGTERM; other processors never notice."""
        # The first that is forked brings the fork server with it.
        await self.create(self.it)
        before = set(begun(self.it.mark))
        job = (await self.create(self.it, module="parent"))[0]
        await self.it.console.line("child ready", 2)
        other = (await self.create(self.it))[0]
        self.assertEqual(len(set(begun(self.it.mark)) - before), 5)
        self.assertEqual(await self.delete(job["guid"]), 204)
        await until(lambda: set(begun(self.it.mark)) - before == {other["pid"]}, "its children are gone")
        self.assertEqual((await self.running(other))["guid"], other["guid"])

    async def test_killed(self) -> None:
        """A processor that is killed, or that ends itself, is known to have ended, and by what."""
        killed, fallen = await self.create(self.it, count=2, module="picky")
        os.kill(killed["pid"], SIGKILL)
        job = await self.becomes(self.it, killed["guid"], pid=None, ready=False, state="exited")
        self.assertEqual((job["exit"]["code"], job["exit"]["signal"]), (None, SIGKILL))
        self.assertIn("SIGKILL", job["exit"]["reason"])
        await curl("-s", "-X", "POST", f"http://127.0.0.1:{fallen['port']}/fall")
        job = await self.becomes(self.it, fallen["guid"], pid=None, ready=False, state="exited")
        self.assertEqual((job["exit"]["code"], job["exit"]["signal"]), (3, None))

    async def test_garbage(self) -> None:
        """Whatever a processor writes is shown, and does no harm: not to the console, nor to the initiator."""
        job = (await self.create(self.it, module="garbage"))[0]
        await self.it.console.line("the last of it", 2)
        lines = self.it.console.lines()
        self.assertEqual(sum(line.startswith(r"\xff\xfe not UTF-8") for line in lines), 2)
        self.assertIn(r"\x1b[2J\x1b[1;1Hclears the screen", lines)
        self.assertIn("{0.__class__} %s {log_source}", lines)
        self.assertIn(r"\r2026-01-01 00:00:00,000 INFO   |1|proactor|forged", lines)
        self.assertEqual(sum(line.count("x") for line in lines if line.startswith("xxx")), 200_000)
        self.assertNotIn("\x1b", self.it.console.text())
        self.assertEqual((await self.running(job))["guid"], job["guid"])
