"""The descriptors of the initiator: as many as it may have, and none but its own."""

from __future__ import annotations

import os
import resource
from contextlib import suppress

from attrs import frozen

__all__ = ["OpenFiles", "keep_inherited", "shortage"]

_STANDARD = 3
#: What it has open whatever it has launched; a launch takes some for a moment, and who asks takes one.
_OWN = 48
#: For each processor a socket, a hold of the process, and one or two connections.
_EACH = 4


def keep_inherited() -> None:
    """Let no child have what the initiator was started with beside its standard descriptors.

    One can be above the limit, where that was lowered after it was opened. The system can close it for no child then
    (EBADF of posix_spawn_file_actions_addclose(3)), and nothing could be started.
    """
    # Elsewhere than on Linux there is no such folder, as a rule.
    with suppress(OSError):
        for fd in map(int, os.listdir("/proc/self/fd")):
            if fd >= _STANDARD:
                # One of them was the folder's own.
                with suppress(OSError):
                    os.set_inheritable(fd, False)


@frozen
class OpenFiles:
    """The limit of open files, while the initiator runs; see getrlimit(2).

    :param before: the one that it was started with, which its processors get; they may raise it as far as it did.
    :param most: the one that it has now.
    """

    before: int
    most: int

    @property
    def of_processors(self) -> int | None:
        """What processors are to be given; None where they have it anyway."""
        return self.before if self.before != self.most else None

    @classmethod
    def raised(cls) -> OpenFiles:
        """Have as many as may be had without any rights."""
        before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        # Some systems have a bound beside it.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        return cls(before, resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    def give_back(self) -> None:
        """Have the one that there was."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.before, most))


def shortage(most: int, jobs: int) -> str | None:
    """What to say where the limit of open files is too small for as many jobs as there may be; None where it is not.

    :param most: the limit.
    """
    if most in (resource.RLIM_INFINITY, -1) or most >= _OWN + _EACH * jobs:
        return None
    enough = max(0, most - _OWN) // _EACH
    many = f"some {enough} processors" if enough else "hardly any processor"
    return (
        f"The limit of open files, {most}, is enough for {many}, and there may be {jobs}: "
        "raise it (ulimit -Hn, LimitNOFILE= of the unit), or lower max_jobs"
    )
