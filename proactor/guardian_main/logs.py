"""Logs that take too much of the disk, cut at their beginnings.

The initiator keeps logs within their limits as it should be, by moving what is too much to older files. This is for
when it does not come to that, because it is busy, stopped or gone: what a log's live file takes is looked at whenever
it grows, and of what passes by its limit the newest half stays. The rest is given back to the disk as a hole: the file
does not become shorter, and its process goes on writing.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress

from . import libc, origin
from .report import report

__all__ = ["Logs"]

FASTEST = 2 << 30
"""Bytes in a second that a process is taken to write at most."""
SHORTEST, LONGEST = 0.001, 0.02
"""Seconds between two looks at logs that grow."""
BLIND = 0.5
"""The same where it is not known which of them do."""

_EVENTS = 64 << 10
_ROUNDS = 8
_GUID = re.compile(r"[0-9a-f]{32}")
_GROWN = re.compile(rb"([0-9a-f]{32})\.log\0")
_OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Logs:
    """The logs of one home, in ``HOME/logs/GUID.log``.

    :param home: the home folder.
    """

    def __init__(self, home: str) -> None:
        self._path = os.path.join(home, "logs")
        self._folder = -1
        self._events = -1
        self._most: dict[str, int] = {}
        self._complained = False

    def obey(self, word: str, words: Sequence[str]) -> None:
        """Take note of what a line tells, if it is of a log.

        :raises ValueError: it is no such line; so does an ``IndexError``.
        """
        if word == "cut":
            guid, most = words[0], int(words[1])
            if not _GUID.fullmatch(guid):
                raise ValueError(guid)
            self._watch()
            self._most[guid] = most
            self._look(guid, False)
        elif word == "uncut":
            self._most.pop(words[0], None)

    def fileno(self) -> int:
        """The descriptor that can be read when one has grown; negative: it is not known which do."""
        return self._events

    @property
    def any(self) -> bool:
        """Whether there is one to be looked at."""
        return bool(self._most)

    def look(self, alone: bool) -> float:
        """Look at those that have grown; gives the seconds for which it is not worth looking again.

        :param alone: there is no initiator: a file in which no hole can be made is emptied.
        """
        if self._events < 0:
            self._look_at_all(alone)
            return BLIND
        with suppress(BlockingIOError):
            data = os.read(self._events, _EVENTS)
            if libc.OVERFLOW in data:
                return self._look_at_all(alone)
            grown = {name.decode("ascii") for name in _GROWN.findall(data)}
            return min((self._look(guid, alone) for guid in grown if guid in self._most), default=SHORTEST)
        return SHORTEST

    def close(self) -> None:
        """Look at none any more."""
        for file in (self._folder, self._events):
            if file >= 0:
                os.close(file)
        self._folder = self._events = -1
        self._most.clear()

    def _watch(self) -> None:
        """Open the folder, and have it told what grows there; the folder may be there later than we are."""
        if self._folder >= 0:
            return
        try:
            self._folder = os.open(self._path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            self._events = libc.inotify_init()
            libc.inotify_add_watch(self._events, self._path, libc.IN_MODIFY)
        except OSError as error:
            self._complain(error)
            if self._events >= 0:
                os.close(self._events)
                self._events = -1

    def _look_at_all(self, alone: bool) -> float:
        return min((self._look(guid, alone) for guid in self._most), default=SHORTEST)

    def _look(self, guid: str, alone: bool) -> float:
        """Look at one, and cut it if it takes too much; gives for how long it cannot do so now."""
        most = self._most[guid]
        try:
            taken = os.stat(f"{guid}.log", dir_fd=self._folder, follow_symlinks=False).st_blocks * 512
            if taken > most:
                self._shorten(guid, most, alone)
                return 0.0
        except FileNotFoundError:
            return LONGEST
        except OSError as error:
            self._complain(error)
            return LONGEST
        return min(max(SHORTEST, (most - taken) / FASTEST), LONGEST)

    def _shorten(self, guid: str, most: int, alone: bool) -> None:
        file = os.open(f"{guid}.log", _OPEN, dir_fd=self._folder)
        try:
            # Of one that is written to fast there is too much again by the time that a hole is made; others wait, too.
            for _ in range(_ROUNDS):
                if not _cut(file, most):
                    break
        except OSError as error:
            if error.errno not in libc.NO_PUNCHING:
                raise
            if alone:
                origin.empty(file, os.path.join(self._path, f"{guid}.old"))
        finally:
            os.close(file)

    def _complain(self, error: OSError) -> None:
        """Say it once: what goes wrong with one log goes wrong with all, and again and again."""
        if not self._complained:
            self._complained = True
            report("WARNING", f"{self._path}: logs are kept within their limits by the initiator alone: {error}")


def _cut(file: int, most: int) -> bool:
    """Give back what is older than the newest half; tells whether there was something to give.

    :raises OSError: it cannot be given.
    """
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_blocks * 512 <= most:
        return False
    # Of a block of which a part is given back nothing is, and that part reads as NUL.
    block = max(found.st_blksize, os.sysconf("SC_PAGE_SIZE"))
    end = (found.st_size - most // 2) // block * block
    if end <= 0:
        return False
    # Much of it may be a hole already. To ask where that ends would be to wait for the writer once more.
    libc.punch(file, 0, end)
    return True
