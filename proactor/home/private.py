"""Files and folders that are ours alone: nobody else may look into them, and what is written is there whole or not.

What they are for is not known here: see ``home``.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from twisted.logger import Logger

from ..errors import ProactorError
from .disk import reason

__all__ = ["LARGEST", "close_to_others", "open_folder", "read_private", "write_private"]

LARGEST = 64 << 10
"""How many bytes are read of a file at most, and one more of what is larger."""

_log = Logger(namespace="proactor.home")


def close_to_others(fd: int, path: Path, mode: int) -> None:
    """See to it that what is open here is ours alone, and say so where it was not.

    :raises ProactorError: it belongs to somebody else.
    """
    status = os.fstat(fd)
    if status.st_uid != os.geteuid():
        raise ProactorError(
            f"{path}: belongs to uid {status.st_uid}, not to uid {os.geteuid()} who runs this; "
            "run it as its owner, or choose another folder with --home"
        )
    found = stat.S_IMODE(status.st_mode)
    if found & 0o077:
        os.fchmod(fd, mode)
        _log.warn(
            "{path} was open to others (mode {found}): changed to {mode}",
            path=path,
            found=f"{found:04o}",
            mode=f"{mode:04o}",
        )


def open_folder(path: Path) -> None:
    """Make a folder, where there is none, that is ours alone.

    :raises ProactorError: it cannot be used, and what to do.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            close_to_others(fd, path, 0o700)
        finally:
            os.close(fd)
    except OSError as error:
        what = "is not a folder" if error.errno in {errno.EEXIST, errno.ENOTDIR} else f"cannot be used: {reason(error)}"
        raise ProactorError(f"{path}: {what}; choose another folder with --home") from error


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 that is there whole or not at all, whatever happens meanwhile."""
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(fd, "wb") as file:
            os.fchmod(fd, 0o600)
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.rename(name, path)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_private(path: Path) -> bytes | None:
    """Give what a file holds, None where there is no such file; no link is followed, and nothing waited for."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        data = os.read(fd, LARGEST + 1)
        close_to_others(fd, path, 0o600)
    finally:
        os.close(fd)
    return data
