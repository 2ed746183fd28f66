"""Has logs that have become too large attended to, a few at a time, each for a short while."""

from __future__ import annotations

from collections import deque

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from .entry import Entry
from .threads import InThread
from .turn import Attended

__all__ = ["Workers"]

_log = Logger()


@define(eq=False)
class Workers:
    """A queue of logs, worked off in threads.

    :param most: how many threads are busy with it at most.
    """

    in_thread: InThread
    most: int = 2
    _queue: deque[Entry] = field(factory=deque, init=False)
    _busy: int = field(default=0, init=False)
    _stopped: bool = field(default=False, init=False)
    _idle: list[Deferred[None]] = field(factory=list, init=False)

    def add(self, entry: Entry) -> None:
        """Have a log attended to, in its turn."""
        if entry.queued or entry.closing or self._stopped:
            return
        entry.queued = True
        if not entry.working:
            self._queue.append(entry)
            self._next()

    def stop(self) -> Deferred[None]:
        """Begin with none any more; fires when those in hand are done with."""
        self._stopped = True
        self._queue.clear()
        if not self._busy:
            return succeed(None)
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        return idle

    def _others_wait(self) -> bool:
        return bool(self._queue) or self._stopped

    def _next(self) -> None:
        while self._queue and self._busy < self.most:
            entry = self._queue.popleft()
            if entry.closing:
                continue
            entry.queued, entry.working = False, True
            self._busy += 1
            attended = self.in_thread(entry.log.attend, self._others_wait).addCallback(self._attended, entry)
            attended.addErrback(self._failed, entry).addCallback(self._done, entry)

    def _attended(self, attended: Attended, entry: Entry) -> None:
        entry.queued = entry.queued or attended.more
        trouble = attended.trouble
        if trouble is not None and trouble.errno not in entry.complaints:
            entry.complaints.add(trouble.errno)
            _log.warn(
                "The log of {guid} cannot be kept as it should be: {reason} ({path}); "
                "what does not fit into log_max_bytes is dropped",
                guid=entry.guid,
                reason=trouble.strerror,
                path=str(trouble.filename or entry.log.files.live),
            )

    def _failed(self, failure: Failure, entry: Entry) -> None:
        _log.failure("The log of {guid} was not attended to", failure, guid=entry.guid)

    def _done(self, _: object, entry: Entry) -> None:
        self._busy -= 1
        entry.working = False
        if entry.queued:
            entry.queued = False
            self.add(entry)
        self._next()
        if self._stopped and not self._busy:
            idle, self._idle = self._idle, []
            for each in idle:
                each.callback(None)
