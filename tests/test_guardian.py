from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from proactor import guardian_main
from proactor.guardian import Guardian
from proactor.guardian_main import Process
from proactor.launchers.command import MARK

ROOT = Path(guardian_main.__file__).parents[1]
PATIENCE = 60
"""Seconds after which a test that waits for something has failed."""

# Perl's open has its child's exec behind it when it returns: a signal is not lost in a copy of the parent.
CHILD = 'open(my $child, "-|", "sleep", "1000"); '
READY = '$| = 1; print "ready\\n"; sleep 1 while 1'
POLITE = f"""exec perl -e '{CHILD} $SIG{{TERM}} = sub {{ print "asked\\n"; exit }}; {READY}'"""
STUBBORN = f"""exec perl -e '$SIG{{TERM}} = "IGNORE"; {CHILD} {READY}'"""
GROUP_APART = f"perl -e 'setpgrp(0, 0); {READY}' & wait"
DEAF_SESSION_APART = f"perl -MPOSIX -e 'POSIX::setsid(); $SIG{{TERM}} = \"IGNORE\"; {READY}' & wait"
SESSION_APART = f"perl -MPOSIX -e 'POSIX::setsid(); {READY}' & wait"
ORPHANED = f"(perl -e '{READY}' &); exec sleep 1000"


def read(descriptor: int) -> bytes:
    """Read what there is, the next of it; nothing at the end."""
    ready, _, _ = select.select([descriptor], [], [], PATIENCE)
    if not ready:
        raise AssertionError(f"nothing came in {PATIENCE} s")
    return os.read(descriptor, 1 << 16)


def read_all(descriptor: int) -> str:
    """Read to the end, which comes when nobody has the other end any more."""
    whole = b""
    while data := read(descriptor):
        whole += data
    return whole.decode()


