# mypy: allow-untyped-calls

from __future__ import annotations

import errno
import io
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

from treq.client import HTTPClient
from twisted.application.service import IService, IServiceMaker, MultiService
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import ILogObserver, LogEvent, capturedLogs, formatEvent
from twisted.plugin import getPlugins
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, HTTPConnectionPool
from zope.interface.verify import verifyObject

import proactor
from proactor import tap
from proactor.log.writing import Observer
from proactor.service import ProactorService
from proactor.startup import StartError

from .e2e.support import command, environment

GUID = "8d740c16d9b8419aa7417f7da6deb039"
OTHER = "1f0c4f1e5a0d4c0f9a3e7b2d6c8e9a10"
CONFIG = f"[my.module]\nrate = 1\n\n[{GUID}]\nlisten_addr = 127.0.0.1\nlisten_port = 0\n"


class Case(SynchronousTestCase):
    """In a folder of its own."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

    def write(self, text: str = CONFIG, name: str = "proactor.cfg") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def options(self, *arguments: str, parent: dict[str, Any] | None = None) -> tap.Options:
        options = tap.Options()
        options.parent = cast(Any, parent)
        options.parseOptions(["--home", "home", *arguments])
        return options

    def refused(self, *arguments: str) -> str:
        """The one line with which Python would end, with status 1."""
        error: StartError = self.assertRaises(StartError, self.options, *arguments)
        self.assertIsInstance(error, SystemExit)
        text = str(error.code)
        self.assertTrue(text.startswith("proactor: "))
        self.assertNotIn("\n", text)
        return text


class PluginTests(Case):
    """What ``twistd`` finds."""

    def test_found(self) -> None:
        """The plugin is there by its name, and makes what it says."""
        makers = [maker for maker in getPlugins(IServiceMaker) if maker.tapname == "proactor"]
        self.assertEqual(len(makers), 1)
        (maker,) = makers
        verifyObject(IServiceMaker, maker)
        self.assertIs(maker.options, tap.Options)
        self.write()
        self.assertIsInstance(maker.makeService(self.options()), ProactorService)

    def test_made_of_nothing(self) -> None:
        """Making the service opens, reads and writes nothing: a daemon is another process by then, elsewhere."""
        self.write()
        options = self.options()
        (self.folder / "proactor.cfg").unlink()
        before = sorted(os.listdir("/proc/self/fd"))
        service = tap.makeService(options)
        self.assertTrue(IService.providedBy(service))
        self.assertEqual(sorted(os.listdir("/proc/self/fd")), before)
        self.assertEqual(list(self.folder.iterdir()), [])


class OptionTests(Case):
    """The command line."""

    def test_here(self) -> None:
        """Without a name it is ``proactor.cfg`` of the current folder; the guid is the only one there is."""
        path = self.write()
        options = self.options()
        self.assertEqual((options.source.path, options["guid"], options.settings.listen_port), (path, GUID, 0))

    def test_packaged(self) -> None:
        """If there is none it is the one that comes with the package."""
        options = self.options()
        self.assertEqual(options.source.path, Path(proactor.__file__).with_name("proactor.cfg"))
        self.assertEqual((options["guid"], options.settings.listen_port), (GUID, 8080))

    def test_absolute(self) -> None:
        """Paths are made absolute, for a daemon is elsewhere: of the file, and of the home."""
        self.write(name="other.cfg")
        options = self.options("--config", "other.cfg")
        self.assertEqual((options.source.path, options["home"]), (self.folder / "other.cfg", str(self.folder / "home")))

    def test_home(self) -> None:
        """The home is the user's own if not told, and ``~`` is understood."""
        self.write()
        self.patch(os, "environ", {**os.environ, "PROACTOR_HOME": ""})
        options = tap.Options()
        options.parseOptions([])
        self.assertEqual(options["home"], str(Path("~/.proactor").expanduser()))
        self.assertEqual(self.options("--home", "~/x")["home"], str(Path("~/x").expanduser()))

    def test_home_of_the_environment(self) -> None:
        """Who does not say which home has that of PROACTOR_HOME, as on the command line; an empty one is none."""
        self.write()
        for value, arguments, home in (
            (str(self.folder / "there"), [], self.folder / "there"),
            ("there", [], self.folder / "there"),
            ("there", ["--home", "here"], self.folder / "here"),
            ("", [], Path("~/.proactor").expanduser()),
        ):
            self.patch(os, "environ", {**os.environ, "PROACTOR_HOME": value})
            options = tap.Options()
            options.parseOptions(arguments)
            self.assertEqual(options["home"], str(home))

    def test_standard_input(self) -> None:
        """``-`` is standard input, read once."""
        self.patch(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONFIG.encode())))
        options = self.options("--config", "-")
        self.assertEqual((options.source.path, options.document.source), (None, "standard input"))
        self.assertEqual(sys.stdin.read(), "")

    def test_guid(self) -> None:
        """Of several guid sections one is to be named; one that is not there is told, with those that are."""
        self.write(f"{CONFIG}\n[{OTHER}]\nlisten_port = 8081\n")
        self.assertEqual(self.options("--guid", OTHER).settings.listen_port, 8081)
        self.assertIn(f"say which is the initiator's with --guid: {GUID}, {OTHER}", self.refused())
        self.assertIn(f"no section [{'0' * 32}] for --guid", self.refused("--guid", "0" * 32))

    def test_wrong_configuration(self) -> None:
        """What is wrong with the file is one line: file, line, section, option, value, what would be right."""
        path = self.write(f"[{GUID}]\nlisten_port = lots\n")
        self.assertEqual(
            self.refused(),
            f"proactor: {path}:2 [{GUID}] listen_port = lots: 'lots' is not a whole number; one like 25 is right",
        )
        self.assertEqual(
            self.refused("--config", "nowhere.cfg"),
            f"proactor: {self.folder / 'nowhere.cfg'}: cannot be read: No such file or directory",
        )
        path.write_bytes(b"\xff")
        self.assertIn(f"{path}:1: byte 0xff is not UTF-8", self.refused())
        self.assertIn(f"{self.folder}: cannot be read: Is a directory", self.refused("--config", "."))

    def test_log_format(self) -> None:
        """There are so many formats and no others."""
        self.write()
        self.assertEqual(self.options("--log-format", "json")["log-format"], "json")
        error = self.assertRaises(UsageError, self.options, "--log-format", "xml")
        self.assertEqual(str(error), "--log-format: must be text or json")

    def test_home_without_a_name(self) -> None:
        """An empty name, as of a variable that is not set, is not the current folder."""
        self.write()
        error = self.assertRaises(UsageError, self.options, "--home", "")
        self.assertEqual(str(error), "--home: must name a folder")

    def test_help(self) -> None:
        """``--help`` tells every option."""
        printed = io.StringIO()
        self.patch(sys, "stdout", printed)
        error = self.assertRaises(SystemExit, self.options, "--help")
        self.assertEqual(error.code, 0)
        for word in ("--config=", "--guid=", "--home=", "--log-format=", "--verbose", "-c,", "~/.proactor"):
            self.assertIn(word, printed.getvalue())

    def said(self, *arguments: str) -> list[str]:
        with capturedLogs() as events:
            self.options(*arguments)
        return [f"{event['log_level'].name} {event['log_namespace']} {formatEvent(event)}" for event in events]

    def test_first_lines(self) -> None:
        """It says what it does, as the first lines of the walkthrough, and warns once of what it put right."""
        self.write()
        self.assertEqual(self.said(), ["info proactor Place defaults", "info proactor Read config..."])
        self.write(CONFIG + "child_port_max = 65536\n")
        warning = "child_port_max = 65536 is past the highest port, cut to 65535"
        self.assertEqual(self.said()[2:], [f"warn proactor {self.folder}/proactor.cfg:7: {warning}"])


