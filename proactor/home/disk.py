"""What is told of a file that cannot be had, as an error of the domain."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ..errors import StorageFull, Unavailable

__all__ = ["reason", "unavailable"]

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def reason(error: OSError) -> str:
    """Say what is wrong, without the path."""
    if error.errno == errno.EMFILE:
        return f"{os.strerror(error.errno)}; raise the limit (ulimit -n)"
    return os.strerror(error.errno) if error.errno else str(error)


def unavailable(path: Path, error: OSError) -> StorageFull | Unavailable:
    """What those are told who wanted a file that cannot be had now."""
    if error.errno in _NO_ROOM:
        remedy = "free some and try again: proactor rm frees the logs of jobs"
        return StorageFull(f"there is no room on the disk of {path}: nothing of it was done; {remedy}")
    return Unavailable(f"{path}: {reason(error)}")
