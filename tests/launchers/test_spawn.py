from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import signal
import socket
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from attrs import evolve
from twisted.internet import process, reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from proactor.errors import ProactorError, Unavailable
from proactor.interfaces import ILauncher, LaunchSpec, Limits
from proactor.launchers import watched
from proactor.launchers.spawn import SpawnLauncher
from proactor.model import Exit

from ..support.launcher import MemoryLauncher, Program
from .suite import GUID, MISSING, RUNS, STUBBORN, Launched, LauncherSuite

PYTHON = (sys.executable, "-I", "-S", "-c")
#: What each kind of program does here.
CODE = {
    RUNS: "print('up', flush=True); import time; time.sleep(600)",
    STUBBORN: (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    ),
}
#: What a process sees of itself.
SELF = """
import json, os, signal, sys
with os.scandir("/proc/self/fd") as found:
    fds = sorted(int(each.name) for each in found)
fds = [fd for fd in fds if os.path.exists(f"/proc/self/fd/{fd}")]
stdin = sys.stdin.buffer.read()
print(json.dumps({
    "fds": fds,
    "kinds": {fd: os.readlink(f"/proc/self/fd/{fd}").partition(":")[0] for fd in fds},
    "stdin": len(stdin),
    "at_end": os.read(0, 1) == b"",
    "session": [os.getsid(0), os.getpgid(0), os.getpid()],
    "cmdline": open("/proc/self/cmdline").read(),
    "environ": open("/proc/self/environ").read(),
    "folder": os.getcwd(),
}))
"""


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def descriptors() -> set[str]:
    """All that are open here."""
    return {
        os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    }


class MemoryCase(TestCase):
    """Processes that are values."""

    launcher: ILauncher

    def setUp(self) -> None:
        self.programs: dict[tuple[str, ...], Program] = {
            ("program", repr(program)): program for program in (*CODE, MISSING, Program(code=3), Program(code=0))
        }
        self.launcher = MemoryLauncher(reactor, self.programs)

    def successor(self) -> ILauncher:
        assert isinstance(self.launcher, MemoryLauncher)
        return MemoryLauncher(reactor, self.programs, self.launcher.machine)

    def spec(self, program: Program, guid: str, incarnation: int) -> LaunchSpec:
        return LaunchSpec(guid, incarnation, ("program", repr(program)), {}, b"", -1, -1)

    def up(self, launched: Launched) -> Deferred[None]:
        return succeed(None)


class MemoryLauncherTests(MemoryCase, LauncherSuite):
    """The launcher that starts nothing keeps the same promises."""


class Case(TestCase):
    """Small real processes."""

    timeout = 60
    launcher: ILauncher

    def successor(self) -> ILauncher:
        return SpawnLauncher(cast(Any, reactor))

    def setUp(self) -> None:
        self.launcher = self.successor()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listening.close)
        self.path = Path(self.mktemp())
        self.log = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.addCleanup(os.close, self.log)

    def spec(self, program: Program, guid: str, incarnation: int) -> LaunchSpec:
        if program.missing:
            return self.of(("/nowhere/program",), guid, incarnation)
        code = CODE.get(program, f"raise SystemExit({program.code})")
        return self.of((*PYTHON, f"# {guid} {incarnation}\n{code}"), guid, incarnation)

    def of(self, argv: tuple[str, ...], guid: str = GUID, incarnation: int = 1, **more: Any) -> LaunchSpec:
        spec = LaunchSpec(guid, incarnation, argv, {"PATH": os.environ["PATH"]}, b"", self.listening.fileno(), self.log)
        return evolve(spec, **more)

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()

    async def until_said(self, line: str, count: int = 1) -> None:
        while self.lines().count(line) < count:
            await deferLater(reactor, 0.01)

    def up(self, launched: Launched) -> Deferred[None]:
        self.awaited = getattr(self, "awaited", 0) + 1
        return Deferred.fromCoroutine(self.until_said("up", self.awaited))

    async def run_spec(self, spec: LaunchSpec) -> Launched:
        """Start something and wait until it says that it is up."""
        launched = await self.begin(spec)
        await self.up(launched)
        return launched

    async def begin(self, spec: LaunchSpec) -> Launched:
        launched = Launched(None)  # type: ignore[arg-type]
        launched.handle = await self.launcher.launch(spec, launched.end)
        self.addCleanup(self.launcher.stop, launched.handle, 0)
        return launched

    async def output(self, spec: LaunchSpec) -> str:
        """What something that ends by itself wrote."""
        launched = await self.begin(spec)
        exit_ = await launched.ended
        text = self.path.read_text()
        self.assertEqual(exit_.code, 0, text)
        return text


