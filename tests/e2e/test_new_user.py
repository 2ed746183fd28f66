"""A new user types what the README and the page on getting started say, line by line, and it goes as it says there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen
from time import monotonic

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue

from ..test_docs import ROOT, blocks
from .case import Case
from .ports import free_ports
from .support import PATIENCE, Console, command, environment, interruptible, until
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


#: What only looks does so again until it is as it is shown, for a reader is slower than what they have asked for.
_LOOKS = ("proactor ps", "proactor events", "proactor logs", "curl")
#: What is another one each time. What else a line says is the same, revisions and counts above all.
_VARIES = (
    (r"\b[0-9a-f]{32}\b", "GUID"),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{8}\b", "JOB"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(,\d+)?", "TIME"),
    (r"\d+ TIME JOB", "NUMBER TIME JOB"),
    (r"\|\d+\|", "|PID|"),
    (r"(number|\"done\":) \d+", r"\1 COUNT"),
    (r"\d+s$", "AGE"),
    (r" NOTE$", ""),  # a column where there is no terminal
)


@frozen
class Typed:
    """A command of a page, with the lines that it prints there."""

    line: str
    shown: tuple[str, ...]

    def is_like(self, text: str) -> bool:
        """Whether that is what the page shows: ``...`` stands for anything, and bars are for terminals."""
        lines = [plain(line) for line in self.shown if "━" not in line]
        pattern = "\n".join(re.escape(line).replace(r"\.\.\.", "(?s:.*)") for line in lines)
        return re.fullmatch(pattern, "\n".join(map(plain, text.splitlines()))) is not None


def plain(line: str) -> str:
    """A line without what is another one each time."""
    line = " ".join(line.split())
    for pattern, word in _VARIES:
        line = re.sub(pattern, word, line)
    return line


def commands(page: Path, after: str, before: str) -> Iterator[Typed]:
    """The commands between two headings."""
    part = page.read_text("utf-8").partition(after)[2].partition(before)[0]
    for block in re.findall(r"^```console\n(.*?)^```$", part, re.MULTILINE | re.DOTALL):
        for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, *shown = each.splitlines()
            yield Typed(line, tuple(shown))


class NewUserTests(Case):
    """From nothing to a fleet."""

    def setUp(self) -> None:
        super().setUp()
        self.place = self.folder()
        self.fleet, self.checkout = self.place / "fleet", self.place / "checkout"
        self.checkout.mkdir()
        (self.place / ".curlrc").write_text("silent\n")  # as it is in a terminal
        self.home = self.place / ".proactor"
        self.ports: dict[str, str] = {}
        self.warm = Warm(self.place / "warm")
        self.addCleanup(self.warm.end)

    async def shell(self, line: str, folder: Path) -> tuple[str, int]:
        """Type a line in a shell; what it writes, with the ports of the page, and its exit code."""
        env = environment(HOME=str(self.place), PROACTOR_HOME=str(self.home), COLUMNS="80")
        env["PATH"] = f"{self.warm.path}:{env['PATH']}"
        wanted = ("bash", ["-c", f"exec 2>&1; {line}"])
        out, _, code = await getProcessOutputAndValue(*wanted, env=env, path=str(folder), reactor=reactor)
        text = out.decode()
        for shown, there in self.ports.items():
            text = re.sub(rf"\b{there}\b", shown, text)
        return text, code

    def start(self) -> Console:  # type: ignore[override]
        """Start the initiator as it is said, on ports that are free here."""
        first = free_ports(PORTS)
        config = self.fleet / "proactor.cfg"
        text = config.read_text().replace("49152", str(first + 1)).replace("65535", str(first + PORTS - 1))
        config.write_text(re.sub(r"(host|listen)_port = \d+", rf"\1_port = {first}", text))
        self.ports = {"8080": str(first)} | {str(49152 + each): str(first + 1 + each) for each in range(PORTS - 1)}
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

    async def walk(self, page: Iterator[Typed], refused: tuple[str, ...] = (), showing: bool = False) -> None:
        """Type all lines; those that are refused are to be.

        :param showing: the page shows what each prints.
        """
        for typed in page:
            if typed.line.startswith(_NOT_TYPED):
                continue
            if "proactor init" in typed.line:
                text, code = await self.shell(typed.line, self.checkout if "../" in typed.line else self.place)
                self.assertEqual(code, 0, text)
                console = self.start()
                await console.line("Serving on")
            else:
                text, code = await self.type(typed, showing)
                self.assertEqual(code, 1 if typed.line in refused else 0, f"{typed.line}: {text}")
            if showing:
                self.assertTrue(typed.is_like(text), f"$ {typed.line}\n{text}\nis not as it is shown")
        await until(lambda: self.process.poll() is not None, "an end of the initiator")

    async def type(self, typed: Typed, showing: bool) -> tuple[str, int]:
        """Type a line, and have it print what is shown, as soon as it does."""
        here = self.with_names(re.sub(":(8080|49152)", lambda found: f":{self.ports[found[1]]}", typed.line))
        text, code = await self.shell(here, self.fleet)
        deadline = monotonic() + PATIENCE
        while showing and typed.line.startswith(_LOOKS) and not typed.is_like(text) and monotonic() < deadline:
            text, code = await self.shell(here, self.fleet)
        return text, code

    def with_names(self, line: str) -> str:
        """A line that uses what an earlier one has put into a variable of the shell."""
        return f"JOB=$(proactor ps -q | head -n 1); {line}" if "${JOB" in line else line

    async def test_readme(self) -> None:
        """The README's fleet of one's own, where each line prints what is shown, to the last revision."""
        page = commands(ROOT / "README.md", "## A fleet of your own", "\n## ")
        self.home = self.place / ".proactor-fleet"
        refused = ("proactor config set worker interval=0", "proactor config set worker subject=nobody")
        await self.walk(page, refused, showing=True)

    async def test_getting_started(self) -> None:
        """The page on getting started."""
        page = ROOT / "docs" / "getting-started.md"
        await self.walk(commands(page, "## Begin", "\n## Where to read on"))
        source = (self.fleet / "worker.py").read_text()
        (excerpt,) = blocks(page, "python")
        self.assertEqual([line for line in excerpt.split("\n") if line not in source], [])