class LogTests(Case):
    """Who writes the log."""

    def component(self, **twistd: Any) -> Any:
        """What the application gets under ``twistd`` with these options."""
        self.write()

        class Application(Componentized, MultiService):
            """What twistd makes."""

            def __init__(self) -> None:
                Componentized.__init__(self)
                MultiService.__init__(self)

        made = Application()
        tap.makeService(self.options(parent=twistd)).setServiceParent(made)
        return made.getComponent(ILogObserver)

    def test_in_front(self) -> None:
        """In the foreground it is standard output."""
        for logfile in (None, "-"):
            observer = self.component(nodaemon=True, logfile=logfile)
            self.assertIsInstance(observer, Observer)
            self.assertIs(observer.stream, sys.stdout)

    def test_daemon(self) -> None:
        """A daemon writes a file: twistd's usual one, or the one that it is told, which is ours alone."""
        for logfile, name in ((None, "twistd.log"), ("other.log", "other.log")):
            observer = self.component(nodaemon=False, logfile=logfile)
            self.addCleanup(observer.stream.close)
            self.assertEqual(observer.stream.path, str(self.folder / name))
            self.assertEqual((self.folder / name).stat().st_mode & 0o777, 0o600)

    def test_in_front_with_a_file(self) -> None:
        """In the foreground with a file it is that file."""
        observer = self.component(nodaemon=True, logfile="a.log")
        self.addCleanup(observer.stream.close)
        self.assertEqual(observer.stream.path, str(self.folder / "a.log"))

    def test_something_else(self) -> None:
        """Where the user asks twistd for something else, or there is no twistd, it stays as that has it."""
        for twistd in ({"nodaemon": True, "syslog": True}, {"nodaemon": True, "logger": "a.b"}, {}):
            self.assertIsNone(self.component(**twistd))

    def test_under_twist(self) -> None:
        """Under ``twist`` it is in our format, unless the user asks for one of twist's."""
        self.write()
        usual: dict[str, Any] = {"logLevel": object(), "logFile": io.StringIO(), "logFormat": "json"}
        options = self.options("--log-format", "json", parent=usual)
        self.assertEqual((usual["fileLogObserverFactory"], usual["logFormat"]), (options.observer, "json"))
        self.assertIsInstance(usual["fileLogObserverFactory"](io.StringIO()), Observer)
        chosen: dict[str, Any] = {"logLevel": object(), "logFile": io.StringIO(), "logFormat": "text"}
        self.options(parent=chosen)
        self.assertNotIn("fileLogObserverFactory", chosen)


