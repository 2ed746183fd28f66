"""The example commands, each started as the initiator does and talked to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
from configparser import ConfigParser, ExtendedInterpolation
from datetime import datetime, timezone
from pathlib import Path

from treq.client import HTTPClient
from twisted.internet import error, reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase
from twisted.web.client import Agent

from proactor.changes.configurator import Configurator
from proactor.config.document import parse
from proactor.config.render import render
from proactor.config.settings import choose_guid, module_sections
from proactor.interfaces import Handle, LaunchSpec, Limits
from proactor.jobs.launch_plan import check_launch
from proactor.launchers.command import command_line, environment, takes_socket
from proactor.launchers.spawn import SpawnLauncher
from proactor.model import Exit

EXAMPLES = Path(__file__).parent.parent / "examples"
FILE = EXAMPLES / "commands.cfg"
GUID = "8d740c16d9b8419aa7417f7da6deb039"
ODD = '  $a ${b} ; # ü \\ " \t'
"""A value of which a careless reader makes something else."""


def sections() -> ConfigParser:
    parser = ConfigParser(interpolation=ExtendedInterpolation(), allow_no_value=True)
    parser.read(FILE)
    return parser


class FileTests(SynchronousTestCase):
    """The example's configuration file."""

    def test_accepted(self) -> None:
        """The initiator takes it, and can launch each of its commands."""
        document = parse(FILE.read_text(), str(FILE))
        guid = choose_guid(document, None)

        def now() -> datetime:
            return datetime.now(timezone.utc)

        configurator = Configurator.begin(Clock(), now, document, guid, check_launch)
        self.assertEqual(configurator.settings.default_module, "perl")
        self.assertLessEqual({"perl", "wsgi", "files"}, set(module_sections(configurator.live.layers)))

    def test_sockets(self) -> None:
        """Two take the socket over, one binds the port itself."""
        found = {name: takes_socket(sections()[name]["command"]) for name in ("perl", "wsgi", "files")}
        self.assertEqual(found, {"perl": True, "wsgi": True, "files": False})


