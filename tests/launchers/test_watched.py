from __future__ import annotations

import builtins
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from proactor.interfaces import Handle
from proactor.launchers import identity as identity_module
from proactor.launchers import watched as watched_module
from proactor.launchers.grip import Numbered, Pinned, grip
from proactor.launchers.identity import alive, identity_of, is_same
from proactor.launchers.local import Processes
from proactor.launchers.watched import UNKNOWN, Watched, ended_by, exited
from proactor.model import Exit, Identity

from .suite import GUID, Launched

SLEEPS = (sys.executable, "-I", "-S", "-c", "print(flush=True); import time; time.sleep(600)")
#: Starts one of its group, says its number, and ends.
LEAVES_ONE = ("sh", "-c", "sleep 600 & echo $!")
#: Nobody's: past what Linux gives to processes.
NO_PID = 1 << 23


def start(test: SynchronousTestCase, argv: tuple[str, ...] = SLEEPS, session: bool = True) -> subprocess.Popen[bytes]:
    """A child that Twisted does not know of, up and running."""
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=session)

    def end() -> None:
        child.kill()
        child.wait()

    test.addCleanup(end)
    assert child.stdout is not None
    test.addCleanup(child.stdout.close)
    return child


def known(pid: int) -> Identity:
    found = identity_of(pid)
    assert found is not None
    return found


def is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


