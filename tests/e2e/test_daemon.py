"""The other ways to start it: as a daemon, and by ``twist``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from signal import SIGHUP, SIGTERM

from .case import Case
from .support import Console, Initiator, configuration, marked, until

SERVING = r"\|(\d+)\|proactor\|Serving on 127.0.0.1:(\d+)$"


class DaemonTests(Case):
    """``twistd proactor``, without ``-n``."""

    async def begin(self, text: str) -> tuple[Initiator, int]:
        """Start one, as a daemon; what started it, and its status."""
        folder = self.folder()
        (folder / "proactor.cfg").write_text(text)
        started = Initiator(folder, before=("--pidfile=a.pid", "--logfile=a.log"))
        self.addCleanup(started.end)
        return started, await started.ended()

    async def test_daemon(self) -> None:
        """It is there when the command is done, writes pid file and log, and works in the background like in front."""
        started, status = await self.begin(configuration())
        self.assertEqual(status, 0, started.console.text())
        log = Console(started.folder / "a.log")
        found = re.search(SERVING, await log.line(SERVING))
        assert found is not None
        pid, started.port = int(found[1]), int(found[2])
        started.url = f"http://127.0.0.1:{started.port}"
        self.assertEqual(int((started.folder / "a.pid").read_text()), pid)
        self.assertNotEqual(pid, started.pid)
        self.assertEqual(log.path.stat().st_mode & 0o077, 0)
        job = (await self.create(started))[0]
        await log.line(rf"\|{job['pid']}\|proactor.processor\|Serving on ")
        os.kill(pid, SIGHUP)
        await log.line("Read config again")
        await self.end(started, pid)

    async def end(self, started: Initiator, pid: int) -> None:
        """Stop the daemon; its file is gone, and all its processes."""
        os.kill(pid, SIGTERM)
        await until(lambda: not marked(started.mark), lambda: f"{marked(started.mark)} are left")
        self.assertFalse((started.folder / "a.pid").exists())

    async def test_wrong(self) -> None:
        """A wrong file is complained of on the terminal, before it goes to the background."""
        started, status = await self.begin("[DEFAULT]\nlisten_port = x\n")
        self.assertEqual(status, 1)
        self.assertIn("proactor.cfg: no section is named by a guid", started.console.text())
        self.assertEqual(marked(started.mark), [])


class TwistTests(Case):
    """``twist proactor``."""

    async def test_twist(self) -> None:
        """It is the same program, in the foreground, with the same lines."""
        folder = self.folder()
        (folder / "proactor.cfg").write_text(configuration())
        initiator = Initiator(folder, program="twist")
        self.addCleanup(initiator.end)
        await initiator.served()
        for line in ("proactor|Place defaults", "proactor|Read config...", "proactor.initiator|Running jobs"):
            self.assertEqual(len(initiator.console.lines(re.escape(line) + "$")), 1, initiator.console.text())
        job = (await self.create(initiator))[0]
        self.assertEqual((await self.running(job))["guid"], job["guid"])
        initiator.send(SIGTERM)
        self.assertEqual(await initiator.ended(), -SIGTERM)
        self.assertEqual(marked(initiator.mark), [])
        self.assertEqual(Path(folder / "twistd.pid").exists(), False)
