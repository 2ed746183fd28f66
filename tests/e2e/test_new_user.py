"""A new user types what the README and the page on getting started say, line by line, and it goes as it says there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue

from ..test_docs import ROOT, blocks
from .case import Case
from .ports import free_ports
from .support import Console, command, environment, interruptible, until
from .warm import Warm

#: Making an environment takes its time, and this test has one.
_NOT_TYPED = (
    "python3 -m venv",
    ". .venv",
    "pip install",
    "cd ",
    "export PROACTOR_HOME",
    "twistd",
    "proactor top",
    "eval ",
)
PORTS = 40


def commands(page: Path, after: str, before: str) -> Iterator[str]:
    """The commands between two headings, of those that are for the second terminal or need none."""
    part = page.read_text("utf-8").partition(after)[2].partition(before)[0]
    for block in re.findall(r"^```console\n(.*?)^```$", part, re.MULTILINE | re.DOTALL):
        yield from re.findall(r"^\$ (.*)$", block, re.MULTILINE)


class NewUserTests(Case):
    """From nothing to a fleet."""

    def setUp(self) -> None:
        super().setUp()
        self.place = self.folder()
        self.fleet = self.place / "fleet"
        self.home = self.place / ".proactor"
        self.warm = Warm(self.place / "warm")
        self.addCleanup(self.warm.end)

    async def shell(self, line: str, folder: Path) -> tuple[str, int]:
        """Type a line in a shell; what it writes, and its exit code."""
        env = environment(HOME=str(self.place), PROACTOR_HOME=str(self.home), COLUMNS="80")
        env["PATH"] = f"{self.warm.path}:{env['PATH']}"
        wanted = ("bash", ["-c", line])
        out, err, code = await getProcessOutputAndValue(*wanted, env=env, path=str(folder), reactor=reactor)
        return (out + err).decode(), code

    def start(self) -> Console:  # type: ignore[override]
        """Start the initiator as it is said, on ports that are free here."""
        first = free_ports(PORTS)
        config = self.fleet / "proactor.cfg"
        text = config.read_text().replace("49152", str(first + 1)).replace("65535", str(first + PORTS - 1))
        config.write_text(re.sub(r"(host|listen)_port = \d+", rf"\1_port = {first}", text))
        self.ports = {"8080": str(first), "49152": str(first + 1)}
        console = Console(self.place / "console")
        with open(console.path, "wb") as out, interruptible():
            argv = [*command("twistd"), "-n", "--pidfile=", "proactor", "--home", str(self.home)]
            env = environment(HOME=str(self.place))
            self.process = Popen(argv, cwd=self.fleet, stdin=DEVNULL, stdout=out, stderr=STDOUT, env=env)
        self.addCleanup(self.end)
        return console

    def end(self) -> None:
        """Have it gone."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()

    async def walk(self, typed: Iterator[str], refused: tuple[str, ...] = ()) -> None:
        """Type all lines; those that are refused are to be."""
        for line in typed:
            if line.startswith(_NOT_TYPED):
                continue
            if "proactor init" in line:
                text, code = await self.shell(line.replace("../fleet", "fleet"), self.place)
                self.assertEqual(code, 0, text)
                console = self.start()
                await console.line("Serving on")
                continue
            here = re.sub(":(8080|49152)", lambda found: f":{self.ports[found[1]]}", line)
            text, code = await self.shell(self.with_names(here), self.fleet)
            self.assertEqual(code, 1 if line in refused else 0, f"{line}: {text}")
        await until(lambda: self.process.poll() is not None, "an end of the initiator")

    def with_names(self, line: str) -> str:
        """A line that uses what an earlier one has put into a variable of the shell."""
        return f"JOB=$(proactor ps -q | head -n 1); {line}" if "${JOB" in line else line

    async def test_readme(self) -> None:
        """The README's fleet of one's own."""
        typed = commands(ROOT / "README.md", "## A fleet of your own", "\n## ")
        self.home = self.place / ".proactor-fleet"
        refused = ("proactor config set worker interval=0", "proactor config set worker subject=nobody")
        await self.walk(typed, refused)

    async def test_getting_started(self) -> None:
        """The page on getting started."""
        page = ROOT / "docs" / "getting-started.md"
        await self.walk(commands(page, "## Begin", "\n## Where to read on"))
        source = (self.fleet / "worker.py").read_text()
        (excerpt,) = blocks(page, "python")
        self.assertEqual([line for line in excerpt.split("\n") if line not in source], [])
