"""Processes that are forked: they are as fresh ones are."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import signal
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any, cast

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SkipTest

from benchmarks.lives import born
from benchmarks.survivors import is_begun
from proactor.errors import Unavailable
from proactor.interfaces import ILauncher, LaunchSpec, Limits
from proactor.launchers import fork as fork_module
from proactor.launchers import fork_server as fork_server_module
from proactor.launchers.fork import ForkLauncher
from proactor.launchers.identity import identity_of
from proactor.model import Exit

from ..support.launcher import Program
from .suite import GUID, MISSING, RUNS, STUBBORN, LauncherSuite
from .test_spawn import Case

ROOT = Path(__file__).parents[2]
MODULE = "tests.launchers.forked"
NOT_HERE = None if sys.platform.startswith("linux") else "it takes Linux"


class ForkCase(Case):
    """A launcher whose server loads nothing but what it always does."""

    skip = NOT_HERE

    def setUp(self) -> None:
        path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
        super().setUp()
        # What is expected to be forked is, also where a server takes long to load.
        self.patch(fork_module, "PATIENCE", 60.0)
        self.lock = os.open(self.mktemp(), os.O_RDWR | os.O_CREAT, 0o600)
        self.addCleanup(os.close, self.lock)

    def successor(self) -> ILauncher:
        launcher = ForkLauncher(cast(Any, reactor), self.environment)
        launcher.start()
        self.addCleanup(launcher.close)
        return launcher

    @property
    def forks(self) -> ForkLauncher:
        assert isinstance(self.launcher, ForkLauncher)
        return self.launcher

    def spec(self, program: Program, guid: str, incarnation: int) -> LaunchSpec:
        if program is MISSING:
            return self.of(("/nowhere/program",), guid, incarnation)
        kind = {RUNS: "up", STUBBORN: "stubborn"}.get(program, f"exit{program.code}")
        return self.module(kind, guid, incarnation)

    def module(self, kind: str, guid: str = GUID, incarnation: int = 1, **more: Any) -> LaunchSpec:
        return self.run_module(MODULE, kind, guid=guid, incarnation=incarnation, **more)

    def run_module(
        self, module: str, *arguments: str, guid: str = GUID, incarnation: int = 1, **more: Any
    ) -> LaunchSpec:
        spec = self.of((sys.executable, "-m", module, *arguments), guid, incarnation)
        environment = {"PYTHONUNBUFFERED": "1", **self.environment}
        return evolve(spec, environment=environment, module=module, launcher="fork", lock=self.lock, **more)

    def resume(self, pid: int) -> None:
        """Have a process that was stopped go on, where it was not ended meanwhile."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def server(self) -> int:
        """The process of the server."""
        process = self.forks._server._process
        assert process is not None
        assert process.transport is not None
        return cast(int, process.transport.pid)

    async def seen(self, stdin: bytes = b"", **more: Any) -> dict[str, Any]:
        """What a forked process finds."""
        found: dict[str, Any] = json.loads(
            (await self.output(self.module("seen", stdin=stdin, **more))).splitlines()[0]
        )
        return found


class ForkLauncherTests(ForkCase, LauncherSuite):
    """It keeps the promises of every launcher."""

    name = "fork"