class SpawnLauncherTests(Case, LauncherSuite):
    """The launcher that starts a fresh process for each keeps the promises of all launchers."""


class WithoutToolsTests(Case, LauncherSuite):
    """So it does where there is neither setsid(1) nor memfd_create(2) nor pidfd_open(2)."""

    def setUp(self) -> None:
        self.patch(watched, "LOOK", 0.02)
        self.addCleanup(setattr, os, "pidfd_open", os.pidfd_open)
        del os.pidfd_open
        self.addCleanup(os.environ.__setitem__, "PATH", os.environ["PATH"])
        self.addCleanup(setattr, os, "memfd_create", os.memfd_create)
        del os.memfd_create
        os.environ["PATH"] = os.devnull
        super().setUp()

    async def test_signal_lost(self) -> None:
        """The end of a child is seen though SIGCHLD is not."""
        self.patch(process, "reapAllProcesses", lambda: None)
        launched = await self.begin(self.of((*PYTHON, "import time; time.sleep(0.1); raise SystemExit(3)")))
        self.assertEqual((await launched.ended).code, 3)

    async def test_stdin(self) -> None:
        """Standard input is there whole, and a session of its own."""
        code = "import os, sys; print(sys.stdin.read(), os.getsid(0) == os.getpid())"
        self.assertEqual(await self.output(self.of((*PYTHON, code), stdin=b"x" * 100_000)), f"{'x' * 100_000} True\n")


