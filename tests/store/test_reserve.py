"""Tests of the room that is kept back."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from proactor.store.reserve import Reserve


class ReserveTests(SynchronousTestCase):
    """A file that holds nothing."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "reserve"
        self.reserve = Reserve(self.path)

    def disk(self, free: int) -> None:
        """Have so many bytes free."""
        self.patch(os, "statvfs", lambda _: SimpleNamespace(f_bavail=free // 4096, f_frsize=4096))

    def test_given(self) -> None:
        """It takes room, is nobody else's to read, and is given up once; with room again it is there again."""
        self.disk(1 << 30)
        for _ in range(2):
            self.reserve.fill()
            found = self.path.stat()
            self.assertEqual((found.st_size, found.st_mode & 0o777), (4 << 20, 0o600))
            self.assertGreaterEqual(found.st_blocks * 512, 4 << 20)
            self.assertEqual((self.reserve.give(), self.path.exists()), (True, False))
            self.assertFalse(self.reserve.give())

    def test_part(self) -> None:
        """It takes an eighth of what is free, and nothing of a disk that is as good as full."""
        self.disk(8 << 20)
        self.reserve.fill()
        self.assertEqual(self.path.stat().st_size, 1 << 20)
        self.reserve.give()
        self.disk(1 << 20)
        self.reserve.fill()
        self.assertFalse(self.path.exists())

    def test_of_before(self) -> None:
        """The next initiator has the one that there is."""
        self.path.write_bytes(b"")
        again = Reserve(self.path)
        again.fill()
        self.assertEqual((self.path.stat().st_size, again.give()), (0, True))

    def test_not_to_be_had(self) -> None:
        """Where it finds no room after all, or may not be made, there is none, and nobody minds."""

        def full(*_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.disk(1 << 30)
        self.patch(os, "posix_fallocate", full)
        self.reserve.fill()
        self.assertEqual((self.path.exists(), self.reserve.give()), (False, False))
        Reserve(self.path / "nowhere").fill()

    def test_gone(self) -> None:
        """One that somebody removed is as good as given."""
        self.disk(1 << 30)
        self.reserve.fill()
        self.path.unlink()
        self.assertTrue(self.reserve.give())
