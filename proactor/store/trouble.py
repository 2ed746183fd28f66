"""What SQLite and the disk may say, in the words of the domain."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from ..errors import StorageFailed, StorageFull

#: Bytes of a disk; with less than these there is no room for anything.
_LITTLE = 64 << 10

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
        return StorageFull(f"there is no room on the disk of {path}: nothing of it was done; free some and try again")
    return StorageFailed(f"{path} cannot be written: {reason(error)}; nothing of it was done")


def reason(error: Exception) -> str:
    """In a few words."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
