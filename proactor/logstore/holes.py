"""The beginning of a file that a process writes to, given back to the disk as a hole: its size stays.

That is fallocate(2), ``FALLOC_FL_PUNCH_HOLE``, which not every file system knows. What may be given back, as it is
elsewhere by then or is to be dropped, is known to ``rotation``.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from attrs import define, field

from ..guardian_main import libc

BLOCK = 1 << 20
"""Bytes: no file system deals in larger pieces. Of one of which a part is kept nothing is given back."""

_MUCH = 4 << 20
"""Bytes that are more than what comes while a hole is made, where that is done as fast as it should be."""


@define(eq=False)
class Holes:
    """Those of one file: there is one, which grows from the file's beginning.

    :param punch: gives a range of a file back to the disk.
    :ivar possible: whether there can be any here, as far as that has been found out.
    """

    punch: Callable[[int, int, int], None]
    possible: bool = field(default=True, init=False)
    _given: int = field(default=0, init=False)
    _late: int = field(default=0, init=False)

    def give_back(self, fd: int, position: int) -> None:
        """Give back all that is before a position, where there can be holes.

        :raises OSError: it could not be.
        """
        if not self.possible or position <= self._given:
            return
        # A piece of which a part was given back last time is whole by now.
        start = max(0, self._given - BLOCK)
        try:
            self.punch(fd, start, position - start)
        except OSError as error:
            self.possible = error.errno not in libc.NO_PUNCHING
            raise
        self._given = position

    def are_late(self, fd: int, most: int) -> bool:
        """Whether the file takes more than ``most`` bytes of the disk though one was just made, as it did last time.

        A kernel that writes out what is dirty before it gives it back may be slower than who writes to the file: then
        there is more each time. To empty the file is faster, but what is written at that moment is gone uncounted.
        """
        self._late = self._late + 1 if os.fstat(fd).st_blocks * 512 > max(most, _MUCH) else 0
        return self._late > 1

    def found(self, position: int) -> None:
        """Somebody else has given back all that is before a position."""
        self._given = max(self._given, position)

    def emptied(self) -> None:
        """The file has no bytes any more, and begins anew."""
        self._given = 0
