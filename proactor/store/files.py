"""Files and folders that are ours alone."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from twisted.logger import Logger

from ..errors import ProactorError
from .trouble import reason

__all__ = ["check_ours", "make_empty", "make_folder", "remove", "sync"]

_log = Logger()


def make_empty(path: Path) -> None:
    """Make a file that is empty, in place of what is there.

    :raises OSError: it cannot be.
    """
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def remove(path: Path) -> None:
    """Remove a file, as far as that can be."""
    with suppress(OSError):
        path.unlink()


def make_folder(path: Path) -> None:
    """Make a folder where there is none.

    :raises OSError: it cannot be.
    """
    path.mkdir(mode=0o700, exist_ok=True)


def sync(path: Path) -> None:
    """Have what is in a file, or the names in a folder, on the disk.

    :raises OSError: it may not be there.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def check_ours(path: Path) -> None:
    """See that a file can be read and written, by us alone; a mode that is too open is changed and logged.

    :raises ProactorError: it cannot be, and what to do.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _check_open(fd, path)
        finally:
            os.close(fd)
    except OSError as error:
        raise ProactorError(f"{path}: {reason(error)}; it must be a file that you can read and write") from error


def _check_open(fd: int, path: Path) -> None:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise ProactorError(f"{path}: is no file; it must be a file that you can read and write")
    found = stat.S_IMODE(status.st_mode)
    if found & 0o077:
        os.fchmod(fd, 0o600)
        _log.warn("{path} was open to others (mode {found}): changed to 0600", path=str(path), found=f"{found:04o}")
