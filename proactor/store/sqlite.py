"""The store in SQLite: what is asked for on the reactor's thread is done on one of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from attrs import define, field
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import StorageFailed
from ..reactor.periodic import Periodic
from ..saved import Saved, SavedEvent, SavedMessage, Write
from .database import Batch, Database
from .interface import IStore
from .reading import Damaged
from .snapshots import Snapshots
from .threads import Threads
from .trouble import cause
from .wayout import damaged
from .worker import Commit, Task, Worker
from .writing import statements

__all__ = ["SqliteStore"]

SOON = 0.05
"""Seconds that what was noted waits for a commit."""

AGAIN = 1.0
"""Seconds until what was noted and could not be kept is tried again."""

EVERY = 3600.0
"""Seconds between two copies."""

FIRST = 60.0
"""Seconds until the first, where it is due."""

_log = Logger()


@implementer(IStore)
@define(eq=False)
class SqliteStore:
    """Keeps all in one file; made by :func:`proactor.store.opening.open_store`."""

    _database: Database
    _threads: Threads
    _clock: IReactorTime
    _snapshots: Snapshots
    _worker: Worker = field(init=False)
    _noted: list[Commit] = field(factory=list, init=False)
    _flush: IDelayedCall | None = field(default=None, init=False)
    _closed: Deferred[None] | None = field(default=None, init=False)
    _hourly: Periodic = field(init=False)
    #: How many transactions the last copy has seen.
    _copied: int | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._worker = Worker(self._database, self._threads, self._late)
        self._copied = self._snapshots.counted()
        self._hourly = Periodic(self._clock, self.snapshot, self._due, trouble=self._no_snapshot)
        self._hourly.start(now=False)

    def load(self) -> Saved:
        """All that there is.

        :raises ProactorError: it is not what was written, and what to do.
        """
        try:
            return self._database.load()
        except (Damaged, sqlite3.DatabaseError) as error:
            raise damaged(self._database.path, self._snapshots, str(error)) from error

    def commit(self, writes: Sequence[Write]) -> Deferred[None]:
        """Keep these, all or none; with them all that was noted before."""
        if self._closed is not None:
            return fail(self._over())
        try:
            batch = Batch(writes, statements(writes))
        except StorageFailed as error:
            return fail(error)
        kept: Deferred[None] = Deferred()
        self._worker.put([*self._taken(), Commit(batch, kept)])
        return kept

    def note(self, writes: Sequence[Write]) -> None:
        """Keep these with the next commit, or soon.

        :raises StorageFailed: they are nothing that can be kept, or the store is closed.
        """
        if self._closed is not None:
            raise self._over()
        self._noted += [Commit(Batch((write,), statements((write,)), noted=True)) for write in writes]
        if self._noted:
            self._flush_in(SOON)

    def events(self, before: int, count: int, guid: str | None = None) -> Deferred[list[SavedEvent]]:
        """The newest events below a number, oldest first; of one job, or of all."""
        if self._closed is not None:
            return fail(self._over())
        task = Task(lambda: self._worker.events(before, count, guid))
        self._worker.put([*self._taken(), task])
        return task.done

    def messages(self, numbers: Sequence[int]) -> Deferred[list[SavedMessage]]:
        """Those messages of these numbers that there are, in the order of their numbers, with what is in them."""
        if self._closed is not None:
            return fail(self._over())
        task = Task(lambda: self._database.messages(numbers))
        self._worker.put([*self._taken(), task])
        return task.done

    def snapshot(self) -> Deferred[None]:
        """Have a copy made, if something has changed since the last; fires when it is there."""
        task = Task(self._copy)
        self._worker.put([*self._taken(), task])
        return task.done

    def close(self) -> Deferred[None]:
        """Write what was noted, and let go; fires when that is done."""
        closed: Deferred[None] = Deferred()
        if self._closed is None:
            self._closed = Deferred()
            # A copy that is being made is made to its end before.
            stopped = self._hourly.stop()
            task = Task(self._end)
            task.done.addErrback(lambda failure: _log.failure("The store was not closed well", failure))
            task.done.addCallback(lambda _: stopped)
            task.done.addCallback(self._ended)
            self._worker.put([*self._taken(), task])
        self._closed.addCallback(lambda _: closed.callback(None))
        return closed

    def _over(self) -> StorageFailed:
        return StorageFailed(f"{self._database.path} is closed: nothing of it was done")

    def _taken(self) -> list[Commit]:
        """What was noted, to be kept now."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        noted, self._noted = self._noted, []
        return noted

    def _flush_in(self, seconds: float) -> None:
        if self._flush is None:
            self._flush = self._clock.callLater(seconds, self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        # A commit of nothing has what is held tried again.
        self._worker.put([*self._taken(), Commit(Batch((), ()))])

    def _late(self) -> None:
        if self._closed is None:
            self._flush_in(AGAIN)

    def _due(self) -> float:
        """Seconds until the next copy."""
        newest = next(self._snapshots.newest_first(), None)
        if newest is None:
            return FIRST
        age = (self._snapshots.now() - newest.time).total_seconds()
        return min(max(EVERY - age, FIRST), EVERY)

    def _no_snapshot(self, failure: Failure) -> None:
        path, error = self._database.path, failure.value
        reason = cause(error, path) if isinstance(error, Exception) else error
        _log.warn("{path}: there is no new snapshot: {reason}", path=str(path), reason=reason)

    # In the store's thread.

    def _copy(self) -> None:
        count = self._database.counters.transactions
        if count != self._copied:
            self._snapshots.take(self._database.connection, self._worker.meanwhile)
            self._copied = count

    def _end(self) -> None:
        lost = len(self._worker.held)
        if lost:
            text = "{path}: {lost} notes are lost: they could not be written"
            _log.error(text, path=str(self._database.path), lost=lost)
        try:
            self._copy()
        except (Damaged, OSError, sqlite3.Error):
            self._no_snapshot(Failure())
        finally:
            self._database.close()

    # And back.

    def _ended(self, _: object) -> None:
        self._threads.stop()
        assert self._closed is not None
        self._closed.callback(None)
