"""Standard output and standard error as files that may be full, closed, or read by nobody any more."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, Literal, TextIO

from .ends import UNREAD, UNWRITABLE, End
from .output import Output

__all__ = ["Unwritable", "guard", "told"]

_STDOUT, _STDERR = 1, 2


class Unwritable(Exception):
    """Standard output takes no more.

    :param number: an ``errno``: why.
    """

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.number = number


class _Results(io.FileIO):
    """Standard output; its errors are told apart from those of other files."""

    def write(self, data: Any, /) -> int:
        """Write it.

        :raises Unwritable: it cannot be.
        """
        try:
            return super().write(data)
        except OSError as error:
            raise Unwritable(error.errno or errno.EIO) from error


class _Talk(io.FileIO):
    """Standard error: where it cannot be written there is no place to say so, and what is done goes on."""

    def write(self, data: Any, /) -> int:
        """Write it, if that can be."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


def guard() -> None:
    """Have errors of standard output known as such.

    :raises Unwritable: there is none at all; nothing was done yet.
    """
    # What is closed is opened on nothing: else the next file or socket would have its number.
    if sys.stdin is None:
        sys.stdin = _nothing("r")
    is_closed = sys.stdout is None
    if is_closed:
        sys.stdout = _nothing("w")
    if sys.stderr is None:
        sys.stderr = _nothing("w")
    if is_closed:
        raise Unwritable(errno.EBADF)
    sys.stdout = _over(_Results(_STDOUT, "w", closefd=False), sys.stdout)
    sys.stderr = _over(_Talk(_STDERR, "w", closefd=False), sys.stderr)


def _nothing(mode: Literal["r", "w"]) -> TextIO:
    return open(os.devnull, mode, encoding="utf-8")


def _over(raw: io.FileIO, before: Any) -> io.TextIOWrapper:
    """A text file that is as the one before but for what it writes to."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw), before.encoding, before.errors, line_buffering=before.line_buffering
    )


def told(error: Unwritable) -> int:
    """Tell of it; gives the exit code. Whoever closed a pipe early has seen enough, and is told nothing."""
    # What is left in buffers would fail once more at the end of Python.
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, _STDOUT)
    if nothing != _STDOUT:
        os.close(nothing)
    if error.number == errno.EPIPE:
        return UNREAD
    what = "it is closed" if error.number == errno.EBADF else str(error)
    hint = "what was asked for may have been done" if error.number != errno.EBADF else "nothing was done"
    out = Output(json="--json" in sys.argv)
    out.ended(End(UNWRITABLE, "Cannot write", f"standard output cannot be written: {what}", hint))
    return UNWRITABLE
