from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from proactor.guardian_main.processes import Process

from .support import (
    DEAF_SESSION_APART,
    GROUP_APART,
    ORPHANED,
    POLITE,
    SESSION_APART,
    STUBBORN,
    InitiatorCase,
    ignored,
    read,
    read_all,
)


class KilledTests(InitiatorCase):
    """An initiator that is killed with -9, its processes and its guardian."""

    def setUp(self) -> None:
        self.begin()

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
        self.initiator.send("start_and_die", POLITE)
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
        self.assertEqual(sorted(os.listdir(f"/proc/{guardian}/fd")), ["0", "1", "2", "3"])
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
