"""What SQLite and the disk may say, in the words of the domain."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from ..errors import StorageFailed, StorageFull

#: Bytes of a disk; with less than these there is no room for anything.
_LITTLE = 64 << 10

_NO_SUCH_FILES = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL})

Kept = StorageFull | StorageFailed | None
"""How a commit ended: ``None`` is well."""


def is_of_one(error: Exception) -> bool:
    """Whether it is for what was to be written, and not for the place where."""
    return not isinstance(error, sqlite3.OperationalError | OSError) or "too big" in str(error)


def is_room(error: Exception, path: Path) -> bool:
    """Whether it is for want of room."""
    # SQLite cannot tell when the journal's index finds none.
    return "disk is full" in str(error) or ("I/O error" in str(error) and _free(path) < _LITTLE)


def _free(path: Path) -> int:
    try:
        found = os.statvfs(path.parent)
    except OSError:
        return _LITTLE
    return found.f_bavail * found.f_frsize


def told(error: Exception, path: Path) -> StorageFull | StorageFailed:
    """What those are told who wanted something kept."""
    if isinstance(error, StorageFull | StorageFailed):
        return error
    if is_room(error, path):
        remedy = "free some and try again: proactor rm frees the logs of jobs"
        return StorageFull(f"there is no room on the disk of {path}: nothing of it was done; {remedy}")
    return StorageFailed(f"{path} cannot be written: {cause(error, path)}; nothing of it was done")


def cause(error: Exception, path: Path) -> str:
    """In a few words, of what could not be written: SQLite says no more of a disk than that it had trouble."""
    if "I/O error" in str(error) or "readonly" in str(error):
        return _refusal(path.parent) or reason(error)
    return reason(error)


def _refusal(folder: Path) -> str | None:
    """What the system says when a file is to be made there: one without a name, of which nothing stays."""
    flags = getattr(os, "O_TMPFILE", None)
    if flags is None:
        return None
    try:
        os.close(os.open(folder, flags | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as refused:
        # Not every file system has such.
        return None if refused.errno in _NO_SUCH_FILES else reason(refused)
    return None


def reason(error: Exception) -> str:
    """In a few words."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
