"""What keeps a process from being started: the program itself, or what the machine is short of."""

from __future__ import annotations

import errno

from ..errors import Refused, Unavailable
from ..home.disk import reason

__all__ = ["not_started"]

#: What passes by itself, or when somebody tends to the machine; see errno(3). A descriptor is bad where the limit was
#: lowered below it: no program is to blame for that.
_PASSES = frozenset(
    {
        errno.EAGAIN,
        errno.EBADF,
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EROFS,
    }
)


def not_started(program: str, error: OSError) -> Refused | Unavailable:
    """What is told of a program that the system did not start: :class:`Unavailable` where that is not its own fault."""
    why = reason(error)
    if error.errno == errno.EBADF:
        why = f"{why}; a descriptor is above the limit of open files: raise that (ulimit -n)"
    kind = Unavailable if error.errno in _PASSES else Refused
    return kind(f"{program} cannot be started: {why}")