class LikeFreshTests(ForkCase):
    """What a process finds."""

    async def test_by_a_server(self) -> None:
        """It is forked, and a child of ours, so that its end is seen with its status."""
        launched = await self.begin(self.module("exit7"))
        self.assertEqual(launched.handle.launcher, "fork")
        self.assertEqual(await launched.ended, Exit(7, None, "exited with status 7"))
        self.assertEqual(self.path.read_text(), "no end of line")

    async def test_descriptors(self) -> None:
        """Standard input, its log twice, its socket, its lock, and nothing else."""
        seen = await self.seen(stdin=b"x" * 100_000)
        self.assertEqual((seen["fds"], seen["stdin"]), ([0, 1, 2, 3, 4], 100_000))
        self.path.write_text("")
        self.assertEqual((await self.seen(fd=9))["fds"], [0, 1, 2, 9, 10])

    async def test_itself(self) -> None:
        """It leads a session, is run as a main module, and is shown with its own command line."""
        seen = await self.seen()
        self.assertEqual(seen["session"], [seen["session"][2]] * 3)
        self.assertEqual((seen["name"], seen["argv"][1:], seen["path"]), ("__main__", ["seen"], os.getcwd()))
        self.assertEqual(seen["cmdline"][:4], [sys.executable, "-m", MODULE, "seen"])
        self.assertEqual((seen["parent"], seen["reactor"]), (os.getpid(), False))

    async def test_signals(self) -> None:
        """Signals are as with a fresh interpreter."""
        seen = await self.seen()
        self.assertEqual(seen["blocked"], [])
        usual = {signal.SIGINT, signal.SIGPIPE, getattr(signal, "SIGXFSZ", signal.SIGPIPE)}
        self.assertEqual({*seen["handlers"]} - usual, set())

    async def test_chance(self) -> None:
        """No two have the same random numbers."""
        one = await self.seen()
        self.path.write_text("")
        self.assertNotEqual(one["random"], (await self.seen())["random"])

    async def test_environment(self) -> None:
        """Its environment is what its launch says, and no more."""
        environment = {**self.module("seen").environment, "COLOUR": "red"}
        environment.pop("HOME", None)
        seen = await self.seen()
        self.assertNotIn("COLOUR", seen["environment"])
        self.path.write_text("")
        found = json.loads(await self.output(evolve(self.module("seen"), environment=environment)))["environment"]
        self.assertEqual(found["COLOUR"], "red")
        self.assertNotIn("HOME", found)

    async def test_limits(self) -> None:
        """It is held to its limits."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        limits = Limits(nofile=99, nice=7, folder=str(folder), umask="027")
        seen = await self.seen(limits=limits)
        self.assertEqual((seen["nofile"], seen["nice"], seen["umask"]), (99, 7, 0o27))
        self.assertEqual((seen["folder"], seen["path"]), (str(folder), str(folder)))

    async def test_open_files(self) -> None:
        """It may have as many descriptors open as it is given where its section says nothing."""
        self.assertEqual((await self.seen(limits=Limits(open_files=97)))["nofile"], 97)

    async def test_user(self) -> None:
        """It is somebody else's where that is said and may be."""
        if os.geteuid():
            raise SkipTest("it takes root")
        seen = await self.seen(limits=Limits(user="nobody"))
        self.assertEqual(seen["uid"], pwd.getpwnam("nobody").pw_uid)

    async def test_less_memory_than_it_has(self) -> None:
        """With less memory than it takes to begin it does not, and says how much that is."""
        launched = await self.begin(self.module("seen", limits=Limits(memory_mib=16)))
        self.assertEqual((await launched.ended).code, 126)
        told = rf"^{MODULE}: cannot be started: limit_memory = 16: it takes \d+ MiB before it begins; raise that$"
        self.assertRegex(self.lines()[-1], told)
        launched = await self.begin(self.module("seen", "b" * 32, limits=Limits(memory_mib=1024)))
        self.assertEqual((await launched.ended).code, 0)

    async def test_impossible_limit(self) -> None:
        """What cannot be is told in its log, and ends it."""
        launched = await self.begin(self.module("seen", limits=Limits(folder="/nowhere/at/all")))
        self.assertEqual((await launched.ended).code, 126)
        self.assertIn(f"{MODULE}: cannot be started: [Errno 2]", self.path.read_text())

    async def test_exception(self) -> None:
        """An exception is told with its place, and the status is 1."""
        launched = await self.begin(self.module("raise"))
        self.assertEqual((await launched.ended).code, 1)
        self.assertIn('raise ValueError("on purpose")', self.path.read_text())

    async def test_lock(self) -> None:
        """Its lock is held for as long as it lives."""
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        launched = await self.run_spec(self.module("up"))
        other = os.open(f"/proc/self/fd/{self.lock}", os.O_RDWR)
        self.addCleanup(os.close, other)
        held = f"/proc/{launched.handle.pid}/fd/4"
        self.assertEqual(os.stat(held).st_ino, os.fstat(self.lock).st_ino)

    async def test_orphans(self) -> None:
        """What a process leaves behind becomes ours, and is reaped when it ends."""
        await (await self.begin(self.module("orphan"))).ended
        pid = int(self.lines()[0])
        while Path(f"/proc/{pid}").exists():
            self.forks._reaper.look()
            await deferLater(reactor, 0.02)

    async def test_practised(self) -> None:
        """Nothing is left of what the server has practised: no descriptor, handler or reactor, no line in the log."""
        with capturedLogs() as events:
            plain = await self.seen()
            while not any("is practised" in formatEvent(event) for event in events):
                await deferLater(reactor, 0.01)
        launched = await self.begin(self.module("seen", "b" * 32))
        self.assertEqual((await launched.ended).code, 0)
        practised = json.loads(self.lines()[1])
        changing = ("random", "session")
        self.assertEqual(
            {name: value for name, value in practised.items() if name not in changing},
            {name: value for name, value in plain.items() if name not in changing},
        )


