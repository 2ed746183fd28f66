"""The logs of jobs: files in the home, shown on the console as they grow."""

from __future__ import annotations

import os
from contextlib import suppress

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from .follow import Follower
from .home import Home

#: How much of what a dead process wrote last is kept with its job.
LAST_LINES = 20
_LAST_BYTES = 16 * 1024

log = Logger()


@define(eq=False)
class JobLogs:
    """See :class:`proactor.supervision.Logs`."""

    home: Home
    console: Follower
    _shown: set[str] = field(factory=set)

    def add(self, guid: str, max_bytes: int, backups: int) -> None:
        """Keep a log for a job, and show it."""
        os.close(self.home.open_log(guid))
        self.console.add(guid, self.home.log_path(guid))
        self._shown.add(guid)

    async def close(self) -> None:
        """Show what is left of all, and end; the files stay."""
        await DeferredList([self.console.remove(guid) for guid in self._shown])
        self.console.stop()

    def open(self, guid: str) -> int:
        """A descriptor to append to; the caller closes it."""
        return self.home.open_log(guid)

    def last_lines(self, guid: str) -> tuple[str, ...]:
        """The last that was written."""
        with suppress(OSError), self.home.log_path(guid).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LAST_BYTES))
            return tuple(file.read().decode("utf-8", "backslashreplace").splitlines()[-LAST_LINES:])
        return ()

    def remove(self, guid: str) -> None:
        """Show what is left of a log, then delete it."""
        self._shown.discard(guid)
        shown: Deferred[None] = self.console.remove(guid)
        shown.addCallback(lambda _: self.home.remove_log(guid))
        shown.addErrback(lambda failure: log.failure("Removing the log of {guid}", failure, guid=guid))
