"""Who has a home, as its lock says; told without trying to take that, which would refuse an initiator that starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["holder"]


def holder(lock: Path) -> int | None:
    """The process that has a lock: who wrote its number into it, lives, and has the file open.

    :raises OSError: it cannot be read.
    """
    pid = _written_in(lock)
    if pid is None:
        return None
    held = str(lock.resolve()) in _open_files(pid) if sys.platform.startswith("linux") else _lives(pid)
    return pid if held else None


def _written_in(lock: Path) -> int | None:
    """The process id that stands in a lock; ``None`` where none does."""
    try:
        with lock.open("rb") as file:
            text = file.read(20).strip()
    except FileNotFoundError:
        return None
    return int(text) if text.isdigit() else None


def _open_files(pid: int) -> Iterator[str]:
    """What a process has open; a file that it closes meanwhile is left out."""
    try:
        entries = [entry.path for entry in os.scandir(f"/proc/{pid}/fd")]
    except OSError:
        return
    for entry in entries:
        with suppress(OSError):
            yield os.readlink(entry)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