class ServerTests(ForkCase):
    """The server may die, and changed code is never run stale."""

    async def test_killed(self) -> None:
        """A server that dies is started again, and nobody notices."""
        await self.run_spec(self.module("up"))
        with capturedLogs() as events:
            os.kill(self.server(), signal.SIGKILL)
            launched = await self.begin(self.module("exit3", "b" * 32))
            self.assertEqual((await launched.ended).code, 3)
        self.assertEqual(launched.handle.launcher, "fork")
        told = [formatEvent(event) for event in events]
        self.assertEqual(len([text for text in told if "The fork server ended, and is started again" in text]), 1, told)

    async def test_stopped_in_between(self) -> None:
        """What is sent to a server that never answers is done by the next one, once."""
        await self.run_spec(self.module("up"))
        os.kill(self.server(), signal.SIGSTOP)
        launching = [self.launcher.launch(self.module("up", f"{number:032x}"), lambda _: None) for number in range(3)]
        os.kill(self.server(), signal.SIGKILL)
        handles = await gatherResults(launching)
        for handle in handles:
            self.addCleanup(self.launcher.stop, handle, 0)
        await self.until_said("up", 4)
        self.assertEqual(len({handle.pid for handle in handles}), 3)

    async def test_initiator_gone_in_between(self) -> None:
        """One that is forked already, and whose initiator is gone before it lets it begin, ends and has run nothing.

        It leads a session and holds its lock by then; to who looks for survivors it is none.
        """
        forked: Deferred[tuple[int, int]] = Deferred()

        def hold(_: ForkLauncher, rest: str, begin: int | None) -> None:
            assert begin is not None
            forked.callback((int(rest.split()[2]), begin))

        held = self.patch(ForkLauncher, "_forked", hold)
        self.launcher.launch(self.module("up"), lambda _: None).addErrback(lambda _: None)
        pid, begin = await forked
        held.restore()
        self.assertEqual(os.getsid(pid), pid)
        lock = os.readlink(f"/proc/self/fd/{self.lock}")
        while not os.path.lexists(f"/proc/{pid}/fd/4") or os.readlink(f"/proc/{pid}/fd/4") != lock:
            await deferLater(reactor, 0.02)
        self.assertFalse(is_begun(pid, MODULE))
        os.close(begin)
        while born(pid) is not None:
            await deferLater(reactor, 0.02)
        self.assertEqual(self.lines(), [])
        launched = await self.run_spec(self.module("up", "b" * 32))
        self.assertTrue(is_begun(launched.handle.pid, MODULE))

    async def test_not_forked(self) -> None:
        """What the server could not fork is no fault of the program: it may be tried again."""
        await self.run_spec(self.module("up"))
        os.kill(self.server(), signal.SIGSTOP)
        self.addCleanup(self.resume, self.server())
        launching = self.launcher.launch(self.module("up", "b" * 32), lambda _: None)
        self.forks._heard([(f"failed {'b' * 32} 1 Cannot allocate memory", None)])
        error = await self.assertFailure(launching, Unavailable)
        self.assertEqual(str(error), f"{sys.executable} cannot be started: Cannot allocate memory")

    async def test_slow_to_end(self) -> None:
        """One that does not end when it is told to is killed, and then it is over."""
        await self.run_spec(self.module("up"))
        self.patch(fork_server_module, "_LAST_WORK", 0.05)
        os.kill(self.server(), signal.SIGSTOP)
        with capturedLogs() as events:
            await self.forks._server.stop()
        self.assertEqual([event for event in events if "log_failure" in event], [])

    async def test_never_ready(self) -> None:
        """A server that does not come to it is not waited for: a fresh process is started."""
        await self.run_spec(self.module("up"))
        # Not before: a server that is only starting is not ready in that time either.
        self.patch(fork_module, "PATIENCE", 0.1)
        os.kill(self.server(), signal.SIGSTOP)
        self.addCleanup(self.resume, self.server())
        launched = await self.begin(self.module("exit4", "b" * 32))
        self.assertEqual((launched.handle.launcher, (await launched.ended).code), ("spawn", 4))

    async def test_other_interpreter_settings(self) -> None:
        """What the interpreter heeds when it begins cannot be changed by forking: such a process is started afresh."""
        spec = self.module("exit0")
        environment = {**spec.environment, "PYTHONOPTIMIZE": "1"}
        launched = await self.begin(evolve(spec, environment=environment))
        self.assertEqual(launched.handle.launcher, "spawn")
        await launched.ended

    async def test_asked_to_spawn(self) -> None:
        """So is one whose section asks for it, and any command."""
        for spec in (evolve(self.module("exit0"), launcher="spawn"), evolve(self.module("exit0"), module=None)):
            launched = await self.begin(spec)
            self.assertEqual(launched.handle.launcher, "spawn")
            await launched.ended

    async def test_at_once(self) -> None:
        """Many are forked at the same time."""
        launching = [self.launcher.launch(self.module("up", f"{number:032x}"), lambda _: None) for number in range(30)]
        handles = await gatherResults(launching)
        for handle in handles:
            self.addCleanup(self.launcher.stop, handle, 0)
            self.assertEqual(identity_of(handle.pid), handle.identity)
        await self.until_said("up", 30)