class IdentityTests(SynchronousTestCase):
    """Which process it is."""

    def test_ours(self) -> None:
        """A process has a start time and a boot, the same whenever it is asked for, and lives."""
        mine = known(os.getpid())
        self.assertEqual((mine, is_same(mine), alive(mine)), (known(os.getpid()), True, True))
        self.assertEqual(mine.boot, Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        self.assertTrue(mine.start > 0)

    def test_others(self) -> None:
        """Another start or another boot is another process, and where the boot is not known nothing is."""
        mine = known(os.getpid())
        for other in (evolve(mine, start=mine.start + 1), evolve(mine, boot="b"), evolve(mine, boot="")):
            self.assertEqual((is_same(other), alive(other)), (False, False))

    def test_nobody(self) -> None:
        """A number that no process has."""
        self.assertEqual((identity_of(NO_PID), alive(Identity(NO_PID, 1, "b"))), (None, False))

    def test_zombie(self) -> None:
        """A zombie is there, and dead."""
        child = start(self, ("true",))
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        found = known(child.pid)
        self.assertEqual((is_same(found), alive(found)), (True, False))

    def test_odd_name(self) -> None:
        """The name of a process can look like anything."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        program = folder / ") Z 1 (x"
        program.symlink_to(sys.executable)
        child = start(self, (str(program), *SLEEPS[1:]))
        assert child.stdout is not None
        child.stdout.readline()
        self.assertTrue(alive(known(child.pid)))

    def test_cannot_be_told(self) -> None:
        """Where it cannot be looked at, nobody is said to be dead."""

        def refuse(*_: Any, **__: Any) -> Any:
            raise OSError(errno.EMFILE, "Too many open files")

        mine = known(os.getpid())
        self.patch(builtins, "open", refuse)
        self.assertRaises(OSError, alive, mine)

    def test_elsewhere(self) -> None:
        """Without /proc a process is its number, and none is known to live on."""
        self.patch(identity_module, "_boot", str)
        self.patch(identity_module, "_stat", lambda _: None)
        found = known(os.getpid())
        self.assertEqual((found, is_same(found), alive(found)), (Identity(os.getpid(), 0, ""), True, False))
        self.assertIsNone(identity_of(NO_PID))
        self.patch(os, "kill", _not_permitted)
        self.assertEqual(identity_of(1), Identity(1, 0, ""))

    def test_no_boot(self) -> None:
        """Where the kernel does not tell its boot there is none."""
        identity_module._boot.cache_clear()
        self.addCleanup(identity_module._boot.cache_clear)
        self.patch(builtins, "open", _not_permitted)
        self.assertEqual(identity_module._boot(), "")


def _not_permitted(*_: Any, **__: Any) -> Any:
    raise PermissionError


class GripTests(SynchronousTestCase):
    """Signals reach the process that is meant, and no other."""

    def setUp(self) -> None:
        self.child = start(self)
        assert self.child.stdout is not None
        self.child.stdout.readline()
        self.identity = known(self.child.pid)

    def grip(self) -> Any:
        found = grip(self.identity)
        assert found is not None
        self.addCleanup(found.close)
        return found

    def without_pidfd(self) -> None:
        self.patch(os, "pidfd_open", _not_permitted)

    def old_kernel(self) -> None:
        """Before Linux 6.9 there are no flags."""
        send = signal.pidfd_send_signal

        def refuse(fd: int, number: int, info: None = None, flags: int = 0) -> None:
            if flags:
                raise OSError(errno.EINVAL, "Invalid argument")
            send(fd, number)

        self.patch(signal, "pidfd_send_signal", refuse)

    def signalled(self) -> None:
        found = self.grip()
        found.signal(signal.SIGUSR1)
        self.assertEqual(self.child.wait(), -signal.SIGUSR1)
        self.assertRaises(ProcessLookupError, found.signal, signal.SIGUSR1)
        self.assertRaises(ProcessLookupError, found.signal_group, signal.SIGUSR1)

    def test_signal(self) -> None:
        """One that lives gets it; one that is no more does not."""
        self.signalled()

    def test_signal_without(self) -> None:
        """So it is without pidfd_open(2)."""
        self.without_pidfd()
        self.assertIsNone(self.grip().fd)
        self.signalled()

    def test_signal_old_kernel(self) -> None:
        """So it is with one that knows no groups."""
        self.old_kernel()
        self.signalled()

    def group(self) -> None:
        """What a leader left behind is reached when that is no more."""
        leader = start(self, LEAVES_ONE)
        assert leader.stdout is not None
        left = int(leader.stdout.readline())
        found = grip(known(leader.pid))
        assert found is not None
        leader.wait()
        found.signal_group(signal.SIGKILL)
        while not is_dead(left):
            pass
        found.close()

    def test_group(self) -> None:
        """By its pidfd."""
        self.group()

    def test_group_without(self) -> None:
        """By its number."""
        self.without_pidfd()
        self.group()

    def test_group_old_kernel(self) -> None:
        """By its number, where the kernel knows no groups."""
        self.old_kernel()
        self.group()

    def test_no_group(self) -> None:
        """One that leads none."""
        child = start(self, session=False)
        found = grip(known(child.pid))
        assert found is not None
        self.addCleanup(found.close)
        self.assertRaises(ProcessLookupError, found.signal_group, signal.SIGKILL)
        self.assertIsNone(child.poll())

    def test_stranger(self) -> None:
        """One that only has the number is neither gripped nor signalled."""
        old = evolve(self.identity, start=self.identity.start - 1)
        self.assertIsNone(grip(old))
        for send in (Numbered(old).signal, Numbered(old).signal_group):
            self.assertRaises(ProcessLookupError, send, signal.SIGKILL)
        self.assertIsNone(self.child.poll())

    def test_descriptors(self) -> None:
        """None is left open."""
        before = os.listdir("/proc/self/fd")
        found = grip(self.identity)
        assert isinstance(found, Pinned)
        found.close()
        grip(evolve(self.identity, start=1))
        self.assertEqual(os.listdir("/proc/self/fd"), before)


class WatchedTests(TestCase):
    """Processes that the reactor did not start: children of ours all the same, as those of a fork server are."""

    timeout = 60

    def setUp(self) -> None:
        self.processes = Processes(cast(Any, reactor))

    def launched(self, *argv: str, guid: str = GUID) -> Launched:
        child = start(self, argv or SLEEPS)
        # As after a fork server: nobody else waits for it.
        child.returncode = 0
        launched = Launched(Handle(guid, 1, known(child.pid)))
        self.processes.launched(launched.handle, launched.end)
        return launched

    async def test_status(self) -> None:
        """How a child ended is known, and it is reaped."""
        for code in ("0", "3"):
            launched = self.launched("sh", "-c", f"exit {code}")
            self.assertEqual(await launched.ended, exited(int(code)))
            self.assertIsNone(identity_of(launched.handle.pid))
            self.assertFalse(self.processes.knows(launched.handle.pid))

    async def test_killed(self) -> None:
        """So is the signal that ended it."""
        launched = self.launched()
        self.assertTrue(self.processes.knows(launched.handle.pid))
        self.processes.signal(launched.handle, signal.SIGKILL)
        self.assertEqual(await launched.ended, Exit(None, signal.SIGKILL, "ended by SIGKILL"))

    async def test_group_ends(self) -> None:
        """What it started ends with it."""
        child = start(self, LEAVES_ONE)
        assert child.stdout is not None
        left = int(child.stdout.readline())
        child.returncode = 0
        launched = Launched(Handle(GUID, 1, known(child.pid)))
        self.processes.launched(launched.handle, launched.end)
        await launched.ended
        while not is_dead(left):
            await deferLater(cast(Any, reactor), 0.01)

    async def test_over_already(self) -> None:
        """One that was reaped by somebody else before it was taken up has ended, nobody knows how."""
        launched = Launched(Handle(GUID, 1, Identity(NO_PID, 1, "b")))
        self.processes.launched(launched.handle, launched.end)
        self.assertEqual(launched.exits, [UNKNOWN])

    async def test_not_ours(self) -> None:
        """Of one that is not our child the end is known, and not how."""
        parent = start(self, ("sh", "-c", "(setsid sh -c 'echo $$; exec sleep 600') & sleep 600"))
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        launched = Launched(Handle(GUID, 1, known(pid)))
        self.assertTrue(self.processes.adopt(launched.handle, launched.end))
        await self.processes.stop(launched.handle, 60)
        self.assertEqual(launched.exits, [UNKNOWN])

    async def test_all_at_once(self) -> None:
        """Many that end at the same moment are each told of, and over when that is done."""
        all_ = [self.launched(guid=f"{number:032x}") for number in range(20)]
        stops = [self.processes.stop(each.handle, 0) for each in all_]
        for each, stop in zip(all_, stops, strict=True):
            await stop
            self.assertEqual(len(each.exits), 1)

    async def test_failing_listener(self) -> None:
        """What is raised by who is told does not hold up who waits for the end."""
        child = start(self)
        child.returncode = 0
        handle = Handle(GUID, 1, known(child.pid))

        def fail(_: Exit) -> None:
            raise ZeroDivisionError

        self.processes.launched(handle, fail)
        await self.processes.stop(handle, 0)
        await deferLater(cast(Any, reactor), 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class PollingTests(SynchronousTestCase):
    """Without a pidfd it is looked at again and again."""

    def test_polled(self) -> None:
        """Until it is dead."""
        clock = Clock()
        told: list[Exit] = []
        child = start(self)
        it = known(child.pid)
        watched = Watched(cast(Any, clock), it, Numbered(it), lambda _, exit_: told.append(exit_))
        watched.watch()
        clock.pump([watched_module.LOOK] * 3)
        self.assertEqual((told, watched.is_over), ([], False))
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        clock.advance(watched_module.LOOK)
        self.assertEqual(told, [ended_by(signal.SIGKILL)])
        self.assertFalse(watched.signal(signal.SIGTERM))
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_names(self) -> None:
        """An end by a signal without a name has its number."""
        self.assertEqual(ended_by(40).reason, "ended by signal 40")
