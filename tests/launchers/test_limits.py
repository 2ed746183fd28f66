from __future__ import annotations

import json
import os
import pwd
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from proactor.errors import Refused
from proactor.interfaces import LaunchSpec, Limits
from proactor.launchers.limits import check_limits, wrapped
from proactor.launchers.spawn import SpawnLauncher
from proactor.model import Exit

NOBODY = 65534
TELL = """
import json, os, resource
print(json.dumps({
    "pid": os.getpid(), "session": os.getsid(0), "folder": os.getcwd(), "umask": os.umask(0),
    "nice": os.getpriority(os.PRIO_PROCESS, 0), "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
    "memory": resource.getrlimit(resource.RLIMIT_AS),
}))
"""
PYTHON = (os.path.realpath(sys.executable), "-I", "-S", "-c", TELL)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Do without root's rights for a while, where there are any."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(own)


def told(limits: Limits) -> dict[str, Any]:
    """Run a program with limits; give what it says of itself."""
    with subprocess.Popen(wrapped(PYTHON, limits), stdout=subprocess.PIPE) as process:
        out, _ = process.communicate()
        found: dict[str, Any] = json.loads(out)
        assert found.pop("pid") == process.pid
    return found


def differences(limits: Limits) -> dict[str, Any]:
    """Give what a program with limits says of itself that one without does not."""
    usual = told(Limits())
    return {name: value for name, value in told(limits).items() if value != usual[name]}


