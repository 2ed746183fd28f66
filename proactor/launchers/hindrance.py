"""What keeps a process from being started: the program itself, or what the machine is short of."""

from __future__ import annotations

import errno

from ..errors import Refused, Unavailable
from ..home.disk import reason

__all__ = ["not_started"]

#: What passes by itself, or when somebody tends to the machine; see errno(3).
_PASSES = frozenset(
    {
        errno.EAGAIN,
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
    kind = Unavailable if error.errno in _PASSES else Refused
    return kind(f"{program} cannot be started: {reason(error)}")
