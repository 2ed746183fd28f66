"""The walkthrough of the reference example: its file, its lines on the console, its commands."""

from __future__ import annotations

import re
from pathlib import Path
from signal import SIGHUP

from twisted.trial.unittest import SkipTest

from .case import Case
from .ports import free_ports, is_free
from .support import GUID, Initiator, curl, until

#: The reference example's own file, byte for byte.
SEED = """\
[DEFAULT]
host_scheme = http
host_addr = localhost
host_port = 8080
hash = #

[turberfield.ipc.demo.initiator]
listen_addr = 0.0.0.0
child_port_min = 49152
child_port_max = 65536

[turberfield.ipc.demo.processor]

[8d740c16d9b8419aa7417f7da6deb039]
listen_addr = ${turberfield.ipc.demo.initiator:listen_addr}
child_port_min = ${turberfield.ipc.demo.initiator:child_port_min}
child_port_max = ${turberfield.ipc.demo.initiator:child_port_max}
listen_port = 8080
"""
PORT, CHILD_PORT = 8080, 49152

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"

CREATED = (
    "HTTP/1.1 201 Created\r\n"
    "Server: proactor\r\n"
    "Date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\r\n"
    "Cache-Control: no-store\r\n"
    "Location: /job/(?P<guid>[0-9a-f]{32})\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 13\r\n"
    "\r\n"
    "201: Created\n"
)


class WalkthroughTests(Case):
    """An initiator is started, asked for a processor, and stopped, as is printed in the example."""

    def moved(self) -> tuple[str, int, int]:
        """The seed's file on free ports."""
        first = free_ports(9, "0.0.0.0")
        ports = {str(PORT): str(first), str(CHILD_PORT): str(first + 1), "65536": str(first + 8)}
        return re.sub("|".join(ports), lambda match: ports[match[0]], SEED), first, first + 1

    def begin(self, folder: Path, *arguments: str, stdin: Path | None = None) -> Initiator:
        initiator = Initiator(folder, *arguments, stdin=stdin)
        self.addCleanup(initiator.end)
        return initiator

    def saved(self, text: str) -> Path:
        path = self.folder() / "seed.cfg"
        path.write_text(text)
        return path

    async def walk(self, initiator: Initiator, port: int, child_port: int, warnings: int = 0) -> None:
        """Go through all of it."""
        await initiator.served()
        self.check_beginning(initiator, port, warnings)
        answer = await curl("-si", "-X", "POST", f"localhost:{port}/create")
        created = re.fullmatch(CREATED, answer)
        assert created is not None, answer
        await initiator.console.line(rf"\|proactor.processor\|Serving on 0.0.0.0:{child_port}$")
        job = await self.becomes(initiator, created["guid"], ready=True)
        head = rf"{TIME} INFO   \|{job['pid']}\|proactor.processor\|"
        lines = [rf"{head}Read config\.\.\.", rf"{head}Serving on 0\.0\.0\.0:{child_port}"]
        self.check_lines(initiator.console.lines()[4 + warnings :], lines)
        self.assertIn(f'"guid": "{created["guid"]}"', await curl("-s", f"localhost:{child_port}/config"))

    def check_beginning(self, initiator: Initiator, port: int, warnings: int) -> None:
        head = rf"{TIME} INFO   \|{initiator.pid}\|"
        lines = [
            rf"{head}proactor\|Place defaults",
            rf"{head}proactor\|Read config\.\.\.",
            *[rf"{TIME} WARNING\|{initiator.pid}\|proactor\|.* child_port_max = 65536 .*"] * warnings,
            rf"{head}proactor\.initiator\|Running jobs",
            rf"{head}proactor\|Serving on 0\.0\.0\.0:{port}",
        ]
        self.check_lines(initiator.console.lines(), lines)

    def check_lines(self, lines: list[str], patterns: list[str]) -> None:
        self.assertEqual(len(lines), len(patterns), lines)
        for line, pattern in zip(lines, patterns, strict=True):
            self.assertRegex(line, f"^{pattern}$")

    async def test_file(self) -> None:
        """With ``--config`` and ``--guid`` it runs on the example's file."""
        text, port, child_port = self.moved()
        initiator = self.begin(self.folder(), "--config", str(self.saved(text)), "--guid", GUID)
        await self.walk(initiator, port, child_port)

    async def test_standard_input(self) -> None:
        """With ``--config -`` it runs on that file on standard input, once, and chooses the one guid in it."""
        text, port, child_port = self.moved()
        initiator = self.begin(self.folder(), "--config", "-", stdin=self.saved(text))
        await self.walk(initiator, port, child_port)
        initiator.send(SIGHUP)
        await initiator.console.line("SIGHUP: .* standard input, which cannot be read again")

    async def test_current_folder(self) -> None:
        """Without ``--config`` it runs on ``proactor.cfg`` of the current folder."""
        text, port, child_port = self.moved()
        folder = self.folder()
        (folder / "proactor.cfg").write_text(text)
        await self.walk(self.begin(folder), port, child_port)

    async def need_ports(self) -> None:
        """Wait for them: as a rule a client that was given one of them has it for a moment."""
        try:
            await until(lambda: is_free("0.0.0.0", PORT) and is_free("0.0.0.0", CHILD_PORT), "the ports of the example")
        except AssertionError:
            raise SkipTest(f"port {PORT} or {CHILD_PORT} is taken on this machine") from None

    async def test_unchanged(self) -> None:
        """The example's file runs unchanged; its highest port, which no port can be, is cut with one warning."""
        await self.need_ports()
        initiator = self.begin(self.folder(), "--config", str(self.saved(SEED)), "--guid", GUID)
        await self.walk(initiator, PORT, CHILD_PORT, warnings=1)

    async def test_nothing_given(self) -> None:
        """In an empty folder it runs on the file that the package ships."""
        await self.need_ports()
        await self.walk(self.begin(self.folder()), PORT, CHILD_PORT)