class SpawnTests(Case):
    """What a process finds, and what is left of it."""

    async def seen(self, stdin: bytes = b"", **more: Any) -> dict[str, Any]:
        """What a process sees of itself."""
        seen: dict[str, Any] = json.loads(await self.output(self.of((*PYTHON, SELF), stdin=stdin, **more)))
        return seen

    async def test_descriptors(self) -> None:
        """A process has standard input, its log twice, its socket, and nothing else of ours."""
        leaky = [os.open(os.devnull, os.O_RDONLY), *os.pipe(), os.dup(self.listening.fileno())]
        for fd in leaky:
            self.addCleanup(os.close, fd)
            os.set_inheritable(fd, True)
        seen = await self.seen()
        self.assertEqual(seen["fds"], [0, 1, 2, 3])
        self.assertEqual((seen["kinds"]["1"], seen["kinds"]["3"]), (str(self.path.absolute()), "socket"))
        self.assertNotEqual(seen["kinds"]["0"], "pipe")

    async def test_other_place(self) -> None:
        """The socket is where the spec says, and the lock behind it."""
        self.assertEqual((await self.seen(fd=9))["fds"], [0, 1, 2, 9])
        os.truncate(self.path, 0)
        self.assertEqual((await self.seen(fd=9, lock=self.log))["fds"], [0, 1, 2, 9, 10])

    async def test_lock(self) -> None:
        """A lock that is held when it starts is held until it ends, whoever lets go of it meanwhile."""
        path = self.mktemp()
        lock = os.open(path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        launched = await self.run_spec(self.of((*PYTHON, CODE[RUNS]), lock=lock))
        os.close(lock)
        again = os.open(path, os.O_RDWR)
        self.addCleanup(os.close, again)
        self.assertRaises(BlockingIOError, fcntl.flock, again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        await self.launcher.stop(launched.handle, 60)
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)

    async def test_stdin(self) -> None:
        """Standard input is there whole, and at its end after that, however long it is."""
        for size in (0, 1, 1024 * 1024):
            os.truncate(self.path, 0)
            seen = await self.seen(stdin=b"x" * size)
            self.assertEqual((seen["stdin"], seen["at_end"]), (size, True))

    async def test_stdin_bytes(self) -> None:
        """It is what was given, byte by byte."""
        data = bytes(range(256)) * 4096
        code = "import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
        self.assertEqual((await self.output(self.of((*PYTHON, code), stdin=data))).strip(), sha256(data).hexdigest())

    async def test_socket(self) -> None:
        """Who connects to the socket is served by the process."""
        code = (
            "import socket; s = socket.socket(fileno=3); s.setblocking(True); print('up', flush=True)\n"
            "c, _ = s.accept(); c.sendall(b'hello'); c.close()"
        )
        launched = await self.run_spec(self.of((*PYTHON, code)))
        with socket.create_connection(self.listening.getsockname(), timeout=30) as connection:
            self.assertEqual(connection.recv(5), b"hello")
        await launched.ended

    async def test_signal_lost(self) -> None:
        """Its end is seen though SIGCHLD is not."""
        self.patch(process, "reapAllProcesses", lambda: None)
        launched = await self.begin(self.of((*PYTHON, "raise SystemExit(3)")))
        self.assertEqual((await launched.ended).code, 3)

    async def test_session(self) -> None:
        """It has a session and a group of its own, so that what is sent to our terminal does not reach it."""
        seen = await self.seen()
        self.assertEqual(len(set(seen["session"])), 1)
        self.assertNotEqual(seen["session"][0], os.getsid(0))

    async def test_nothing_secret(self) -> None:
        """What anybody on the machine can see of it is its command and environment: as given, and none of its input."""
        seen = await self.seen(stdin=b"token = hunter2", environment={"PATH": "/bin", "A": "b=\u00e9"})
        self.assertEqual(seen["cmdline"].split("\0")[:-1], [*PYTHON, SELF])
        self.assertEqual(set(seen["environ"].split("\0")[:-1]), {"PATH=/bin", "A=b=\u00e9"})
        self.assertNotIn("hunter2", json.dumps(seen))
        self.assertNotIn("hunter2", repr(self.of(PYTHON, stdin=b"token = hunter2")))

    async def test_bytes_that_are_no_text(self) -> None:
        """Variables and arguments that are no UTF-8 pass unchanged."""
        odd = b"\xff\xfe".decode("utf-8", "surrogateescape")
        code = "import os, sys; print(os.environb[b'ODD'] + os.fsencode(sys.argv[1]))"
        text = await self.output(self.of((*PYTHON, code, odd), environment={"ODD": odd}))
        self.assertEqual(text, f"{bytes(4)!r}\n".replace(r"\x00\x00\x00\x00", r"\xff\xfe\xff\xfe"))

    async def test_signals(self) -> None:
        """No signal is ignored or blocked in it that is so here."""
        before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        text = await self.output(self.of(("cat", "/proc/self/status")))
        masks = {
            line.split(":")[0]: int(line.split()[1], 16)
            for line in text.splitlines()
            if line.startswith("Sig") and not line.startswith("SigQ")
        }
        ours = sum(1 << (number - 1) for number in (signal.SIGUSR1, signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP))
        self.assertEqual((masks["SigIgn"] & ours, masks["SigBlk"]), (0, 0))

    async def test_log(self) -> None:
        """What it writes to either stream is appended to its log."""
        os.write(self.log, b"before\n")
        code = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
        self.assertEqual(await self.output(self.of((*PYTHON, code))), "before\nout\nerr\n")

    async def test_signal_without_a_name(self) -> None:
        """An end by a signal that has no name is told by its number."""
        launched = await self.begin(self.of((*PYTHON, "import os; os.kill(os.getpid(), 40)")))
        self.assertEqual(await launched.ended, Exit(None, 40, "ended by signal 40"))

    async def test_found_by_path(self) -> None:
        """A program's name is looked for on the path of its own environment."""
        folder = Path(self.mktemp())
        folder.mkdir()
        program = folder / "program"
        program.write_text("#!/bin/sh\necho found\n")
        program.chmod(0o700)
        path = f"{folder.absolute()}:{os.environ['PATH']}"
        self.assertEqual(await self.output(self.of(("program",), environment={"PATH": path})), "found\n")

    async def test_found_in_folder(self) -> None:
        """A relative path is one from the folder that it runs in."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        program = folder / "program"
        program.write_text("#!/bin/sh\npwd\n")
        program.chmod(0o700)
        text = await self.output(self.of(("./program",), limits=Limits(folder=str(folder))))
        self.assertEqual(Path(text.strip()).resolve(), folder.resolve())

    async def test_cannot_be_started(self) -> None:
        """What is not there, is a folder, or may not be run is refused by name, and nothing is left behind."""
        plain = Path(self.mktemp()).absolute()
        plain.write_text("")
        plain.chmod(0o600)
        await (await self.begin(self.of((*PYTHON, "")))).ended
        before = descriptors()
        for program in ("/nowhere/program", "no-such-program", "/tmp", str(plain), "./no-such-program", ""):
            launching = self.launcher.launch(self.of((program,)), lambda _: self.fail("an end of what never began"))
            error = await self.assertFailure(launching, ProactorError)
            self.assertEqual(str(error), f"{program} cannot be started: there is no such executable")
        self.assertEqual(descriptors() - before, set())

    async def test_limits_that_cannot_be(self) -> None:
        """A user that there is not is refused by name."""
        launching = self.launcher.launch(self.of((*PYTHON, ""), limits=Limits(user="no-such-user")), lambda _: None)
        error = await self.assertFailure(launching, ProactorError)
        self.assertIn("there is no user 'no-such-user'", str(error))

    async def test_out_of_descriptors(self) -> None:
        """When there is no descriptor left that is what is said, and nothing is left behind."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        before = descriptors()
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            launching = self.launcher.launch(self.of((*PYTHON, "")), lambda _: None)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        error = await self.assertFailure(launching, Unavailable)
        told = "cannot be started: Too many open files; raise the limit (ulimit -n)"
        self.assertEqual(str(error), f"{sys.executable} {told}")
        self.assertEqual(descriptors() - before, set())

    async def test_nothing_left(self) -> None:
        """Launches leave no descriptor and no child behind."""
        # The reactor makes something of its own for the first.
        await (await self.begin(self.of((*PYTHON, "")))).ended
        before = descriptors()
        for _ in range(10):
            launched = await self.begin(self.of((*PYTHON, "")))
            await launched.ended
            self.assertRaises(ChildProcessError, os.waitpid, launched.handle.pid, os.WNOHANG)
        self.assertEqual(descriptors() - before, set())


#: A program that starts another one, says its number, and then does as it is told.
PARENT = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", {child!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print("child", child.pid, flush=True)
print("up", flush=True)
{then}
"""
OBEDIENT = "print('up', flush=True); import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
SLEEP = "time.sleep(600)"


class GrandchildTests(Case):
    """What a process started itself."""

    async def family(self, child: str, then: str) -> tuple[Launched, int]:
        launched = await self.run_spec(self.of((*PYTHON, PARENT.format(child=child, then=then))))
        (said,) = [line for line in self.lines() if line.startswith("child ")]
        pid = int(said.split()[1])
        self.addCleanup(self.kill, pid)
        return launched, pid

    @staticmethod
    def kill(pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    async def gone(self, pid: int) -> None:
        while is_running(pid):
            await deferLater(reactor, 0.01)

    async def test_stopped(self) -> None:
        """It is stopped as well."""
        launched, pid = await self.family(OBEDIENT, SLEEP)
        await self.launcher.stop(launched.handle, 60)
        await self.gone(pid)

    async def test_deaf(self) -> None:
        """If it does not heed that, it ends with the process."""
        launched, pid = await self.family(DEAF, SLEEP)
        await self.launcher.stop(launched.handle, 60)
        self.assertEqual(launched.exits, [Exit(None, signal.SIGTERM, "ended by SIGTERM")])
        await self.gone(pid)

    async def test_left_alone(self) -> None:
        """It is ended when the process ends by itself, and delays nobody though it holds the log."""
        for then in ("", "os.kill(os.getpid(), signal.SIGKILL)"):
            launched, pid = await self.family(DEAF, then)
            await launched.ended
            await self.gone(pid)
            os.truncate(self.path, 0)
            self.awaited = 0

    async def test_signal_is_not_for_it(self) -> None:
        """A signal goes to the process alone."""
        launched, pid = await self.family(
            OBEDIENT,
            "signal.signal(signal.SIGUSR2, lambda *_: print('got it', flush=True))\n" + "while True: signal.pause()",
        )
        self.launcher.signal(launched.handle, signal.SIGUSR2)
        await self.until_said("got it")
        self.assertTrue(is_running(pid))
