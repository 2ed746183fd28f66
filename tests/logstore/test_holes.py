"""Tests of the beginnings of files that are given back to the disk."""

from __future__ import annotations

import errno

from twisted.trial.unittest import SynchronousTestCase

from proactor.logstore.holes import BLOCK, Holes


class HolesTests(SynchronousTestCase):
    """Those of one file."""

    def setUp(self) -> None:
        self.punched: list[tuple[int, int]] = []
        self.error: OSError | None = None
        self.holes = Holes(self.punch)

    def punch(self, _fd: int, start: int, length: int) -> None:
        if self.error is not None:
            raise self.error
        self.punched.append((start, length))

    def test_grows(self) -> None:
        """There is one, which grows from the beginning; a piece of which a part was given back is whole by the next."""
        for position in (3 * BLOCK + 5, 4 * BLOCK):
            self.holes.give_back(0, position)
        self.assertEqual(self.punched, [(0, 3 * BLOCK + 5), (2 * BLOCK + 5, 2 * BLOCK - 5)])

    def test_given_back_before(self) -> None:
        """What we or others have given back is not given back again; nothing of a file that begins anew was."""
        self.holes.give_back(0, 100)
        self.holes.give_back(0, 100)
        self.holes.found(BLOCK)
        self.holes.found(50)
        self.holes.give_back(0, BLOCK)
        self.holes.emptied()
        self.holes.give_back(0, 100)
        self.assertEqual(self.punched, [(0, 100), (0, 100)])

    def test_trouble(self) -> None:
        """What could not be given back is tried again with what follows."""
        self.error = OSError(errno.EIO, "Input/output error")
        self.assertRaises(OSError, self.holes.give_back, 0, 100)
        self.error = None
        self.holes.give_back(0, 200)
        self.assertEqual((self.punched, self.holes.possible), ([(0, 200)], True))

    def test_impossible(self) -> None:
        """A file system that knows no holes is asked once."""
        self.error = OSError(errno.EOPNOTSUPP, "Operation not supported")
        self.assertRaises(OSError, self.holes.give_back, 0, 100)
        self.error = None
        self.holes.give_back(0, 200)
        self.assertEqual((self.punched, self.holes.possible), ([], False))