def _judged(event: LogEvent) -> str | None:
    """The module of which it is said here what became of it."""
    return event.get("name") if "loaded ahead" in event["log_format"] else None


class PreloadTests(ForkCase):
    """Modules that are loaded ahead."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        super().setUp()
        self.environment["PYTHONPATH"] += os.pathsep + str(self.folder)
        self.launcher = self.successor()

    def write(self, name: str, text: str) -> None:
        (self.folder / f"{name}.py").write_text(dedent(text))

    async def said(self, *modules: str) -> list[str]:
        """What is logged when these are loaded ahead; one is forked then."""
        self.forks.preload(modules)
        with capturedLogs() as events:
            launched = await self.begin(self.module("exit5"))
            self.assertEqual((await launched.ended).code, 5)
            # It was not held up by them: they may be tried still.
            while any(name not in map(_judged, events) for name in modules):
                await deferLater(reactor, 0.01)
        self.assertEqual(launched.handle.launcher, "fork")
        told = [formatEvent(event) for event in events if event["log_namespace"] == "proactor.forkserver"]
        return [text for text in told if not text.startswith(("What module ", "The start of "))]

    async def test_loaded(self) -> None:
        """What it needs is there already; the module itself is run anew."""
        self.write("heavy_part", "import os\nLOADED_BY = os.getpid()\n")
        self.write("heavy", "import os, heavy_part\nprint(heavy_part.LOADED_BY != os.getpid(), __name__)\n")
        self.assertEqual(await self.said("heavy"), ["heavy: False heavy"])
        self.path.write_text("")
        self.assertEqual(await self.output(self.run_module("heavy", guid="c" * 32)), "True __main__\n")

    async def test_always(self) -> None:
        """What every processor comes to need is there, though nothing of it is imported by name."""
        self.write(
            "needs",
            """\
            import sys
            before = {*sys.modules}
            from twisted.internet import reactor
            "localhost".encode("idna")
            print(sorted({*sys.modules} - before))
            """,
        )
        self.assertEqual(await self.output(self.run_module("needs")), "['twisted.internet.reactor']\n")

    async def test_bad(self) -> None:
        """One that raises, ends or starts a thread is left out by name; the others are loaded."""
        self.write("raises", "raise ValueError('no')")
        self.write("exits", "import sys\nsys.exit(3)")
        self.write(
            "threads", "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
        )
        self.write("good", "print('a line')")
        told = await self.said("raises", "exits", "threads", "good")
        left = [text for text in told if "is not loaded ahead" in text]
        self.assertEqual(
            left,
            [
                "Module raises is not loaded ahead: it raises ValueError when it is loaded",
                "Module exits is not loaded ahead: it ends the process when it is loaded (status 3)",
                "Module threads is not loaded ahead: it starts a thread when it is loaded: do that in started()",
            ],
        )
        self.assertIn("raises: ValueError: no", told)
        self.assertIn("good: a line", told)

    async def test_reactor(self) -> None:
        """A module may import the reactor: it has that of its own process in the end."""
        self.write("eager", "from twisted.internet import reactor\n")
        self.write(
            "user", "import eager\neager.reactor.callWhenRunning(eager.reactor.stop)\neager.reactor.run()\nprint('ran')"
        )
        self.assertEqual(await self.said("eager"), [])
        self.path.write_text("")
        self.assertEqual(await self.output(self.run_module("user", guid="c" * 32)), "ran\n")

    async def test_changed(self) -> None:
        """Code that was changed since is never run stale."""
        self.write("part", "VALUE = 1\n")
        self.write("whole", "import part\nprint(part.VALUE)\n")
        await self.said("whole")
        self.path.write_text("")
        self.write("part", "VALUE = 22\n")
        launched = await self.begin(self.run_module("whole", guid="c" * 32))
        await launched.ended
        self.assertEqual((launched.handle.launcher, self.path.read_text()), ("fork", "22\n"))

    async def test_shadowed(self) -> None:
        """Nor what a fresh interpreter would not take any more: a package comes before a module of its name."""
        self.write("part", "VALUE = 1\n")
        self.write("whole", "import part\nprint(part.VALUE)\n")
        await self.said("whole")
        self.path.write_text("")
        (self.folder / "part").mkdir()
        self.write("part/__init__", "VALUE = 22\n")
        launched = await self.begin(self.run_module("whole", guid="c" * 32))
        await launched.ended
        self.assertEqual((launched.handle.launcher, self.path.read_text()), ("fork", "22\n"))

    def elsewhere(self) -> Path:
        """Another folder, which has no ``part_of_here``, while that where the initiator runs has one."""
        here, other = Path.cwd() / "part_of_here.py", Path(self.mktemp()).absolute()
        here.write_text("")
        self.addCleanup(here.unlink)
        other.mkdir()
        return other

    async def test_elsewhere(self) -> None:
        """Nor, in a folder of its own, what stands where the initiator runs, or what its own folder has another of."""
        other = self.elsewhere()
        (other / "part.py").write_text("VALUE = 22\n")
        self.write("part", "VALUE = 1\n")
        self.write("rest", "VALUE = 3\n")
        self.write(
            "whole",
            """
            import part, rest
            try:
                import part_of_here
            except ImportError:
                part_of_here = None
            print(part.VALUE, rest.VALUE, part_of_here)
            """,
        )
        await self.said("whole")
        self.path.write_text("")
        spec = self.run_module("whole", guid="c" * 32, limits=Limits(folder=str(other)))
        launched = await self.begin(spec)
        await launched.ended
        self.assertEqual((launched.handle.launcher, self.path.read_text()), ("fork", "22 3 None\n"))

    async def test_path_of_its_folder(self) -> None:
        """Nor what a search path means that is another in a folder of its own: that takes a fresh interpreter."""
        other = self.elsewhere()
        self.write("whole", "import importlib.util\nprint(importlib.util.find_spec('part_of_here'))")
        for entry in ("", "."):
            self.path.write_text("")
            environment = {**self.environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{entry}{os.pathsep}{self.folder}"}
            self.launcher = ForkLauncher(cast(Any, reactor), environment)
            self.launcher.start()
            self.addCleanup(self.launcher.close)
            self.launcher.preload(["whole"])
            spec = self.run_module("whole", guid="c" * 32, limits=Limits(folder=str(other)))
            launched = await self.begin(evolve(spec, environment={"PYTHONUNBUFFERED": "1", **environment}))
            await launched.ended
            self.assertEqual((launched.handle.launcher, self.path.read_text()), ("spawn", "None\n"), entry)

    async def test_path_that_is_changed(self) -> None:
        """What a module that is loaded ahead puts first into the search path stays there."""
        self.write("first", "import sys\nsys.path.insert(0, '/nowhere/first')\n")
        self.write("whole", "import first, os, sys\nprint(sys.path[0], sys.path[1] == os.getcwd())")
        await self.said("whole")
        for folder in (None, str(self.folder)):
            self.path.write_text("")
            launched = await self.begin(self.run_module("whole", guid="c" * 32, limits=Limits(folder=folder)))
            await launched.ended
            self.assertEqual((launched.handle.launcher, self.path.read_text()), ("fork", "/nowhere/first True\n"))

    async def test_safe_path(self) -> None:
        """Where a fresh interpreter would not look into its folder, neither does one that is forked."""
        self.environment["PYTHONSAFEPATH"] = "1"
        self.launcher = self.successor()
        self.write("whole", "import os, sys\nprint(os.getcwd() in sys.path)")
        await self.said("whole")
        self.path.write_text("")
        launched = await self.begin(self.run_module("whole", guid="c" * 32, limits=Limits(folder="/")))
        await launched.ended
        looks = sys.version_info < (3, 11)
        self.assertEqual((launched.handle.launcher, self.path.read_text()), ("fork", f"{looks}\n"))

    async def test_library(self) -> None:
        """Where one has loaded a library that may have handlers of its own for a fork, these are called."""
        self.write("with_library", "import sqlite3")
        self.assertEqual(await self.said("with_library"), [])
        launched = await self.begin(self.module("exit3", "b" * 32))
        self.assertEqual(((await launched.ended).code, launched.handle.launcher), (3, "fork"))

    async def test_others(self) -> None:
        """Other modules can be loaded ahead later."""
        self.write("first", "print('one')")
        self.write("second", "print('two')")
        self.assertEqual(await self.said("first"), ["first: one"])
        self.assertIn("second: two", await self.said("first", "second"))
