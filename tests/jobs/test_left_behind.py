"""Tests of what processes left behind, with real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from signal import SIGKILL

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.flock import Locks
from proactor.jobs.left_behind import LeftBehind, tell_of_strays
from proactor.launchers.identity import identity_of
from proactor.model import Identity

GUID, OTHER = "a" * 32, "b" * 32
MARK = "PROACTOR_TEST_OF_WHAT_IS_LEFT"

#: It starts one that has its descriptors, one that has its environment alone, and one of a session of its own.
PARENT = """
import os, subprocess, sys, time
sleep = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
held = subprocess.Popen(sleep, close_fds=False, stdin=subprocess.DEVNULL)
bare = subprocess.Popen(sleep, close_fds=True, stdin=subprocess.DEVNULL)
daemon = subprocess.Popen(sleep, close_fds=False, stdin=subprocess.DEVNULL, start_new_session=True)
print(held.pid, bare.pid, daemon.pid, flush=True)
time.sleep(600)
"""


class LeftBehindTests(SynchronousTestCase):
    """The rest of a group ends."""

    skip = None if sys.platform.startswith("linux") else "it takes Linux"

    def setUp(self) -> None:
        self.locks = Locks(Path(self.mktemp()) / "locks")
        self.mark = os.urandom(8).hex()
        self.left_behind = LeftBehind(self.locks, lambda: [f"{MARK}={self.mark}"])

    def start(self, guid: str = GUID, mark: str | None = None) -> tuple[Identity, list[int]]:
        """Start a processor, and those that it starts; it is killed."""
        lock = self.locks.take(guid)
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", PARENT],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            pass_fds=[lock],
            env={MARK: self.mark if mark is None else mark},
        )
        os.close(lock)
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        for pid in pids:
            self.addCleanup(self.kill, pid)
        identity = identity_of(process.pid)
        assert identity is not None
        with process:
            process.kill()
        return identity, pids

    def kill(self, pid: int) -> None:
        if self.lives(pid):
            os.kill(pid, SIGKILL)

    def lives(self, pid: int) -> bool:
        found = Path(f"/proc/{pid}/stat")
        try:
            return found.read_text().rpartition(")")[2].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def left(self, pids: list[int], count: int) -> list[bool]:
        """Which of them live, when no more than so many do: one that is killed ends a little later."""
        while sum(map(self.lives, pids)) > count:
            pass
        return [self.lives(pid) for pid in pids]

    def test_of_one_that_is_known(self) -> None:
        """What it started ends, whatever that has open; what has made a session of its own is left alone."""
        identity, pids = self.start()
        with capturedLogs() as events:
            self.assertEqual(self.left_behind.end({GUID: identity}), 2)
        self.assertEqual(self.left(pids, 1), [False, False, True])
        self.assertEqual([event["count"] for event in events], [2])
        self.assertEqual(self.left_behind.end({GUID: identity}), 0)

    def test_of_one_that_nobody_knows(self) -> None:
        """Of one that was launched and not told of that is found which has its lock."""
        _, pids = self.start()
        self.assertEqual(self.left_behind.end({GUID: None}), 1)
        self.assertEqual(self.left(pids, 2), [False, True, True])

    def test_about_to_begin(self) -> None:
        """One that had not come to make its session yet when its initiator was killed ends: another takes its place."""
        lock = self.locks.take(GUID)
        process = subprocess.Popen(["sleep", "600"], pass_fds=[lock])
        os.close(lock)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(self.left_behind.end({GUID: None}), 1)
        self.assertEqual(process.wait(), -SIGKILL)

    def test_of_others(self) -> None:
        """What another's process left, or one that is none of ours, is left alone."""
        _, others = self.start(OTHER)
        stranger, strangers = self.start(mark="another")
        self.locks.path(GUID).unlink()
        self.assertEqual(self.left_behind.end({GUID: stranger}), 0)
        self.assertEqual(self.left([*others, *strangers], 6), [True] * 6)

    def test_number_of_another(self) -> None:
        """Where somebody else has its number by now, the group of that number is theirs."""
        identity = identity_of(os.getpid())
        assert identity is not None
        earlier = Identity(os.getsid(0), identity.start - 1, identity.boot)
        self.assertEqual(self.left_behind.end({GUID: earlier}), 0)

    def test_nothing(self) -> None:
        """Where nothing is left nothing is said."""
        with capturedLogs() as events:
            self.assertEqual(self.left_behind.end({GUID: Identity(1 << 22, 1, "")}), 0)
        self.assertEqual(events, [])


class StrayTests(SynchronousTestCase):
    """Processes of what is no job."""

    skip = None if sys.platform.startswith("linux") else "it takes Linux"

    def setUp(self) -> None:
        self.locks = Locks(Path(self.mktemp()) / "locks")

    def told(self, *known: str) -> list[str]:
        with capturedLogs() as events:
            tell_of_strays(self.locks, known)
        return [str(formatEvent(event)) for event in events]

    def test_told(self) -> None:
        """It is said which process it is, and how to end it; that of a job, and a lock of nobody, are no matter."""
        os.close(self.locks.take(OTHER))
        lock = self.locks.take(GUID)
        process = subprocess.Popen(["sleep", "600"], pass_fds=[lock], start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.close(lock)
        (said,) = self.told()
        self.assertIn(f"Process {process.pid} lives, of {GUID}, which is no job", said)
        self.assertTrue(said.endswith(f"end it: kill {process.pid}"), said)
        self.assertFalse(self.locks.path(OTHER).exists())
        self.assertEqual(self.told(GUID), [])

    def test_not_seen(self) -> None:
        """One that is not seen is told of with what may find it."""
        lock = self.locks.take(GUID)
        self.addCleanup(os.close, lock)
        (said,) = self.told()
        self.assertIn(f"(fuser {self.locks.path(GUID)}) lives, of {GUID}", said)