class ServiceTests(TestCase):
    """The service itself, on the real reactor."""

    timeout = 60

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = self.folder / "proactor.cfg"
        self.path.write_text(CONFIG)
        self.hangup = signal.getsignal(signal.SIGHUP)
        self.pool = HTTPConnectionPool(reactor, persistent=False)

    def service(self, home: str = "home") -> ProactorService:
        options = tap.Options()
        options.parseOptions(["--config", str(self.path), "--home", str(self.folder / home)])
        service = tap.makeService(options)
        assert isinstance(service, ProactorService)
        return service

    async def served(self) -> tuple[ProactorService, list[LogEvent], str]:
        """One that serves, what it said, and its URL."""
        service = self.service()
        with capturedLogs() as events:
            service.privilegedStartService()
            service.startService()
            self.addCleanup(self.stopped, service)
            while not self.said(events, "Serving on "):
                await deferLater(reactor, 0.01)
        said = [formatEvent(event) for event in events if event["log_namespace"].startswith("proactor")]
        self.assertEqual(said[-2], "Running jobs")
        self.assertRegex(said[-1], r"^Serving on 127\.0\.0\.1:\d+$")
        return service, list(events), "http://" + said[-1].split()[-1]

    async def stopped(self, service: ProactorService) -> None:
        if service.running:
            await maybeDeferred(service.stopService)

    async def get(self, url: str) -> tuple[int, bytes]:
        response = await HTTPClient(Agent(reactor, pool=self.pool)).get(url)
        return response.code, await response.content()

    async def test_serves(self) -> None:
        """It serves as soon as it has said so; stopped it is gone, and nothing of it is left but its home."""
        # The reactor makes something of its own for the first.
        service, _, _ = await self.served()
        await self.stopped(service)
        before = sorted(os.listdir("/proc/self/fd"))
        service, _, url = await self.served()
        code, body = await self.get(f"{url}/healthz")
        self.assertEqual((code, GUID.encode() in body), (200, True))
        await self.stopped(service)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=5)
        self.assertEqual(signal.getsignal(signal.SIGHUP), self.hangup)
        while sorted(os.listdir("/proc/self/fd")) != before:
            await deferLater(reactor, 0.01)
        self.assertEqual((self.folder / "home" / "operator.token").stat().st_mode & 0o777, 0o600)

    async def test_again(self) -> None:
        """The home is free for the next then, which has the same token and keys."""
        service, _, _ = await self.served()
        token = (self.folder / "home" / "operator.token").read_bytes()
        key = (self.folder / "home" / "keys" / "ring.json").read_bytes()
        await self.stopped(service)
        await self.served()
        self.assertEqual((self.folder / "home" / "operator.token").read_bytes(), token)
        self.assertEqual((self.folder / "home" / "keys" / "ring.json").read_bytes(), key)

    async def test_stopped_again(self) -> None:
        """Who tells it to stop while it does is told what that waits for; the reactor is not stopped a second time."""
        service, _, _ = await self.served()
        ends = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with capturedLogs() as events:
            stopped = maybeDeferred(service.stopService)
            os.kill(os.getpid(), signal.SIGTERM)
            await stopped
            # What the signal had called comes in one of the next turns.
            while not self.said(events, "Stopping already: "):
                await deferLater(reactor, 0.01)
        self.assertTrue(self.said(events, "Stopping already: answers under way are waited for, 5 s at most"))
        self.assertNotEqual({number: signal.getsignal(number) for number in ends}, ends)
        with capturedLogs() as events:
            service.shut_down(reactor, True)
        self.assertTrue(self.said(events, "Stopping already: what is under way is brought to its end"))

    async def test_second(self) -> None:
        """A second one on the same home is refused, in one line, and lets go of its port."""
        await self.served()
        second = self.service()
        second.privilegedStartService()
        assert second._socket is not None
        port = second._socket.getsockname()[1]
        error = self.assertRaises(StartError, second.startService)
        self.assertIn(f"{self.folder / 'home'}: an initiator with pid {os.getpid()} uses it", str(error.code))
        await self.stopped(second)
        socket.create_server(("127.0.0.1", port)).close()

    async def test_port_in_use(self) -> None:
        """A port that is in use is refused before anything else is touched."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.path.write_text(CONFIG.replace("listen_port = 0", f"listen_port = {port}"))
            error = self.assertRaises(StartError, self.service().privilegedStartService)
        remedy = "choose other listen_addr and listen_port, or stop what listens there"
        self.assertEqual(
            str(error.code), f"proactor: cannot listen at 127.0.0.1:{port}: Address already in use; {remedy}"
        )
        self.assertFalse((self.folder / "home").exists())

    async def test_second_on_the_same_port(self) -> None:
        """Where it is the home's own initiator that has the port, that is what is said; nothing needs another port."""
        _, _, url = await self.served()
        self.path.write_text(CONFIG.replace("listen_port = 0", f"listen_port = {url.rpartition(':')[2]}"))
        error = self.assertRaises(StartError, self.service().privilegedStartService)
        self.assertIn(f"{self.folder / 'home'}: an initiator with pid {os.getpid()} uses it", str(error.code))

    async def test_port_in_use_and_no_home(self) -> None:
        """A folder that can be no home is told of before the port."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            self.path.write_text(CONFIG.replace("listen_port = 0", f"listen_port = {other.getsockname()[1]}"))
            error = self.assertRaises(StartError, self.service("/etc").privilegedStartService)
        self.assertIn("/etc: holds other things", str(error.code))

    async def test_no_such_address(self) -> None:
        """An address that is none of this machine's, or a name of none, is refused likewise, with its own remedy."""
        for address in ("192.0.2.1", "nowhere.invalid"):
            self.path.write_text(CONFIG.replace("127.0.0.1", address))
            error = self.assertRaises(StartError, self.service().privilegedStartService)
            self.assertIn(f"proactor: cannot listen at {address}:0: ", str(error.code))
            self.assertIn("; listen_addr is an address of this machine or a name for one", str(error.code))

    async def test_never_started(self) -> None:
        """One that was bound and never started lets go of its port."""
        service = self.service()
        service.privilegedStartService()
        assert service._socket is not None
        port = service._socket.getsockname()[1]
        self.assertIsNone(service.stopService())
        socket.create_server(("127.0.0.1", port)).close()
        self.assertIsNone(service.stopService())

    async def test_reload(self) -> None:
        """SIGHUP has the file read again; a broken one is told, with its place, and the old one stays."""
        service, _, url = await self.served()
        self.path.write_text(CONFIG.replace("rate = 1", "rate = 2"))
        with capturedLogs() as events:
            os.kill(os.getpid(), signal.SIGHUP)
            while not self.said(events, "Read config again: revision 2"):
                await deferLater(reactor, 0.01)
        self.assertIn(b'"revision": 2', (await self.get(f"{url}/readyz"))[1])
        self.path.write_text(CONFIG.replace("rate = 1", "rate = ${nothing}"))
        with capturedLogs() as events:
            await service.reload()
        why = f"{self.path}:2 [my.module] rate = ${{nothing}}: ${{nothing}} refers to nothing"
        self.assertTrue(self.said(events, f"SIGHUP: the configuration stays as it was: {why}"))
        self.path.unlink()
        with capturedLogs() as events:
            await service.reload()
        self.assertTrue(self.said(events, f"SIGHUP: the configuration stays as it was: {self.path}: cannot be read"))
        self.assertIn(b'"revision": 2', (await self.get(f"{url}/readyz"))[1])

    def said(self, events: Any, beginning: str) -> bool:
        return any(formatEvent(event).startswith(beginning) for event in list(events))

    async def test_watched(self) -> None:
        """With ``watch_config`` a change of the file is enough."""
        self.path.write_text(CONFIG + "watch_config = yes\n")
        await self.served()
        with capturedLogs() as events:
            self.path.write_text(CONFIG.replace("rate = 1", "rate = 2"))
            while not self.said(events, "Read config again: revision 2"):
                await deferLater(reactor, 0.01)

    async def test_reload_of_standard_input(self) -> None:
        """What came on standard input cannot be read again, and that is said."""
        self.patch(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONFIG.encode())))
        self.path = Path("-")
        service = tap.Options()
        service.parseOptions(["--config", "-", "--home", str(self.folder / "home")])
        made = tap.makeService(service)
        assert isinstance(made, ProactorService)
        made.startService()
        self.addCleanup(self.stopped, made)
        with capturedLogs() as events:
            await made.reload()
        self.assertTrue(self.said(events, "SIGHUP: the configuration came from standard input"))

    async def test_reload_when_stopped(self) -> None:
        """A signal that comes too late does nothing."""
        service, _, _ = await self.served()
        await self.stopped(service)
        with capturedLogs() as events:
            await service.reload()
        self.assertEqual(list(events), [])


