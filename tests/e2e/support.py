"""An initiator in a process of its own, its console, and HTTP to it and to its processors."""

from __future__ import annotations

import json as jsonlib
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import STDOUT, Popen, TimeoutExpired
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from attrs import frozen
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers

from ..support.measuring import unmeasured
from .ports import free_ports

ROOT = Path(__file__).parents[2]
MODULES = Path(__file__).parent / "modules"

GUID = "8d740c16d9b8419aa7417f7da6deb039"
MARK = "PROACTOR_TEST_RUN"
PATIENCE = 60.0
_LOOK = 0.02


def environment(**more: str) -> dict[str, str]:
    """What processes get: the modules here and this checkout can be imported. They are not measured."""
    path = [str(MODULES), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return unmeasured({**os.environ, "PYTHONPATH": os.pathsep.join(path), **more})


def command(program: str) -> list[str]:
    """How ``twistd`` or ``twist`` is started."""
    if program == "twist":
        return [sys.executable, "-m", "twisted"]
    script = Path(sys.executable).with_name(program)
    return [str(script)] if script.exists() else [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]


def configuration(sections: str = "", *, default: str = "", own: str = "", ports: int = 60) -> str:
    """A file for an initiator on a free port of 127.0.0.1.

    :param default: lines for DEFAULT; own: for the initiator's own section.
    :param ports: how many there are for processors.
    """
    first = free_ports(ports)
    return f"""\
[DEFAULT]
host_addr = localhost
stop_timeout = 5
{default}

[proactor.initiator]
listen_addr = 127.0.0.1
child_port_min = {first}
child_port_max = {first + ports - 1}

[proactor.processor]

{sections}

[{GUID}]
listen_addr = ${{proactor.initiator:listen_addr}}
child_port_min = ${{proactor.initiator:child_port_min}}
child_port_max = ${{proactor.initiator:child_port_max}}
listen_port = 0
{own}
"""


def marked(mark: str) -> list[int]:
    """The pids of all processes that were started, by whatever way, with a mark in their environment."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def begun(mark: str) -> list[int]:
    """Those of them that are not forked ahead: such come and go when nobody wants anything."""
    return [pid for pid in marked(mark) if not _is_spare(pid)]


def _is_spare(pid: int) -> bool:
    with suppress(OSError):
        return b"proactor.forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes() and os.getsid(pid) == pid
    return False


def lasting(mark: str) -> list[int]:
    """Those of them that do not end within a moment, which is what the kernel takes to end one. Blocks."""
    give_up = monotonic() + 2
    while (left := marked(mark)) and monotonic() < give_up:
        sleep(_LOOK)
    return left


async def until(condition: Callable[[], Any], what: Callable[[], str] | str) -> Any:
    """Wait for a condition; give what it gave. It may be a coroutine function.

    :param what: to say, where it did not come true in time.
    """
    give_up = reactor.seconds() + PATIENCE
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if reactor.seconds() > give_up:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"it did not come to this: ...{told[-4000:]}")
        await deferLater(reactor, _LOOK)


@contextmanager
def interruptible() -> Iterator[None]:
    """What is started here heeds Ctrl-C, though these tests may run in the background, where a shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Console:
    """A file that somebody writes lines to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def text(self) -> str:
        """All there is."""
        return self.path.read_text("utf-8") if self.path.exists() else ""

    def lines(self, pattern: str = "") -> list[str]:
        """The complete lines in which a pattern is found."""
        complete = self.text().rpartition("\n")[0]
        return [line for line in complete.split("\n") if re.search(pattern, line)]

    async def line(self, pattern: str, count: int = 1) -> str:
        """Wait for the line that is the ``count``-th in which the pattern is found."""

        def found() -> str | None:
            lines = self.lines(pattern)
            return lines[count - 1] if len(lines) >= count else None

        return str(await until(found, lambda: f"{count} times {pattern!r} in:\n{self.text()}"))


class Initiator:
    """One of them, in a folder of its own. Its output goes to a file, so that it lives on between two tests.

    :param prefix: a command that becomes it.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        program: str = "twistd",
        before: tuple[str, ...] = ("-n",),
        stdin: Path | None = None,
        variables: Mapping[str, str] | None = None,
        earlier: Initiator | None = None,
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.arguments = arguments
        self.number: int = 0 if earlier is None else earlier.number + 1
        self.console = Console(folder / f"console{self.number or ''}")
        self.mark: str = uuid4().hex if earlier is None else earlier.mark
        argv = [*prefix, *command(program), *(before if program == "twistd" else ()), "proactor", *arguments]
        if "--home" not in arguments:
            argv += ["--home", str(self.home)]
        with open(self.console.path, "wb") as output, open(stdin or os.devnull, "rb") as source:
            env = environment(**{MARK: self.mark, **(variables or {})})
            with interruptible():
                self.process = Popen(argv, cwd=folder, stdin=source, stdout=output, stderr=STDOUT, env=env)

    def following(self) -> Initiator:
        """The next one in the same folder, of the same mark."""
        return Initiator(self.folder, *self.arguments, earlier=self)

    @property
    def pid(self) -> int:
        """Of its process."""
        return self.process.pid

    async def served(self) -> Initiator:
        """Wait until it serves."""
        pattern = rf"\|{self.pid}\|proactor\|Serving on \S+:(\d+)$"
        line = await until(lambda: self.process.poll() is not None or self.console.lines(pattern), self.console.text)
        assert line is not True, f"it ended: {self.console.text()}"
        self.port = int(line[0].rpartition(":")[2])
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return self.folder / "proactor.cfg"

    def edit(self, old: str, new: str) -> None:
        """Change a text in its configuration file."""
        text = self.config.read_text()
        assert old in text, old
        self.config.write_text(text.replace(old, new))

    def operator_token(self) -> str:
        """What is never to be shown."""
        return (self.home / "operator.token").read_text().strip()

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; give its exit status, negative for a signal."""
        await until(lambda: self.process.poll() is not None, self.console.text)
        return self.process.returncode

    def end(self) -> None:
        """Stop it, or kill it. Called outside of the reactor.

        :raises AssertionError: it did not stop, or something that it started is left; that is killed.
        """
        self.process.terminate()
        with suppress(TimeoutExpired):
            self.process.wait(PATIENCE)
        left = lasting(self.mark)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        assert not left, f"these were left: {left}; {self.console.text()}"


@frozen
class Answer:
    """What came back; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """It, read."""
        return jsonlib.loads(self.text)


class Client:
    """HTTP by treq."""

    def __init__(self) -> None:
        self._pool = HTTPConnectionPool(reactor)
        self._http = HTTPClient(Agent(reactor, pool=self._pool))
        self.close = self._pool.closeCachedConnections
        self.raw = self._http.request

    async def __call__(self, method: str, url: str, headers: Mapping[str, str] | None = None, **body: Any) -> Answer:
        sent = Headers({name: [value] for name, value in (headers or {}).items()})
        response = await self._http.request(method, url, headers=sent, allow_redirects=False, **body)
        text = await response.text("utf-8")
        names = {name.decode().lower(): values[0].decode() for name, values in response.headers.getAllRawHeaders()}
        return Answer(response.code, names, text)


async def curl(*arguments: str, prefix: tuple[str, ...] = ()) -> str:
    """What curl prints, with no settings of whoever runs this.

    :param prefix: a command that runs it.
    """
    argv = [*prefix, "curl", "--max-time", str(PATIENCE), *arguments]
    plain = {"PATH": os.environ["PATH"], "HOME": os.devnull, "LC_ALL": "C"}
    found: tuple[bytes, bytes, int] = await getProcessOutputAndValue(argv[0], argv[1:], env=plain, reactor=reactor)
    return found[0].decode()
