"""Tests of how a home comes to say where its initiator is reached."""

from __future__ import annotations

import errno
from pathlib import Path
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.home import home as homes
from proactor.home.home import Home
from proactor.home.shown_url import ShownUrl

URL = "http://127.0.0.1:8080"
TRUST = ("localhost", "/etc/ssl/ca.pem")


class ShownUrlTests(SynchronousTestCase):
    """On a test's clock, with a disk that may be full."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.home = Home.open(self.mktemp())
        self.addCleanup(self.home.close)
        self.shown = ShownUrl(self.clock, self.home, URL, TRUST, lambda: 0.5)
        self.tries = 0

    def full(self, path: Path, data: bytes) -> None:
        self.tries += 1
        raise OSError(errno.ENOSPC, "No space left on device")

    def started(self) -> list[str]:
        """What is said while the disk is full; a minute of that."""
        with patch.object(homes, "write_private", self.full), capturedLogs() as events:
            self.shown.start()
            self.clock.pump([0.5] * 120)
        return [formatEvent(event) for event in events]

    def test_room(self) -> None:
        """Where there is room it is told at once, and nothing of it stays to be done."""
        self.shown.start()
        self.assertEqual((self.home.path / "url").read_text(), f"{URL}\n")
        self.assertEqual((self.home.path / "trust").read_text(), "localhost\n/etc/ssl/ca.pem\n")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.shown.stop()

    def test_no_room(self) -> None:
        """Where there is none that is said once, and the rest goes on; it is told when there is room."""
        said = self.started()
        path = self.home.path / "url"
        wanted = f"{path}: No space left on device: until that can be written clients have to be told the URL, "
        self.assertEqual(said, [f"{wanted}as by --url {URL}"])
        self.assertGreater(self.tries, 5)
        self.assertFalse(path.exists())
        with capturedLogs() as events:
            self.clock.advance(10)
        self.assertEqual(path.read_text(), f"{URL}\n")
        said = [formatEvent(event) for event in events]
        self.assertEqual(said, [f"{path} could be written: clients find the URL by the home again"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped(self) -> None:
        """One that stops says nothing more of where it is reached."""
        self.started()
        self.shown.stop()
        self.clock.advance(60)
        self.assertFalse((self.home.path / "url").exists())
