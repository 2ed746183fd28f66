"""Tests of what becomes of a process that has no memory left."""

from __future__ import annotations

from twisted.logger import LogEvent, LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from proactor.processor.memory import NoMemory


def failed(error: Exception) -> LogEvent:
    """What is logged of an error that nobody caught."""
    return {"log_level": LogLevel.critical, "log_failure": Failure(error)}


class NoMemoryTests(SynchronousTestCase):
    """Want of memory."""

    def setUp(self) -> None:
        self.serves = False
        self.ended = 0
        self.heed = NoMemory(lambda: self.serves, self.end)

    def end(self) -> None:
        self.ended += 1

    def test_before_it_serves(self) -> None:
        """It ends then: it would never come to that."""
        self.heed(failed(MemoryError()))
        self.assertEqual(self.ended, 1)

    def test_while_it_serves(self) -> None:
        """One request that wants too much ends nobody."""
        self.serves = True
        self.heed(failed(MemoryError()))
        self.assertEqual(self.ended, 0)

    def test_others(self) -> None:
        """Other errors, and what is no error, are nothing to it."""
        self.heed(failed(ValueError("no")))
        self.heed({"log_level": LogLevel.critical})
        self.assertEqual(self.ended, 0)
