"""Tests of seeing that a file has changed."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.reactor.file_watch import INTERVAL, FileWatch


class FileWatchTests(SynchronousTestCase):
    """A file that is written, replaced, removed."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.path = Path(self.mktemp())
        self.path.write_text("one")
        self.told = 0
        self.watch = FileWatch(self.clock, self.path, self.tell)
        self.watch.start()

    def tell(self) -> None:
        self.told += 1

    def ticks(self, count: int) -> int:
        """How often it was told in so many looks."""
        before = self.told
        self.clock.pump([INTERVAL] * count)
        return self.told - before

    def test_unchanged(self) -> None:
        """As long as it stays as it is, nothing is told."""
        self.assertEqual(self.ticks(5), 0)

    def test_written(self) -> None:
        """A change is told once, one look after it was seen."""
        self.path.write_text("two!")
        self.assertEqual(self.ticks(1), 0)
        self.assertEqual(self.ticks(1), 1)
        self.assertEqual(self.ticks(5), 0)

    def test_being_written(self) -> None:
        """As long as it goes on changing, nothing is told."""
        for number in range(5):
            self.path.write_text("x" * (10 + number))
            self.assertEqual(self.ticks(1), 0)
        self.assertEqual(self.ticks(1), 1)

    def test_replaced(self) -> None:
        """A file that takes its place is a change, be it of the same size."""
        other = Path(self.mktemp())
        other.write_text("two")
        os.replace(other, self.path)
        self.assertEqual(self.ticks(2), 1)

    def test_gone_for_a_while(self) -> None:
        """Without a file there is nothing to read; when it is back as another, it is told."""
        self.path.unlink()
        self.assertEqual(self.ticks(3), 0)
        self.path.write_text("three")
        self.assertEqual(self.ticks(2), 1)

    def test_stop(self) -> None:
        """Stopped, it looks no more."""
        self.watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