class CommandTests(TestCase):
    """The commands, running."""

    timeout = 120

    def setUp(self) -> None:
        self.launcher = SpawnLauncher(reactor)  # type: ignore[arg-type]
        self.client = HTTPClient(Agent(reactor))
        self.held = socket.socket()
        self.addCleanup(self.held.close)
        self.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.held.setblocking(False)
        self.held.bind(("127.0.0.1", 0))
        self.port = self.held.getsockname()[1]
        self.log = Path(self.mktemp())
        self.launched = 0

    async def launch(self, name: str, **options: str) -> tuple[Handle, Deferred[Exit]]:
        """Start a section's command as the initiator does; it is ended with the test, if it is not before."""
        section = {key: value or "" for key, value in sections()[name].items()} | {"revision": "7", **options}
        command = section["command"]
        if takes_socket(command):
            self.held.listen()
        self.launched += 1
        log = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        spec = LaunchSpec(
            guid=GUID,
            incarnation=self.launched,
            argv=command_line(name, command, GUID, self.port, 3, sys.executable),
            environment=environment(os.environ, section, inherit=True),
            stdin=render(GUID, section).encode(),
            listening=self.held.fileno(),
            log=log,
            limits=Limits(folder=str(EXAMPLES)),
        )
        over: Deferred[Exit] = Deferred()
        try:
            handle = await self.launcher.launch(spec, over.callback)
        finally:
            os.close(log)
        self.addCleanup(self.launcher.stop, handle, 10)
        return handle, over

    async def get(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        """Make a request, with a connection of its own."""
        response = await self.client.request(method, f"http://127.0.0.1:{self.port}{path}")
        return response.code, await response.content()

    async def get_if_bound(self, path: str) -> tuple[int, bytes] | None:
        """The same; nothing where nobody listens."""
        try:
            return await self.get(path)
        except error.ConnectionRefusedError:
            await deferLater(reactor, 0.02)
            return None

    async def get_when_bound(self, path: str) -> tuple[int, bytes]:
        """The same, again and again until somebody does."""
        while (answer := await self.get_if_bound(path)) is None:
            pass
        return answer

    async def ended(self, handle: Handle, over: Deferred[Exit]) -> Exit:
        """Have it end, and see how."""
        await self.launcher.stop(handle, 60)
        return await over

    async def test_perl(self) -> None:
        """The Perl processor reads its section, and answers as one."""
        handle, over = await self.launch("perl")
        self.assertEqual(await self.get("/"), (200, b"Hello from Perl\n"))
        status, body = await self.get("/healthz?x=1")
        self.assertEqual((status, json.loads(body)), (200, {"status": "ok", "guid": GUID, "revision": 7}))
        self.assertEqual((await self.get("/config"))[0], 404)
        self.assertEqual((await self.get("/", "POST"))[0], 405)
        self.assertEqual((await self.ended(handle, over)).code, 0, self.log.read_text())

    async def test_perl_reads(self) -> None:
        """It reads whatever a value may hold."""
        await self.launch("perl", greeting=ODD)
        self.assertEqual(await self.get("/"), (200, ODD.encode() + b"\n"))

    async def test_perl_lines(self) -> None:
        """It reads a value of several lines."""
        await self.launch("perl", greeting="a\n b\n#c", other="[x]\ny = z")
        self.assertEqual(await self.get("/"), (200, b"a\n b\n#c\n"))

    async def test_perl_malformed(self) -> None:
        """What is no request is answered, or not, and serving goes on."""
        await self.launch("perl")
        for request in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1", b""):
            with socket.create_connection(("127.0.0.1", self.port)) as client:
                client.sendall(request)
        self.assertEqual((await self.get("/"))[0], 200)

    async def test_perl_taken_over(self) -> None:
        """Who connects between two processes waits for the second."""
        handle, over = await self.launch("perl")
        self.assertEqual((await self.get("/"))[0], 200)
        self.assertEqual((await self.ended(handle, over)).code, 0)
        waiting = Deferred.fromCoroutine(self.get("/"))
        await self.launch("perl", greeting="the second")
        self.assertEqual(await waiting, (200, b"the second\n"))

    async def test_wsgi(self) -> None:
        """The WSGI application is served on the socket, and ends as it should."""
        handle, over = await self.launch("wsgi")
        self.assertEqual(await self.get("/"), (200, b"Hello from WSGI\n"))
        self.assertEqual((await self.get("/other"))[0], 404)
        self.assertEqual((await self.ended(handle, over)).code, 0, self.log.read_text())

    async def test_wsgi_reads(self) -> None:
        """It reads whatever a value may hold."""
        await self.launch("wsgi", greeting=ODD)
        self.assertEqual(await self.get("/"), (200, ODD.encode() + b"\n"))

    async def test_gunicorn(self) -> None:
        """So is it by Gunicorn, where that is, as the file's comment says."""
        if shutil.which("gunicorn") is None:
            raise SkipTest("needs gunicorn")
        (line,) = [line for line in FILE.read_text().splitlines() if "= gunicorn" in line]
        await self.launch("wsgi", command=line.partition("= ")[2])
        for _ in range(10):
            self.assertEqual(await self.get("/"), (200, b"Hello from WSGI\n"))

    async def test_files(self) -> None:
        """A server that knows nothing of sockets that are handed over binds the port that is kept for it."""
        handle, over = await self.launch("files")
        status, body = await self.get_when_bound("/commands.cfg")
        self.assertEqual((status, body), (200, FILE.read_bytes()))
        self.assertEqual((await self.ended(handle, over)).signal, signal.SIGTERM)

    async def test_files_again(self) -> None:
        """It does so again right behind the end of another, connections or not."""
        for _ in range(3):
            handle, over = await self.launch("files")
            self.assertEqual((await self.get_when_bound("/ticker.py"))[0], 200)
            await self.ended(handle, over)
