"""The lock of a home: who has it is its initiator, and stands in it.

A file that is locked with flock(2): free again when the process that has it open ends, by whatever end.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from ..errors import ProactorError
from .disk import reason
from .files import LOCK
from .holder import holder

__all__ = ["check_free", "give_lock_back", "take_lock"]


def take_lock(home: Path) -> int:
    """Give the descriptor that holds the folder's lock; it is free again once that is closed, by whatever end.

    :raises ProactorError: another initiator has it, or there can be none.
    """
    path = home / LOCK
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ProactorError(f"{path}: {reason(error)}; repair it, or choose another folder with --home") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write(fd, b"%d\n" % os.getpid())
    except BlockingIOError:
        pid = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
        os.close(fd)
        raise _in_use(home, pid) from None
    except OSError as error:
        os.close(fd)
        raise ProactorError(f"{path}: {reason(error)}; choose another folder with --home") from error
    return fd


def check_free(home: Path) -> None:
    """See that no initiator has the folder's lock, without taking it.

    :raises ProactorError: one has it.
    """
    # Whether it can be read at all is seen to by who takes it.
    with suppress(OSError):
        pid = holder(home / LOCK)
        if pid is not None:
            raise _in_use(home, str(pid))


def _in_use(home: Path, pid: str) -> ProactorError:
    who = f"an initiator with pid {pid} uses it; stop that one"
    if not pid:
        who = "an initiator uses it, which begins or ends at this moment; try again"
    return ProactorError(f"{home}: {who}, or choose another folder with --home")


def give_lock_back(fd: int) -> None:
    """Free the folder's lock; nobody is to read in it that somebody runs."""
    with suppress(OSError):
        _write(fd, b"\n")
    os.close(fd)


def _write(fd: int, data: bytes) -> None:
    """Write it in place of what there is; the file is never empty, so that it has its room on a disk that is full."""
    os.pwrite(fd, data, 0)
    os.ftruncate(fd, len(data))
