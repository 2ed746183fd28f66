"""The example processor, and the story that is told of it: by curl, from its launch to a change that it rejects."""

from __future__ import annotations

import json
import re
import shutil
import sys
from signal import SIGHUP

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutput

from .case import Case, Record
from .ports import free_ports
from .support import ROOT, Initiator, curl, environment, until


class ExampleTests(Case):
    """``examples/``, copied, on free ports."""

    async def begin(self) -> Initiator:
        folder = self.folder()
        for path in (ROOT / "examples").glob("*.*"):
            shutil.copy(path, folder)
        first = free_ports(9, "0.0.0.0")
        self.child_port = first + 1
        ports = {"8080": first, "49152": self.child_port, "65535": first + 8}
        config = folder / "proactor.cfg"
        config.write_text(re.sub("|".join(ports), lambda match: str(ports[match[0]]), config.read_text()))
        initiator = Initiator(folder)
        self.addCleanup(initiator.end)
        return await initiator.served()

    async def ticks(self) -> Record:
        answer: Record = json.loads(await curl("-s", f"localhost:{self.child_port}/ticks"))
        return answer

    async def curl_patch(self, url: str, *arguments: str) -> Record:
        answer: Record = json.loads(await curl("-s", "-X", "PATCH", "-H", "Prefer: wait=30", *arguments, url))
        return answer

    async def test_story(self) -> None:
        """It is launched, called, and changed while it runs: by its file, by an edit, but by none that it rejects."""
        it = await self.begin()
        url, section = f"localhost:{it.port}", f"localhost:{it.port}/config/ticker"
        self.assertEqual(await curl("-s", "-d", "module=ticker", f"{url}/create"), "201: Created\n")
        self.assertEqual((await self.ticks())["rate"], 1.0)
        job = await self.becomes(it, (await self.jobs(it))[0]["guid"], ready=True)

        it.edit("\nrate = 1\n", "\nrate = 100\n")
        it.send(SIGHUP)
        await it.console.line(rf"\|{job['pid']}\|proactor.processor\|Changed rate: 1 -> 100 \(revision 3\)$")
        self.assertEqual((await self.ticks())["rate"], 100.0)

        planned = json.loads(await curl("-s", "-X", "PATCH", "-d", "rate=200", f"{section}?plan=1"))
        self.assertEqual(planned["changes"], {job["guid"]: {"rate": {"from": "100", "to": "200"}}})
        self.assertEqual((await self.ticks())["rate"], 100.0)

        done = await self.curl_patch(section, "-d", "rate=200")
        self.assertEqual((done["changes"], done["outcome"]["state"]), (planned["changes"], "done"))
        self.assertEqual((await self.ticks())["rate"], 200.0)

        refused = await curl("-s", "-X", "PATCH", "-d", "rate=-1", section)
        self.assertRegex(refused, r"^422: .*rate = -1: must be > 0")

        counted = (await until(self.counted, "it counts"))["ticks"]
        rejected = (await self.curl_patch(section, "-d", "limit=1"))["outcome"]
        self.assertEqual(rejected["state"], "reverted")
        found = re.search(r"limit: must be >= (\d+), which is counted already$", rejected["problem"])
        assert found is not None, rejected
        self.assertGreaterEqual(int(found[1]), counted)

        again = await self.becomes(it, job["guid"], ready=True)
        self.assertEqual((again["pid"], again["restarts"]), (job["pid"], 0))
        self.assertEqual((await self.running(job))["limit"], "1000000")
        self.assertGreaterEqual((await self.ticks())["ticks"], counted)

    async def counted(self) -> Record | None:
        ticks = await self.ticks()
        return ticks if ticks["ticks"] > 1 else None

    async def test_default_module(self) -> None:
        """It is what a creation that names no module launches there."""
        it = await self.begin()
        job = (await self.create(it))[0]
        self.assertEqual(job["module"], "ticker")
        await curl("-s", "-X", "POST", f"localhost:{job['port']}/reset")
        self.assertIn("ticks", await self.ticks())

    async def test_described(self) -> None:
        """A module tells its options, in the form of a section."""
        told = await getProcessOutput(
            sys.executable, ["-m", "ticker", "--describe"], environment(), str(ROOT / "examples"), reactor
        )
        text = told.decode()
        self.assertIn("[ticker]\n", text)
        self.assertIn("# Ticks a second.\n# float, > 0, <= 1000\nrate = 1.0\n", text)
        self.assertIn("# int, >= 0; from the next start on\nfirst = 0\n", text)
