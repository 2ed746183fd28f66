"""The logs of jobs in the initiator's home: opened for their processes, kept within limits, read, forgotten."""

from __future__ import annotations

import os
import time
from typing import Protocol

from attrs import define
from twisted.logger import Logger

from ..home.home import Home
from ..logstore import Limits, LogStore, sweep

#: How long logs of jobs that are no more are kept for who wants to look into what happened, in seconds.
KEPT = 7 * 24 * 3600

log = Logger()


class Cutter(Protocol):
    """Cuts logs that take too much before we come to move it; see :class:`~proactor.guardian.guardian.Guardian`."""

    def cut(self, guid: str, most: int) -> None:
        """Have the live file of a log take so many bytes of the disk at most."""

    def leave_uncut(self, guid: str) -> None:
        """Have it cut no more."""


@define(eq=False)
class JobLogs:
    """See :class:`proactor.jobs.surroundings.Logs`."""

    home: Home
    store: LogStore
    cutter: Cutter

    def add(self, guid: str, max_bytes: int, backups: int, at_end: bool = False) -> None:
        """Keep a log for a job; show it, or only what is written from now on."""
        os.close(self.home.open_log(guid))
        limits = Limits.within(max_bytes, backups)
        self.store.add(guid, limits, at_end=at_end)
        self.cutter.cut(guid, limits.cut)

    def open(self, guid: str, max_bytes: int, backups: int) -> int:
        """A descriptor to append to, which the caller closes; so much is kept from now on."""
        limits = Limits.within(max_bytes, backups)
        self.store.set_limits(guid, limits)
        self.cutter.cut(guid, limits.cut)
        return self.home.open_log(guid)

    def check(self, guid: str) -> None:
        """See that one can be had.

        :raises StorageFull, Unavailable: it cannot.
        """
        os.close(self.home.open_log(guid))

    def written(self, guid: str) -> int:
        """How many bytes were written since it began."""
        return self.store.stored(guid).written

    def last_lines(self, guid: str, start: int, count: int) -> tuple[str, ...]:
        """The last that was written, from an offset on."""
        return self.store.last_lines(guid, count, start)

    async def remove(self, guid: str) -> None:
        """Show what is left of a log, then delete it."""
        self.cutter.leave_uncut(guid)
        try:
            await self.store.remove(guid)
        except OSError as e:
            log.error("The log of {guid} cannot be deleted: {reason}", guid=guid, reason=e.strerror)

    def sweep(self) -> None:
        """Delete what earlier runs left long ago; whoever they were of, nobody can ask for it any more."""
        sweep(self.home.path / "logs", time.time() - KEPT)