class NotBegunTests(SynchronousTestCase):
    """What an initiator says that cannot go on with what was left."""

    def test_no_descriptor_left(self) -> None:
        """Which file it was, and what to do: no traceback. Processors are left to the next one."""
        service = ProactorService(cast(Any, None))
        stopped: list[bool] = []
        clock = Clock()
        setattr(clock, "stop", lambda: stopped.append(service._keeps))  # noqa: B010 - a clock has none
        with capturedLogs() as events:
            service._not_begun(Failure(OSError(errno.EMFILE, "Too many open files", "/proc/7/stat")), clock)
        clock.advance(0)
        self.assertEqual(stopped, [True])
        said = [formatEvent(event) for event in events]
        self.assertEqual(said, ["/proc/7/stat: Too many open files; raise the limit (ulimit -n)"])


class DaemonTests(TestCase):
    """``twistd`` in the background that cannot start."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def run_twistd(self, *before: str) -> tuple[int, str]:
        """Its status and what it printed on the terminal."""
        argv = [*command("twistd"), *before, "proactor", "--home", "home"]
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).decode()

    async def test_port_in_use(self) -> None:
        """The terminal is told why, with status 1, the log in full; no process and no pid file is left."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            config = CONFIG.replace("listen_port = 0", f"listen_port = {port}")
            (self.folder / "proactor.cfg").write_text(config)
            status, said = self.run_twistd()
        why = f"cannot listen at 127.0.0.1:{port}: Address already in use"
        self.assertEqual((status, why in said, "Traceback" in said), (1, True, False), said)
        # The daemon has told its status before it tidies up.
        while (self.folder / "twistd.pid").exists():
            await deferLater(reactor, 0.01)
        (line,) = [line for line in (self.folder / "twistd.log").read_text().splitlines() if "|proactor|cannot" in line]
        self.assertIn("CRITICAL|", line)
        self.assertTrue(line.endswith(f"{why}; choose other listen_addr and listen_port, or stop what listens there"))

    def test_help(self) -> None:
        """``twistd --help`` names it, and ``twistd proactor --help`` its options."""
        argv = [*command("twistd"), "--help"]
        listed = subprocess.run(argv, cwd=self.folder, env=environment(), capture_output=True, timeout=60, check=False)
        self.assertIn("proactor", listed.stdout.decode())
        argv = [*command("twistd"), "proactor", "--help"]
        helped = subprocess.run(argv, cwd=self.folder, env=environment(), capture_output=True, timeout=60, check=False)
        self.assertEqual(helped.returncode, 0)
        self.assertIn("--log-format=", helped.stdout.decode())
