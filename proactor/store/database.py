"""The open database: transactions that hold what many asked for. Used by one thread at a time; it blocks."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from sqlite3 import Connection

from attrs import define, evolve, field, frozen
from twisted.logger import Logger

from ..errors import StorageFailed, StorageFull
from ..saved import AddEvent, Saved, SavedEvent, SavedMessage, Write
from .reading import read_all, read_counters, read_events, read_messages
from .trouble import Kept, cause, is_of_one, told
from .writing import Counters, Statement

__all__ = ["Batch", "Database", "connect"]

KEPT_EVENTS = 100_000
PRUNED_EVERY = 1_000
PAGES = 1_000
"""Of the journal, after which they are carried over into the database."""

_NOTED = 200

_log = Logger()


@frozen(eq=False)
class Batch:
    """What is kept whole or not at all.

    :param noted: nobody waits for it: where there is no room now it is kept later.
    """

    writes: Sequence[Write]
    statements: Sequence[Statement]
    noted: bool = False


def connect(path: Path) -> Connection:
    """Open a database that is there, for us alone, such that what is committed outlives a loss of power.

    :raises sqlite3.Error: it cannot be.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None,
                                 check_same_thread=False, timeout=0, cached_statements=64)  # fmt: skip
    try:
        # Alone, it needs no file that is shared: the index of the journal is in memory, where a full disk is no harm.
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "temp_store = MEMORY",
                       "wal_autocheckpoint = 0", f"journal_size_limit = {PAGES * 4096}"):  # fmt: skip
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


