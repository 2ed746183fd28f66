"""Tests of what is said of the end of a process, as values."""

from __future__ import annotations

import signal

from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.ending import DUMP_LINES, LAST_LINES, End, Ending
from proactor.model import Exit

BY_ITSELF = Exit(0, None, "exited with status 0")
TERMINATED = Exit(None, signal.SIGTERM, "ended by SIGTERM")
KILLED = Exit(None, signal.SIGKILL, "ended by SIGKILL")
UNKNOWN = Exit(None, None, "ended; its status cannot be known")


def lines(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


class EndingTests(SynchronousTestCase):
    """One end, from when somebody wants it."""

    def setUp(self) -> None:
        self.ending = Ending()

    def came(self, exit_: Exit, now: float = 100.0) -> End:
        return self.ending.came(exit_, now, lines)

    def test_by_itself(self) -> None:
        """Of one that nobody wanted to end it is said how it did, with the last lines; a status of 0 is no failure."""
        end = self.came(BY_ITSELF)
        self.assertEqual((end.exit.reason, len(end.exit.lines)), ("exited with status 0", LAST_LINES))
        self.assertEqual((end.failed, end.in_trouble, end.killed), (False, False, None))
        self.assertTrue(self.came(TERMINATED).failed)
        self.assertTrue(self.came(Exit(3, None, "exited with status 3")).failed)
        self.assertTrue(self.came(UNKNOWN).failed)

    def test_in_trouble(self) -> None:
        """To be made to end is a failure whatever the process says; why comes first, and more lines are kept."""
        self.ending.trouble = "silent for 30 s"
        end = self.came(BY_ITSELF)
        self.assertEqual(end.exit.reason, "silent for 30 s; exited with status 0")
        self.assertEqual((end.failed, end.in_trouble, len(end.exit.lines)), (True, True, DUMP_LINES))

    def test_killed(self) -> None:
        """One that was asked to end, and did not in its time, is said to have been killed."""
        self.ending.asked(100.0, 5.0)
        why = "did not end within stop_timeout = 5 s of SIGTERM"
        for exit_ in (KILLED, UNKNOWN):
            self.assertEqual(self.came(exit_, 105.0).killed, why)
        self.assertEqual(self.came(KILLED, 105.0).exit.reason, f"{why}; ended by SIGKILL")

    def test_not_killed(self) -> None:
        """Who ends in time, or by itself, or of another signal, was not."""
        self.assertIsNone(self.came(KILLED).killed)
        self.ending.asked(100.0, 5.0)
        self.assertIsNone(self.came(KILLED, 104.9).killed)
        self.assertIsNone(self.came(TERMINATED, 105.0).killed)
        self.assertIsNone(self.came(BY_ITSELF, 105.0).killed)

    def test_asked_again(self) -> None:
        """Who asks again gives it no more time."""
        self.ending.asked(100.0, 5.0)
        self.ending.asked(104.0, 60.0)
        self.assertEqual(self.came(KILLED, 106.0).killed, "did not end within stop_timeout = 5 s of SIGTERM")