class Case(SynchronousTestCase):
    def without_tools(self) -> None:
        """Have no program found."""
        self.addCleanup(os.environ.__setitem__, "PATH", os.environ["PATH"])
        os.environ["PATH"] = self.mktemp()

    def as_root(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("takes root")

    def refused(self, limits: Limits, *parts: str) -> None:
        text = str(self.assertRaises(Refused, check_limits, limits))
        for part in parts:
            self.assertIn(part, text)


class WrappedTests(Case):
    """What the limits come to, in processes; each has the number of what was started first."""

    def test_none(self) -> None:
        """Without limits the command is run as it is, and no tool is needed."""
        self.without_tools()
        self.assertEqual(wrapped(["a", "-b"], Limits()), ("a", "-b"))

    def test_nofile(self) -> None:
        """It can open so many descriptors, and cannot have more."""
        self.assertEqual(differences(Limits(nofile=100)), {"nofile": [100, 100]})

    def test_open_files(self) -> None:
        """Where its section says nothing it may have as many open as it is given, until it raises that itself."""
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self.assertEqual(differences(Limits(open_files=99)), {"nofile": [99, most]})
        self.assertEqual(differences(Limits(open_files=99, umask="0137")), {"nofile": [99, most], "umask": 0o137})
        self.assertEqual(differences(Limits(open_files=99, nofile=100)), {"nofile": [100, 100]})

    def test_memory(self) -> None:
        """It can have so many MiB of address space."""
        self.assertEqual(differences(Limits(memory_mib=512)), {"memory": [512 << 20, 512 << 20]})

    def test_memory_runs_out(self) -> None:
        """Who asks for more than that gets none."""
        argv = wrapped([PYTHON[0], "-c", "print(len(bytes(400 << 20)))"], Limits(memory_mib=256))
        done = subprocess.run(argv, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"MemoryError", done.stderr)

    def test_nice(self) -> None:
        """It has that niceness, whatever ours is."""
        own = os.getpriority(os.PRIO_PROCESS, 0)
        if own > 17:
            raise SkipTest("this runs with the least priority")
        self.assertEqual(differences(Limits(nice=own + 2)), {"nice": own + 2})
        self.assertEqual(wrapped(["a"], Limits(nice=own)), ("a",))

    def test_less_nice(self) -> None:
        """Root can prefer a process, one of another user too."""
        self.as_root()
        self.assertEqual(differences(Limits(nice=-3)), {"nice": -3})
        argv = wrapped(["nice"], Limits(nice=-3, user="nobody"))
        self.assertEqual(subprocess.check_output(argv), b"-3\n")

    def test_folder(self) -> None:
        """It runs in that folder, whatever is in its name."""
        folder = Path(self.mktemp(), "a b'; $(exit 1)\"\n-c").absolute()
        folder.mkdir(parents=True)
        self.assertEqual(differences(Limits(folder=str(folder))), {"folder": str(folder)})

    def test_umask(self) -> None:
        """Its files are closed to whom that mask says."""
        self.assertEqual(differences(Limits(umask="0137")), {"umask": 0o137})

    def test_user(self) -> None:
        """It has that user's rights, groups included, and no others."""
        self.as_root()
        entry = pwd.getpwnam("nobody")
        groups = os.getgrouplist("nobody", entry.pw_gid)
        argv = wrapped(["sh", "-c", "id -u; id -ru; id -g; id -G"], Limits(user="nobody"))
        found = [int(number) for number in subprocess.check_output(argv).split()]
        self.assertEqual(found[:3], [entry.pw_uid, entry.pw_uid, entry.pw_gid])
        self.assertEqual(sorted(found[3:]), sorted(groups))

    def test_own_user(self) -> None:
        """Our own user needs no rights, and no tool."""
        self.without_tools()
        own = pwd.getpwuid(os.geteuid()).pw_name
        self.assertEqual(wrapped(["a"], Limits(user=own)), ("a",))
        check_limits(Limits(user=own))

    def test_arguments(self) -> None:
        """Arguments arrive as they are, behind whichever tools."""
        odd = ("-c", "--", "", "a b", "$HOME", "'", "*", "\\", "--nofile=1", "é")
        limits = Limits(nofile=200, memory_mib=1024, nice=19, folder="/", umask="022")
        code = "import json, sys; print(json.dumps(sys.argv[1:]))"
        argv = wrapped([PYTHON[0], "-c", code, *odd], limits)
        self.assertEqual(json.loads(subprocess.check_output(argv)), list(odd))

    def test_folder_gone(self) -> None:
        """A folder that has gone since is said in the process's own output, and nothing is run elsewhere."""
        argv = wrapped(["echo", "here"], Limits(folder="/nonexistent/folder"))
        done = subprocess.run(argv, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (126, b""))
        self.assertIn(b"/nonexistent/folder", done.stderr)

    def test_missing_tool(self) -> None:
        """A tool that is missing is named, with what it is for and where it comes from."""
        self.without_tools()
        for limits, *parts in (
            (Limits(nofile=100), "prlimit(1)", "limit_nofile", "util-linux"),
            (Limits(memory_mib=100), "prlimit(1)", "limit_memory", "util-linux"),
            (Limits(nice=19), "nice(1)", "coreutils"),
            (Limits(umask="022"), "sh(1)", "umask"),
            (Limits(folder="/"), "sh(1)", "working_folder"),
        ):
            self.refused(limits, "which is not there", *parts)

    def test_missing_setpriv(self) -> None:
        """The same for the tool that changes the user."""
        self.as_root()
        self.without_tools()
        self.refused(Limits(user="nobody"), "setpriv(1)", "user", "util-linux")


class CheckTests(Case):
    """What is said of limits before anything is started."""

    def test_none(self) -> None:
        """No limits are good limits."""
        check_limits(Limits())

    def test_good(self) -> None:
        """What can be had is not refused."""
        check_limits(Limits(nofile=16, memory_mib=16, nice=19, folder="/", umask="077"))

    def test_nofile(self) -> None:
        """More descriptors than there can be, and none, are refused with how many there can be."""
        self.refused(Limits(nofile=1 << 40), f"limit_nofile = {1 << 40}", "from 1 to")
        self.refused(Limits(nofile=0), "from 1 to")

    def test_nofile_unprivileged(self) -> None:
        """Without root's rights our own limit is the most, and the remedy is to raise that."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        with unprivileged():
            check_limits(Limits(nofile=hard))
            self.refused(Limits(nofile=hard + 1), f"to {hard} here", "LimitNOFILE=")

    def test_memory(self) -> None:
        """No memory is too little."""
        self.refused(Limits(memory_mib=0), "limit_memory = 0", "more than 0 MiB")

    def test_memory_unprivileged(self) -> None:
        """Without root's rights our own limit is the most."""
        code = (
            "from proactor.launchers.limits import *; from proactor.interfaces import Limits; import os, resource\n"
            "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
            f"os.geteuid() or os.seteuid({NOBODY})\n"
            "check_limits(Limits(memory_mib=1024))\n"
            "check_limits(Limits(memory_mib=1025))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        self.assertIn("Refused: limit_memory = 1025: must be from 1 to 1024 MiB here", done.stderr)

    def test_nice(self) -> None:
        """A niceness that there is not is refused with those that there are."""
        for nice in (20, -21):
            self.refused(Limits(nice=nice), f"nice = {nice}", "to 19")

    def test_nice_unprivileged(self) -> None:
        """Without root's rights a process cannot be preferred to us."""
        own = os.getpriority(os.PRIO_PROCESS, 0)
        if not 0 <= resource.getrlimit(resource.RLIMIT_NICE)[0] <= 20 - own or own == -20:
            raise SkipTest("anybody can here")
        with unprivileged():
            check_limits(Limits(nice=own))
            self.refused(Limits(nice=own - 1), f"from {own} to 19", "runs as root")

    def test_folder(self) -> None:
        """A folder that is not there, a file, and one that depends on where we are, are refused."""
        self.refused(Limits(folder="/nonexistent/folder"), "working_folder = /nonexistent/folder", "make it")
        self.refused(Limits(folder=__file__), "no such folder")
        for relative in (".", "", "~", "-"):
            self.refused(Limits(folder=relative), "absolute")

    def test_umask(self) -> None:
        """What is no octal number of three digits is refused, with one that is right."""
        for wrong in ("", "8", "1777", "u=rwx", "-1", "0o22", "22 ", "٣"):
            self.refused(Limits(umask=wrong), f"umask = {wrong}", "027")

    def test_no_user(self) -> None:
        """A user that there is not is named."""
        for name in ("no-such-user", "", "0"):
            self.refused(Limits(user=name), repr(name))

    def test_user_unprivileged(self) -> None:
        """Without root's rights nobody can be somebody else."""
        with unprivileged():
            self.refused(Limits(user="root"), "user = root", "runs as root")


class SpawnTests(TestCase):
    """The launcher that runs on this machine."""

    async def run_with(self, limits: Limits, *argv: str) -> tuple[Exit, bytes, int]:
        """Run a command; give how it ended, what it wrote and its number."""
        from twisted.internet import reactor  # noqa: PLC0415

        log = os.open(self.mktemp(), os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self.addCleanup(os.close, log)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            over: Deferred[Exit] = Deferred()
            environment = {"PATH": os.environ["PATH"]}
            spec = LaunchSpec("0" * 32, 1, argv, environment, b"", listening.fileno(), log, limits=limits)
            handle = await SpawnLauncher(reactor).launch(spec, over.callback)  # type: ignore[arg-type]
            exit_ = await over
        return exit_, os.pread(log, 10000, 0), handle.pid

    def test_limits(self) -> Deferred[None]:
        """A process that is launched is held to its limits, leads its session, and has the number that was told."""

        async def run() -> None:
            limits = Limits(nofile=100, memory_mib=1024, nice=19, folder="/", umask="027")
            exit_, output, pid = await self.run_with(limits, *PYTHON)
            self.assertEqual(exit_.code, 0)
            found = json.loads(output)
            self.assertEqual((found["pid"], found["session"]), (pid, pid))
            self.assertEqual(found["nofile"], [100, 100])
            self.assertEqual((found["nice"], found["folder"], found["umask"]), (19, "/", 0o27))

        return Deferred.fromCoroutine(run())

    def test_niceness_among_sessions(self) -> Deferred[None]:
        """Its niceness counts against other processes too, where the kernel gives to each session alike."""

        async def run() -> None:
            if not Path("/proc/self/autogroup").exists():
                raise SkipTest("sessions are no groups here")
            for nice in (7, 0):
                _, output, _ = await self.run_with(Limits(nice=nice), "cat", "/proc/self/autogroup")
                self.assertTrue(output.endswith(b" nice %d\n" % nice), output)

        return Deferred.fromCoroutine(run())

    def test_refused(self) -> Deferred[None]:
        """What cannot be is a refusal that the launch ends with, and nothing is started."""

        async def run() -> None:
            with self.assertRaises(Refused):
                await self.run_with(Limits(user="no-such-user"), *PYTHON)

        return Deferred.fromCoroutine(run())
