"""The configuration file, edited and read again, reaches live processes; their tokens are renewed meanwhile."""

from __future__ import annotations

import re
from signal import SIGHUP

from .case import Record, SharedCase
from .support import configuration, until

SECTIONS = """\
[picky]
rate = 1
colour = red

[steady]
rate = 1

[polling]
push = no
rate = 1
"""
DEFAULTS = """\
refresh = 1
token_ttl = 2
verbose = yes
greeting = hello
"""
RELOADED = r"Read config again: revision (\d+), with changes for (\d+) of \d+ processors"


class ReloadTests(SharedCase):
    """SIGHUP after an edit of the file."""

    @classmethod
    def configuration(cls) -> str:
        """Of a fleet that fetches every second, and whose tokens live for two."""
        return configuration(SECTIONS, default=DEFAULTS)

    async def reload(self, edit: tuple[str, str]) -> Record:
        """Edit the file, and tell the initiator; what it says it did."""
        count = len(self.it.console.lines(RELOADED))
        self.it.edit(*edit)
        self.it.send(SIGHUP)
        line = await self.it.console.line(RELOADED, count + 1)
        found = re.search(RELOADED, line)
        assert found is not None
        return {"revision": int(found[1]), "count": int(found[2])}

    async def runs(self, job: Record, revision: int, **options: str) -> None:
        """Wait until the processor says that it runs that revision; it is the same process still."""

        async def is_there() -> bool:
            return bool((await self.running(job))["revision"] == revision)

        await until(is_there, lambda: f"revision {revision}; {self.it.console.text()}")
        running = await self.running(job)
        self.assertEqual({name: running.get(name) for name in options}, options)
        after = await self.becomes(
            self.it, job["guid"], revision={"wanted": revision, "running": revision, "pending": []}
        )
        self.assertEqual((after["pid"], after["restarts"]), (job["pid"], 0))

    async def test_default(self) -> None:
        """An edit of DEFAULT reaches every processor, each in one step and without a restart."""
        jobs = [*await self.create(self.it, module="picky"), *await self.create(self.it, module="proactor.processor")]
        made = await self.reload(("greeting = hello", "greeting = good morning"))
        self.assertGreaterEqual(made["count"], 2)
        for job in jobs:
            await self.runs(job, made["revision"], greeting="good morning")
            changed = self.it.console.lines(rf"\|{job['pid']}\|proactor.processor\|Changed ")
            self.assertEqual(len(changed), 1, changed)
            self.assertRegex(changed[0], rf"greeting: hello -> good morning \(revision {made['revision']}\)$")

    async def test_module_section(self) -> None:
        """An edit of a module's section reaches its processors and no other."""
        mine, other = await self.create(self.it, module="picky"), await self.create(self.it, module="steady")
        made = await self.reload(("colour = red", "colour = blue"))
        for job in mine:
            await self.runs(job, made["revision"], colour="blue", rate="1")
        seen = await self.job(self.it, other[0]["guid"])
        self.assertLess(seen["revision"]["wanted"], made["revision"])
        self.assertEqual(self.it.console.lines(rf"\|{other[0]['pid']}\|proactor.processor\|Changed "), [])

    async def test_own_section(self) -> None:
        """A section of the file that is named by a processor's guid is that one's alone."""
        first, second = await self.create(self.it, count=2, module="steady")
        made = await self.reload(("[steady]", f"[{first['guid']}]\nrate = 7\n\n[steady]"))
        self.assertEqual(made["count"], 1)
        await self.runs(first, made["revision"], rate="7")
        self.assertEqual((await self.running(second))["rate"], "1")

    async def test_polling(self) -> None:
        """Fetches are seen, one a second; a processor whose are not to be held has the edit by the next of them."""
        job = (await self.create(self.it, module="polling"))[0]
        await self.it.console.line(rf"\|{job['pid']}\|proactor.processor\|Fetched: ", 2)
        made = await self.reload(("push = no\nrate = 1", "push = no\nrate = 2"))
        await self.runs(job, made["revision"], rate="2", push="no")

    async def test_broken(self) -> None:
        """A file with an error is refused, by line and reason; all goes on as it was, and a mended one is taken."""
        job = (await self.create(self.it, module="steady"))[0]
        good = self.it.config.read_text()
        line = good.split("\n").index("[steady]") + 2
        self.it.edit("[steady]\n", "[steady]\nrate = ${nowhere:rate}\nlimit = 5\n#")
        self.it.send(SIGHUP)
        complaint = await self.it.console.line(rf"ERROR  \|{self.it.pid}\|proactor\|SIGHUP: ")
        self.assertIn(f"proactor.cfg:{line} [steady] rate = ${{nowhere:rate}}: ", complaint)
        self.assertEqual((await self.running(job))["rate"], "1")
        self.it.config.write_text(good)
        made = await self.reload(("[steady]\n", "[steady]\nlimit = 6\n"))
        await self.runs(job, made["revision"], limit="6")

    async def test_tokens(self) -> None:
        """Tokens are renewed over several lifetimes, and none is ever refused."""
        job = (await self.create(self.it, module="steady"))[0]
        renewed = rf"DEBUG  \|{job['pid']}\|proactor.processor\|Renewed the token"
        await self.it.console.line(renewed, 5)
        self.assertEqual(self.it.console.lines(r"answered \d|No configuration from|Not acknowledged"), [])
        made = await self.reload(("[steady]\n", "[steady]\nafter = yes\n"))
        await self.runs(job, made["revision"], after="yes")