def ignored(pid: int) -> int:
    """Give the signals that a process ignores, as a bit mask."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:"))


class KilledTests(SynchronousTestCase):
    """An initiator that is killed with -9, its processes and its guardian."""

    def setUp(self) -> None:
        self.out, out = os.pipe()
        self.err, err = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.guarded", str(out), str(err)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(out, err),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        os.close(out)
        os.close(err)
        self.addCleanup(self.end)

    def end(self) -> None:
        with self.process:
            self.process.kill()
        os.close(self.out)
        os.close(self.err)

    def order(self, *order: Any) -> Any:
        """Have it do something, and give its answer."""
        assert self.process.stdout is not None
        self.send(*order)
        return json.loads(self.process.stdout.readline())

    def send(self, *order: Any) -> None:
        """Have it do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()

    def start(self, script: str, grace: float = PATIENCE, **more: bool) -> int:
        """Have it start a script, and wait until that says that it is ready."""
        pid: int = self.order("start", script, grace, *more.values())
        self.assertEqual(read(self.out), b"ready\n")
        return pid

    def kill(self) -> str:
        """Kill it; wait until nobody is left; give what its processes wrote meanwhile."""
        self.process.kill()
        self.process.wait()
        return read_all(self.out)

    def report(self) -> str:
        """Wait until the guardian has ended too; give what it said."""
        return read_all(self.err)

    def test_asked(self) -> None:
        """A process is asked to end, and has the time for it; its children are asked too."""
        self.start(POLITE)
        self.assertEqual(self.kill(), "asked\n")
        self.assertIn("WARNING|", self.report())

    def test_made(self) -> None:
        """One that will not is made to when its grace is over, its children with it."""
        self.start(STUBBORN, 0.5)
        self.kill()

    def test_no_grace(self) -> None:
        """Without grace nothing is waited for."""
        self.start(STUBBORN, 0)
        self.kill()

    def test_many(self) -> None:
        """Each has its own grace, and nobody is forgotten; how many there were is said once all are gone."""
        for _ in range(5):
            self.start(POLITE)
            self.start(STUBBORN, 0.3)
            self.start(GROUP_APART)
        self.assertGreaterEqual(self.kill().count("asked\n"), 5)
        report = self.report()
        self.assertEqual(report.count("\n"), 1)
        format_ = r"[-0-9]{10} [:0-9]{8},[0-9]{3} WARNING\|[0-9]+\|proactor.guardian\|.* ended ([0-9]+) of "
        found = re.match(format_, report)
        assert found is not None
        self.assertGreaterEqual(int(found[1]), 15)

    def test_group_apart(self) -> None:
        """A grandchild with a process group of its own is of the session, and ended; no mark is needed for it."""
        self.start(GROUP_APART, marked=False)
        self.kill()

    def test_orphaned(self) -> None:
        """So is one whose parent has ended."""
        self.start(ORPHANED, marked=False)
        self.kill()

    def test_leader_gone(self) -> None:
        """So is the rest of a session whose leader was killed together with the initiator."""
        pid = self.start(ORPHANED, marked=False)
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)
        os.kill(pid, signal.SIGKILL)
        self.kill()
        self.assertIn(" ended ", self.report())

    def test_session_apart(self) -> None:
        """A grandchild with a session of its own is found by its mark."""
        self.start(SESSION_APART)
        self.kill()

    def test_not_told_of(self) -> None:
        """A process that the guardian was not told of is found by its mark."""
        self.start(POLITE, watched=False, marked=True)
        self.assertEqual(self.kill(), "asked\n")

    def test_killed_while_launching(self) -> None:
        """The initiator can be killed right behind a launch: that process is ended too."""
        self.order("guardians")
        self.send("start_and_die", POLITE)
        self.assertEqual(self.process.wait(), -signal.SIGKILL)
        read_all(self.out)
        self.assertIn(" ended ", self.report())

    def test_killed_while_stopped(self) -> None:
        """A process that is stopped cannot heed SIGTERM; it is ended all the same."""
        pid = self.start(POLITE, 0.2)
        os.kill(pid, signal.SIGSTOP)
        self.kill()

    def test_guardian_killed(self) -> None:
        """A guardian that is killed is started again, and knows all that the first one knew."""
        self.start(GROUP_APART, marked=False)
        first = self.order("guardians")
        os.kill(first, signal.SIGKILL)
        while (second := self.order("guardians")) in (first, None):
            pass
        self.start(POLITE, marked=False)
        self.assertNotEqual(first, second)
        self.assertEqual(self.kill(), "asked\n")
        self.assertIn(f"|{second}|", self.report())

    def test_signals(self) -> None:
        """What is meant for the initiator's group does not reach the guardian, and does not end it."""
        meant = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
        guardian = self.order("guardians")
        while not all(ignored(guardian) >> number - 1 & 1 for number in meant):
            pass
        self.assertEqual(os.getsid(guardian), guardian)
        for number in meant:
            os.kill(guardian, number)
        self.start(POLITE)
        self.assertEqual(self.kill(), "asked\n")
        self.assertIn(f"|{guardian}|", self.report())

    def test_descriptors(self) -> None:
        """The guardian has its pipe and the place to write to, and nothing else of the initiator's."""
        guardian = self.order("guardians")
        while not ignored(guardian) >> signal.SIGTERM - 1 & 1:
            pass
        self.assertEqual(sorted(os.listdir(f"/proc/{guardian}/fd")), ["0", "1", "2"])
        self.assertEqual(Path(f"/proc/{guardian}/environ").read_bytes(), b"")

    def test_stop(self) -> None:
        """A clean stop ends the guardian, and no process of anybody else."""
        self.start(POLITE)
        guardian = self.order("guardians")
        self.assertIsNone(self.order("stop_processes"))
        self.assertEqual(read(self.out), b"asked\n")
        other = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        self.assertIsNone(self.order("stop"))
        self.assertIsNone(Process.look(guardian))
        self.assertIsNone(other.poll())
        self.assertEqual((self.kill(), self.report()), ("", ""))

    def test_stop_with_something_left(self) -> None:
        """What is left of ours by then, in a session of its own, is ended first: asked, and made to a moment later."""
        for script in (SESSION_APART, DEAF_SESSION_APART):
            self.start(script)
        self.assertIsNone(self.order("stop_processes"))
        self.assertIsNone(self.order("stop"))
        self.assertEqual(self.kill(), "")
        self.assertRegex(
            self.report(), r" WARNING\|[0-9]+\|proactor.guardian\|Ended 2 processes that had been left behind\n$"
        )


