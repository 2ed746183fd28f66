"""The locks of jobs: in each stands the launch that it was taken for, written before there is a process."""

from __future__ import annotations

import os
from collections.abc import Mapping

from attrs import define

from ..errors import Conflict, ProactorError, Unavailable
from ..home.disk import unavailable
from .flock import Locks
from .launch_record import LENGTH, LaunchRecord


@define(eq=False)
class JobLocks:
    """See :class:`proactor.jobs.surroundings.Locks` and :class:`proactor.jobs.taking_up.Locks`."""

    locks: Locks

    def take(self, guid: str, launch: LaunchRecord) -> int:
        """A descriptor that holds the lock, with the launch written down.

        :raises StorageFull, Unavailable: it cannot be had now.
        """
        try:
            fd = self.locks.take(guid)
        except Conflict:
            # The last process of this job has ended: what holds it still is something that it started.
            self.locks.path(guid).unlink(missing_ok=True)
            fd = self.locks.take(guid)
        try:
            os.pwrite(fd, launch.to_bytes(), 0)
        except OSError as e:
            os.close(fd)
            raise unavailable(self.locks.path(guid), e) from e
        return fd

    def reserve(self, guid: str) -> None:
        """Have the room on the disk for the lock of a job to be; :meth:`remove` gives it back.

        :raises StorageFull, Unavailable: there is none.
        """
        try:
            os.close(self.take(guid, LaunchRecord()))
        except ProactorError:
            self.locks.path(guid).unlink(missing_ok=True)
            raise

    def launch(self, guid: str) -> LaunchRecord:
        """The one that was written down last."""
        try:
            with self.locks.path(guid).open("rb") as file:
                return LaunchRecord.of(file.read(LENGTH))
        except FileNotFoundError:
            return LaunchRecord()
        except OSError as e:
            raise Unavailable(f"{self.locks.path(guid)}: {e.strerror}") from e

    def leaders(self) -> Mapping[str, int]:
        """By guid the process that holds its lock and leads a session, the oldest of several."""
        return {guid: pids[0] for guid, pids in self.locks.leaders().items() if pids}

    def remove(self, guid: str) -> None:
        """A job is no more."""
        if not self.locks.remove(guid):
            # Something that its process started has it: it is nobody's lock any more.
            self.locks.path(guid).unlink(missing_ok=True)
