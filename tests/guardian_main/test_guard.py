from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from proactor.guardian_main import guard as module
from proactor.guardian_main.guard import Guard
from proactor.guardian_main.processes import Process


def process(pid: int, start: int, session: int | None = None, state: str = "S") -> Process:
    """A process that is a value."""
    fields = [state, "1", str(pid), str(pid if session is None else session), *["0"] * 15, str(start)]
    return Process(pid, f"{pid} (name) {' '.join(fields)}".encode())


class TidyTests(SynchronousTestCase):
    """What is remembered of processes that nobody tells of any more."""

    def setUp(self) -> None:
        self.there: dict[int, Process] = {}
        self.looks = 0
        self.guard = Guard()
        self.guard.obey("watch", ["7", "70", "5"])
        self.patch(module, "processes", self.processes)
        self.patch(Process, "look", self.there.get)

    def processes(self) -> Mapping[int, Process]:
        self.looks += 1
        return dict(self.there)

    def found(self, *processes: Process) -> None:
        """These are all that there are."""
        self.there.clear()
        self.there.update({process.pid: process for process in processes})
        self.guard.tidy()

    def test_told(self) -> None:
        """Those of an initiator that lives are not looked at: it tells when they are no more."""
        self.found()
        self.assertEqual((self.guard.untold, self.looks, self.guard.is_needed()), (0, 0, True))

    def test_lives(self) -> None:
        """One that lives is remembered, and the others are not looked at."""
        self.guard.is_alone()
        self.found(process(7, 70))
        self.assertEqual((self.guard.untold, self.looks, self.guard.is_needed()), (1, 0, True))

    def test_told_again(self) -> None:
        """The next initiator tells of those that it has adopted."""
        self.guard.is_alone()
        self.guard.obey("watch", ["7", "70", "5"])
        self.assertEqual(self.guard.untold, 0)

    def test_gone(self) -> None:
        """One that is gone, or dead, is forgotten: its number may become somebody else's."""
        for left in ((), (process(7, 70, state="Z"),), (process(8, 80, session=7, state="Z"),)):
            self.guard.obey("watch", ["7", "70", "5"])
            self.guard.is_alone()
            self.found(*left)
            self.assertEqual((self.guard.untold, self.guard.is_needed()), (0, False))

    def test_leaves_its_session(self) -> None:
        """As long as somebody is in its session, that is ours."""
        self.guard.is_alone()
        self.found(process(8, 80, session=7))
        self.assertTrue(self.guard.is_needed())
        self.found(process(7, 70, state="Z"), process(8, 80, session=7))
        self.assertTrue(self.guard.is_needed())

    def test_number_taken(self) -> None:
        """A session of somebody who has its number by now is not ours, not even when that one ends."""
        self.guard.is_alone()
        self.found(process(7, 90), process(8, 91, session=7))
        self.assertFalse(self.guard.is_needed())
        self.found(process(8, 91, session=7))
        self.assertFalse(self.guard.is_needed())

    def test_marked(self) -> None:
        """One that was never told of counts too, by its mark."""
        self.guard.obey("unwatch", ["7"])
        self.guard.obey("mark", ["A=1", "10"])
        self.guard.obey("mark", ["B=2", "10"])
        self.assertEqual(sorted(self.guard.marks), ["A=1", "B=2"])
        self.guard.is_alone()
        with patch.object(Process, "is_marked", lambda _, marks: b"B=2" in marks):
            self.found(process(9, 90))
            self.assertTrue(self.guard.is_needed())
            self.found(process(os.getpid(), 90))
            self.assertFalse(self.guard.is_needed())


class ProcessTests(SynchronousTestCase):
    """Processes as they were when looked at."""

    def test_another(self) -> None:
        """A signal does not reach another process that has the number by now."""
        child = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        looked = Process.look(child.pid)
        assert looked is not None
        looked.start -= 1
        self.assertEqual((looked.signal(9), looked.signal_group(9)), (False, False))
        self.assertIsNone(child.poll())

    def test_gone(self) -> None:
        """One that is gone gets none, has no mark, and is not seen."""
        child = subprocess.Popen(["sleep", "1000"])
        looked = Process.look(child.pid)
        child.kill()
        child.wait()
        assert looked is not None
        self.assertEqual((looked.signal(9), looked.signal_group(9), looked.is_marked({b"A=1"})), (False, False, False))
        self.assertIsNone(Process.look(child.pid))