class ScriptTests(SynchronousTestCase):
    """The guardian's process, told by hand."""

    def session(self, *argv: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a process that leads a session, and says so."""
        code = "import sys; print('ready', flush=True); sys.stdin.read()"
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **environment},
        )
        self.addCleanup(self.end, process)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        with process:
            process.kill()

    def guard(self, *lines: str, argv: Sequence[str] = (guardian_main.__file__,)) -> str:
        """Tell the guardian lines and that the initiator is gone; give what it says in the end."""
        done = subprocess.run(
            [sys.executable, *argv],
            input="".join(lines),
            stderr=subprocess.PIPE,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        return done.stderr

    def start_of(self, process: subprocess.Popen[bytes]) -> int:
        looked = Process.look(process.pid)
        assert looked is not None
        return looked.start

    def test_ends(self) -> None:
        """What it was told of is ended."""
        process = self.session()
        self.assertIn(" ended 1 of ", self.guard(f"+ {process.pid} {self.start_of(process)} 10\n"))
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_made(self) -> None:
        """What will not end is made to, with all its group, when its grace is over."""
        process = subprocess.Popen(["sh", "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True)
        self.addCleanup(self.end, process)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.assertIn(" ended 2 of ", self.guard(f"+ {process.pid} {self.start_of(process)} 0.2\n"))
        self.assertEqual(process.wait(), -signal.SIGKILL)

    def test_other_of_that_number(self) -> None:
        """A process whose start time is another's is another process, and lives, with all its session."""
        process = self.session()
        self.assertEqual(self.guard(f"+ {process.pid} {self.start_of(process) - 1} 0\n"), "")
        self.assertIsNone(process.poll())

    def test_taken_back(self) -> None:
        """What it was told to forget lives, as if it had never heard of it."""
        process = self.session()
        lines = (f"+ {process.pid} {self.start_of(process)} 0\n", f"- {process.pid}\n", f"- {process.pid}\n")
        self.assertEqual(self.guard(*lines), "")
        self.assertIsNone(process.poll())

    def test_told_in_part(self) -> None:
        """What the initiator did not come to write to its end is nothing: half a number is another one."""
        process = self.session()
        self.assertEqual(self.guard(f"+ {process.pid} {self.start_of(process)} 0"), "")
        self.assertIsNone(process.poll())

    def test_mark(self) -> None:
        """The mark is the whole of one variable."""
        mark = uuid4().hex
        for value in (mark[:-1], f"{mark}0", ""):
            process = self.session(OTHER=f"{MARK}={mark}", **{MARK: value})
            self.assertEqual(self.guard(f"= {MARK}={mark} 0\n"), "")
            self.assertIsNone(process.poll())
        process = self.session(**{MARK: mark})
        self.assertIn(" ended 1 of ", self.guard(f"= {MARK}={mark} 10\n"))
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_no_pidfd(self) -> None:
        """A build of Python, or a kernel, that has no pidfd does as well."""
        script = f"import os, runpy; del os.pidfd_open; runpy.run_path({guardian_main.__file__!r}, run_name='__main__')"
        mark = uuid4().hex
        process = self.session(**{MARK: mark})
        self.assertIn(" ended 1 of ", self.guard(f"= {MARK}={mark} 10\n", argv=("-c", script)))
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_before_its_session(self) -> None:
        """A leader that has not come to make its session is ended, and nobody of the session that it is in."""
        process = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(self.end, process)
        self.assertIn(" ended 1 of ", self.guard(f"+ {process.pid} {self.start_of(process)} 10\n"))
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_nothing(self) -> None:
        """With nothing to do it ends without a word; so it does where nothing is left."""
        self.assertEqual(self.guard(), "")
        process = self.session()
        start = self.start_of(process)
        self.end(process)
        self.assertEqual(self.guard(f"+ {process.pid} {start} 10\n"), "")

    def test_no_standard_error(self) -> None:
        """That nobody hears it does not keep it from its work."""
        process = self.session()
        unheard, end = os.pipe()
        os.close(unheard)
        done = subprocess.run(
            [sys.executable, "-I", "-S", guardian_main.__file__],
            input=f"+ {process.pid} {self.start_of(process)} 10\n".encode(),
            stderr=end,
            check=True,
            timeout=PATIENCE,
        )
        os.close(end)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_zombie(self) -> None:
        """A zombie is dead: nothing is waited for."""
        process = self.session()
        start = self.start_of(process)
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.assertEqual(self.guard(f"+ {process.pid} {start} 1000\n"), "")

    def test_odd_name(self) -> None:
        """A program's name can look like the rest of what is told of it."""
        program = Path(self.mktemp())
        program = program.with_name("x) Z 1 (")
        program.symlink_to("/bin/sleep")
        process = subprocess.Popen([program, "1000"], start_new_session=True)
        self.addCleanup(self.end, process)
        while Path(f"/proc/{process.pid}/comm").read_text() != f"{program.name}\n":
            pass
        looked = Process.look(process.pid)
        assert looked is not None
        self.assertEqual((looked.alive, looked.session), (True, process.pid))


class MemoryProcess:
    """The transport of a process that is not there."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.written = b""
        self.signals: list[str] = []
        self.reaped = False
        self.closed = False

    def closeStdin(self) -> None:
        self.closed = True

    def write(self, data: bytes) -> None:
        self.written += data

    def signalProcess(self, name: str) -> None:
        if self.reaped:
            raise ProcessExitedAlready
        self.signals.append(name)


class MemoryReactor(Clock):
    """A clock, and processes that are values.

    :ivar refusal: with what the next starts fail, if it is set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started: list[tuple[Any, MemoryProcess]] = []
        self.argv: Sequence[str] = ()
        self.refusal: OSError | None = None

    def spawnProcess(
        self, protocol: Any, executable: str, argv: Sequence[str], env: Mapping[str, str], childFDs: Mapping[int, Any]
    ) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.argv = argv
        process = MemoryProcess(1000 + len(self.started))
        self.started.append((protocol, process))
        protocol.makeConnection(process)

    @property
    def last(self) -> MemoryProcess:
        return self.started[-1][1]

    def end(self) -> None:
        """Have the last process end."""
        self.started[-1][0].processEnded(Failure(ProcessTerminated(signal=9)))


class GuardianTests(SynchronousTestCase):
    """The initiator's side."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.guardian = Guardian(self.reactor, random=lambda: 0.5)  # type: ignore[arg-type]
        self.pid = os.getpid()
        looked = Process.look(self.pid)
        assert looked is not None
        self.watching = f"+ {self.pid} {looked.start} 2.5\n".encode()
        self.hello = f"= {MARK}={self.guardian.mark[MARK]} 10.0\n".encode()

    def test_told(self) -> None:
        """It tells what it is told, in order, and in full: the mark, processes, and those that there are no more."""
        self.guardian.start()
        self.assertEqual(self.reactor.last.written, self.hello)
        self.guardian.watch(self.pid, 2.5)
        self.guardian.unwatch(self.pid)
        self.assertEqual(self.reactor.last.written, self.hello + self.watching + f"- {self.pid}\n".encode())

    def test_before_start(self) -> None:
        """What it is told before it is started is not lost."""
        self.guardian.watch(self.pid, 2.5)
        self.assertIsNone(self.guardian.pid)
        self.guardian.start()
        self.assertEqual(self.reactor.last.written, self.hello + self.watching)
        self.assertEqual(self.guardian.pid, 1000)

    def test_gone(self) -> None:
        """A process that has gone is nobody's; one that was not watched is no trouble."""
        process = subprocess.Popen(["true"])
        process.wait()
        self.guardian.start()
        self.guardian.watch(process.pid, 1)
        self.guardian.unwatch(process.pid)
        self.assertEqual(self.reactor.last.written, self.hello)

    def test_no_secret_in_arguments(self) -> None:
        """The mark is nobody's business, and each guardian's own."""
        self.guardian.start()
        self.assertNotIn(self.guardian.mark[MARK], " ".join(self.reactor.argv))
        other = Guardian(self.reactor)  # type: ignore[arg-type]
        self.assertNotEqual(self.guardian.mark, other.mark)

    def test_again(self) -> None:
        """When it dies another is started, which is told what is so now; that is logged."""
        self.guardian.start()
        self.guardian.watch(self.pid, 2.5)
        self.guardian.watch(1, 2.5)
        with capturedLogs() as events:
            self.reactor.end()
        self.assertEqual([event["log_level"].name for event in events], ["warn"])
        self.guardian.unwatch(1)
        self.assertIsNone(self.guardian.pid)
        self.reactor.advance(0.05)
        self.assertEqual(len(self.reactor.started), 2)
        self.assertEqual(self.reactor.last.written, self.hello + self.watching)

    def delays(self, count: int) -> list[float]:
        """Give the waits before so many restarts."""
        found = []
        for _ in range(count):
            self.reactor.end()
            (call,) = self.reactor.getDelayedCalls()
            found.append(call.getTime() - self.reactor.seconds())
            self.reactor.advance(found[-1])
        return found

    def test_backoff(self) -> None:
        """One that dies over and over is started ever more seldom; after a good run it is as new."""
        self.guardian.start()
        for expected, found in zip([0.05, 0.1, 0.2, 0.4], self.delays(4), strict=True):
            self.assertAlmostEqual(found, expected)
        self.assertAlmostEqual(max(self.delays(20)), 15)
        self.reactor.advance(60)
        self.assertAlmostEqual(self.delays(1)[0], 0.05)

    def test_no_start(self) -> None:
        """One that cannot be started is tried again."""
        self.reactor.refusal = BlockingIOError(11, "Resource temporarily unavailable")
        with capturedLogs() as events:
            self.guardian.start()
        self.assertIn("Resource temporarily unavailable", events[0]["reason"])
        self.reactor.refusal = None
        self.reactor.advance(0.05)
        self.assertEqual(len(self.reactor.started), 1)

    def test_stop(self) -> None:
        """A stop is over when the process is, and no other is started."""
        self.guardian.start()
        stopped = self.guardian.stop()
        self.assertNoResult(stopped)
        self.assertTrue(self.reactor.last.closed)
        self.assertEqual(self.reactor.last.written, self.hello + b"! 1.0\n")
        self.reactor.end()
        self.successResultOf(stopped)
        self.assertEqual((self.reactor.getDelayedCalls(), self.reactor.last.signals), ([], []))

    def test_stop_in_vain(self) -> None:
        """One that does not come to its end is killed."""
        self.guardian.start()
        stopped = self.guardian.stop()
        self.reactor.advance(10)
        self.assertEqual(self.reactor.last.signals, ["KILL"])
        self.reactor.end()
        self.successResultOf(stopped)

    def test_stop_between(self) -> None:
        """A stop while there is none, or none yet, is over at once."""
        self.successResultOf(self.guardian.stop())
        self.guardian.start()
        self.reactor.end()
        self.successResultOf(self.guardian.stop())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stop_as_it_ends(self) -> None:
        """A stop while it ends by itself waits for that."""
        self.guardian.start()
        self.reactor.last.reaped = True
        stopped = self.guardian.stop()
        self.reactor.advance(10)
        self.reactor.end()
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