@define(eq=False)
class Database:
    """One database.

    :param kept_events: of events that many are kept, of the newest.
    """

    path: Path
    _connect: Callable[[Path], Connection] = connect
    kept_events: int = KEPT_EVENTS
    connection: Connection = field(init=False)
    counters: Counters = field(init=False)
    _places: dict[Path, tuple[int, int]] = field(factory=dict, init=False)
    _added: int = field(default=0, init=False)
    _written: int = field(default=0, init=False)
    _complained: bool = field(default=False, init=False)
    _lost: bool = field(default=False, init=False)
    _in_doubt: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._open()

    def _open(self) -> None:
        self.connection = self._connect(self.path)
        try:
            self.counters = read_counters(self.connection)
            self._places = {self.path: _place(self.path)}
        except BaseException:
            self.connection.close()
            raise

    def load(self) -> Saved:
        """All that there is."""
        return read_all(self.connection)

    def events(self, before: int, count: int, guid: str | None) -> list[SavedEvent]:
        """The newest events below a number, oldest first."""
        return read_events(self.connection, before, count, guid)

    def messages(self, numbers: Sequence[int]) -> list[SavedMessage]:
        """Those messages of these numbers that there are, in the order of their numbers."""
        return read_messages(self.connection, numbers)

    def write(self, batches: Sequence[Batch]) -> list[Kept]:
        """Keep batches, each whole or not at all, in one transaction if that can be; how each of them ended.

        Their order is kept: where some that was noted finds no room, what comes after it waits or fails, too.
        """
        # Much that is noted was tried before, in vain.
        if sum(batch.noted for batch in batches) <= _NOTED:
            try:
                return self._transaction(batches)
            except (sqlite3.Error, OSError, StorageFailed) as error:
                outcome = self._after(error)
                if len(batches) == 1 and not isinstance(outcome, StorageFull):
                    return [outcome]
        return self._one_by_one(batches)

    def _one_by_one(self, batches: Sequence[Batch]) -> list[Kept]:
        outcomes: list[Kept] = []
        blocked: Kept = None
        for part in _parts(batches):
            if blocked is None:
                ended = self._alone(part)
                blocked = next((how for batch, how in zip(part, ended, strict=True) if batch.noted), None)
            else:
                ended = [blocked] * len(part)
            outcomes += ended
        return outcomes

    def _alone(self, part: Sequence[Batch]) -> list[Kept]:
        try:
            return self._transaction(part)
        except (sqlite3.Error, OSError, StorageFailed) as error:
            return [self._after(error)] * len(part)

    def _after(self, error: Exception) -> Kept:
        """Be ready for the next transaction after one that failed; what is told of it."""
        outcome = told(error, self.path)
        if isinstance(outcome, StorageFull):
            # What the journal holds already may have its place in the database: then there is room again.
            self.checkpoint()
        return outcome

    def _transaction(self, batches: Sequence[Batch]) -> list[Kept]:
        """Keep batches together.

        :raises sqlite3.Error, OSError: none of them is kept.
        """
        self._settle()
        self._check_places()
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes, counters = self._apply_all(batches)
            counters = evolve(counters, transactions=counters.transactions + 1)
            self.connection.execute(*counters.statement())
            self._prune()
        except BaseException:
            self._roll_back()
            raise
        self._commit(counters.transactions)
        self.counters = counters
        self._written += 1 + sum(len(batch.statements) for batch in batches)
        return outcomes

    def _check_places(self) -> None:
        """See that what is written to is what the next initiator will find."""
        for path, place in self._places.items():
            if _place(path) != place:
                raise StorageFailed(f"{path} was deleted or replaced while it was in use: nothing of it was done")

    def _apply_all(self, batches: Sequence[Batch]) -> tuple[list[Kept], Counters]:
        outcomes: list[Kept] = []
        counters = self.counters
        for batch in batches:
            outcome, counters = self._apply(batch, counters)
            outcomes.append(outcome)
        return outcomes, counters

    def _apply(self, batch: Batch, counters: Counters) -> tuple[Kept, Counters]:
        """How it went, and the counters after it."""
        self.connection.execute("SAVEPOINT batch")
        try:
            after = counters.after(batch.writes)
            for statement in batch.statements:
                self.connection.execute(*statement)
        except (sqlite3.Error, StorageFailed, OverflowError, UnicodeError) as error:
            if not is_of_one(error):
                raise
            self.connection.execute("ROLLBACK TO batch")
            self.connection.execute("RELEASE batch")
            return self._refused(batch, error), counters
        self.connection.execute("RELEASE batch")
        self._added += sum(isinstance(write, AddEvent) for write in batch.writes)
        return None, after

    def _refused(self, batch: Batch, error: Exception) -> Kept:
        """What is told of a batch that cannot be kept wherever it is; what was noted is given up."""
        if not batch.noted:
            return told(error, self.path)
        _log.error("{path}: what was noted is not kept: {reason}", path=str(self.path), reason=error)
        return None

    def _prune(self) -> None:
        """Forget the oldest events, a few now and then."""
        if self._added < PRUNED_EVERY:
            return
        self._added = 0
        self.connection.execute(
            "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ? AND id < (SELECT min(id) FROM events) + ?",
            (self.kept_events, 2 * PRUNED_EVERY),
        )

    def _roll_back(self) -> None:
        # SQLite may have done so already.
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def _commit(self, transactions: int) -> None:
        """End a transaction.

        :raises sqlite3.Error: it has not come to be.
        """
        try:
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._in_doubt = "disk is full" not in str(error)
            if self._last_kept() != transactions:
                self._settle()
                raise
            self._in_doubt = False
        if len(self._places) == 1:
            journal = _journal(self.path)
            self._places[journal] = _place(journal)

    def _last_kept(self) -> int:
        """The number of the last transaction that has come to be."""
        try:
            self._roll_back()
            return read_counters(self.connection).transactions
        except sqlite3.Error:
            self._lost = True
            self._settle()
            return self.counters.transactions

    def _settle(self) -> None:
        """See to it that what failed has not come to be when the next initiator looks.

        :raises sqlite3.Error: that cannot be.
        """
        if self._lost:
            self.connection.close()
            self._open()
            self._lost = False
        if self._in_doubt:
            if not self.checkpoint("TRUNCATE"):
                self._write_over()
            self._in_doubt = False

    def _write_over(self) -> None:
        """Put something else where the journal may have what failed, whether or not the disk has it for certain."""
        self.connection.execute("PRAGMA synchronous = OFF")
        try:
            counters = evolve(self.counters, transactions=self.counters.transactions + 1)
            self.connection.execute(*counters.statement())
            self.counters = counters
        finally:
            self.connection.execute("PRAGMA synchronous = FULL")

    def tidy(self) -> None:
        """Carry over into the database what the journal holds, where that has become much."""
        if self._written >= PAGES // 2 and self.checkpoint():
            self._written = 0

    def checkpoint(self, how: str = "PASSIVE") -> bool:
        """Carry over what the journal holds; whether that could be done. What cannot be is still in the journal."""
        try:
            (busy, *_) = self.connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
        except sqlite3.Error as error:
            if not self._complained:
                # It is tried again with each commit, for as long as the disk is full.
                self._complained = True
                text = "{path}: its journal cannot be carried over: {reason}"
                _log.warn(text, path=str(self.path), reason=cause(error, self.path))
            return False
        self._complained = False
        return not busy

    def close(self) -> None:
        """Let go of it; the journal is gone then, if that can be."""
        self.connection.close()


def _parts(batches: Sequence[Batch]) -> Iterator[Sequence[Batch]]:
    """What is tried in one transaction where not all can be: a commit, or some of what was noted."""
    for is_noted, group in groupby(batches, key=lambda batch: batch.noted):
        together = list(group)
        size = _NOTED if is_noted else 1
        yield from (together[start : start + size] for start in range(0, len(together), size))


def _place(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")
