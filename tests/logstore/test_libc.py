from __future__ import annotations

import errno
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proactor.guardian_main import libc

from .support import LogCase


class PunchTests(LogCase):
    """Holes in files."""

    def test_punched(self) -> None:
        """A range reads as NUL, whatever its bounds, what is around it stays, and the disk has its blocks back."""
        self.needs_holes()
        self.write(b"x" * 100_000)
        with self.files.open_live(os.O_RDWR) as fd:
            libc.punch(fd, 100, 90_000)
            self.assertEqual(os.fstat(fd).st_size, 100_000)
            self.assertTrue(os.fstat(fd).st_blocks * 512 <= 32 << 10)
        expected = b"x" * 100 + bytes(90_000) + b"x" * 9900
        self.assertEqual(self.files.live.read_bytes(), expected)

    def test_refused(self) -> None:
        """What goes wrong is an OSError with its reason."""
        with self.files.open_live() as fd:
            error = self.assertRaises(OSError, libc.punch, fd, 0, 100)
        self.assertEqual(error.errno, errno.EBADF)


class MissingTests(SynchronousTestCase):
    """Systems that lack these calls."""

    def test_no_function(self) -> None:
        """A call that there is not is one that is not supported."""
        error = self.assertRaises(OSError, libc._function, "no_such_function_anywhere")
        self.assertIn(error.errno, libc.NO_PUNCHING)

    def test_no_folder(self) -> None:
        """A folder that is not there cannot be watched."""
        fd = libc.inotify_init()
        self.addCleanup(os.close, fd)
        error = self.assertRaises(OSError, libc.inotify_add_watch, fd, str(Path("not", "there")), libc.IN_MODIFY)
        self.assertEqual(error.errno, errno.ENOENT)
