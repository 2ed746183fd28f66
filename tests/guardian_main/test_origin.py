from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proactor.guardian_main import origin


class OriginTests(SynchronousTestCase):
    """Where a live file begins."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()
        self.folder = str(self.home / "log.old")
        self.live = self.home / "log"

    def test_none(self) -> None:
        """Of a log that was never emptied nothing is noted; what cannot be understood is nothing, too."""
        self.assertIsNone(origin.read(self.folder, 5))
        os.mkdir(self.folder)
        (self.home / "log.old" / ".origin").write_bytes(b"5 6\n")
        self.assertIsNone(origin.read(self.folder, 5))
        self.assertIsNone(origin.read(str(self.live), 5))

    def test_about_to_be_emptied(self) -> None:
        """By the size of the file it is seen whether it has been emptied."""
        origin.write(self.folder, 100, 150)
        for size, found in [(0, 150), (49, 150), (50, 100), (90, 100)]:
            self.assertEqual(origin.read(self.folder, size), found)
        self.assertEqual(os.stat(self.folder).st_mode & 0o777, 0o700)
        self.assertEqual([path.stat().st_mode & 0o777 for path in Path(self.folder).iterdir()], [0o600])

    def test_emptied(self) -> None:
        """Each time that it is emptied what was in it is counted."""
        for written in (b"12345", b"678"):
            self.live.write_bytes(written)
            with self.live.open("r+b") as file:
                origin.empty(file.fileno(), self.folder)
        for size in (0, 1000):
            self.assertEqual(origin.read(self.folder, size), 8)
        self.assertEqual(self.live.read_bytes(), b"")

    def test_cannot_be_noted(self) -> None:
        """Where that cannot be noted it is emptied all the same: the disk may be full of it."""
        self.live.write_bytes(b"12345")
        with self.live.open("r+b") as file:
            self.assertRaises(NotADirectoryError, origin.empty, file.fileno(), str(self.live))
        self.assertEqual(self.live.read_bytes(), b"")
