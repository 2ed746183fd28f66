"""The locks of jobs: in each stands the incarnation that it was taken for, written before that is launched."""

from __future__ import annotations

import os
from collections.abc import Mapping

from attrs import define

from ..errors import Conflict, ProactorError, Unavailable
from ..home.disk import unavailable
from .flock import Locks

_DIGITS = 20


@define(eq=False)
class JobLocks:
    """See :class:`proactor.jobs.surroundings.Locks` and :class:`proactor.jobs.taking_up.Locks`."""

    locks: Locks

    def take(self, guid: str, incarnation: int) -> int:
        """A descriptor that holds the lock, with the incarnation written down.

        :raises StorageFull, Unavailable: it cannot be had now.
        """
        try:
            fd = self.locks.take(guid)
        except Conflict:
            # The last process of this job has ended: what holds it still is something that it started.
            self.locks.path(guid).unlink(missing_ok=True)
            fd = self.locks.take(guid)
        try:
            os.pwrite(fd, f"{incarnation:0{_DIGITS}d}\n".encode(), 0)
        except OSError as e:
            os.close(fd)
            raise unavailable(self.locks.path(guid), e) from e
        return fd

    def reserve(self, guid: str) -> None:
        """Have the room on the disk for the lock of a job to be; :meth:`remove` gives it back.

        :raises StorageFull, Unavailable: there is none.
        """
        try:
            os.close(self.take(guid, 0))
        except ProactorError:
            self.locks.path(guid).unlink(missing_ok=True)
            raise

    def incarnation(self, guid: str) -> int:
        """The one that was written down last; 0 where there was none."""
        try:
            text = self.locks.path(guid).read_bytes()[:_DIGITS]
        except FileNotFoundError:
            return 0
        except OSError as e:
            raise Unavailable(f"{self.locks.path(guid)}: {e.strerror}") from e
        return int(text) if text.isdigit() else 0

    def leaders(self) -> Mapping[str, int]:
        """By guid the process that holds its lock and leads a session, the oldest of several."""
        return {guid: pids[0] for guid, pids in self.locks.leaders().items() if pids}

    def remove(self, guid: str) -> None:
        """A job is no more."""
        if not self.locks.remove(guid):
            # Something that its process started has it: it is nobody's lock any more.
            self.locks.path(guid).unlink(missing_ok=True)
