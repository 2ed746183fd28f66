"""The few calls of the C library that Python's ``os`` lacks: fallocate(2) and inotify(7), both of Linux."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from functools import cache

__all__ = ["IN_MODIFY", "NO_PUNCHING", "OVERFLOW", "inotify_add_watch", "inotify_init", "next_data", "punch"]

NO_PUNCHING = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})
"""What fallocate(2) answers where there are no holes to be made, ever."""

IN_MODIFY = 0x2

OVERFLOW = struct.pack("iI", -1, 0x4000)
"""How the event begins that says that others were dropped."""

_KEEP_SIZE_AND_PUNCH_HOLE = 0x1 | 0x2


@cache
def _function(*names: str) -> ctypes._NamedFuncPointer:
    """Give the first function of these names that there is.

    :raises OSError: there is none.
    """
    library = ctypes.CDLL(None, use_errno=True)
    for name in names:
        if hasattr(library, name):
            function: ctypes._NamedFuncPointer = getattr(library, name)
            function.restype = ctypes.c_int
            return function
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def punch(fd: int, start: int, length: int) -> None:
    """Give the bytes of a range back to the disk; they read as NUL from then on, and the file's size stays.

    :raises OSError: with an ``errno`` of ``NO_PUNCHING`` where the file system, or the system, has no such thing.
    """
    # The first name takes 64 bits everywhere that it exists; libraries without it have 64 bits under the second.
    function = _function("fallocate64", "fallocate")
    _checked(function(fd, _KEEP_SIZE_AND_PUNCH_HOLE, ctypes.c_int64(start), ctypes.c_int64(length)))


def next_data(fd: int, position: int) -> int:
    """Where a file's first byte is, from a position on, that was not given back; its size, where all were.

    :raises OSError: it cannot be asked.
    """
    size = os.fstat(fd).st_size  # first: what is written between the two is no hole
    try:
        return os.lseek(fd, position, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return max(position, size)


def inotify_init() -> int:
    """Give the descriptor of a new inotify instance, which does not block and is not inherited.

    :raises OSError: there is no inotify, or no instance is left.
    """
    return _checked(_function("inotify_init1")(os.O_NONBLOCK | os.O_CLOEXEC))


def inotify_add_watch(fd: int, path: str, mask: int) -> int:
    """Have an inotify instance tell of the events of ``mask`` in a folder; gives the number of the watch.

    :raises OSError: it cannot be watched.
    """
    return _checked(_function("inotify_add_watch")(fd, os.fsencode(path), ctypes.c_uint32(mask)))
