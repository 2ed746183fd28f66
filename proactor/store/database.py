"""The open database: what many ask to have kept, each whole or not at all, in as few transactions as can be.

Used by one thread at a time; it blocks. That a transaction has come to be, or never will have, is ``transactions``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from sqlite3 import Connection

from attrs import define, field, frozen
from twisted.logger import Logger

from ..errors import StorageFailed, StorageFull
from ..saved import AddEvent, DropJob, DropMessage, PutJob, Saved, SavedEvent, SavedMessage, Write
from .reading import read_all, read_events, read_messages
from .reserve import Reserve
from .transactions import PAGES, Transactions, connect
from .trouble import Kept, is_of_one, told
from .writing import Counters, Statement

__all__ = ["Batch", "Database"]

KEPT_EVENTS = 100_000
PRUNED_EVERY = 1_000

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

    @property
    def frees(self) -> bool:
        """Whether somebody waits for it who gives room back by it."""
        return not self.noted and any(map(_frees, self.writes))


def _frees(write: Write) -> bool:
    return isinstance(write, DropJob | DropMessage) or (isinstance(write, PutJob) and write.job.doomed)


@define(eq=False)
class Database:
    """One database.

    :param kept_events: of events that many are kept, of the newest.
    """

    path: Path
    _connect: Callable[[Path], Connection] = connect
    kept_events: int = KEPT_EVENTS
    _transactions: Transactions = field(init=False)
    _reserve: Reserve = field(init=False)
    #: Events since the oldest were forgotten, and statements since the journal was carried over.
    _added: int = field(default=0, init=False)
    _written: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._transactions = Transactions(self.path, self._connect)
        self._reserve = Reserve(self.path.with_name("reserve"))

    @property
    def connection(self) -> Connection:
        """That by which it is read."""
        return self._transactions.connection

    @property
    def counters(self) -> Counters:
        """What only grows, after all that is kept."""
        return self._transactions.counters

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

        Their order is kept: where some that was noted finds no room, what comes after it waits or fails, too. For what
        gives room back there is a reserve.
        """
        # Much that is noted was tried before, in vain.
        if sum(batch.noted for batch in batches) <= _NOTED:
            try:
                return self._transaction(batches)
            except (sqlite3.Error, OSError, StorageFailed) as error:
                outcome = self._after(error)
                if len(batches) == 1 and not isinstance(outcome, StorageFull):
                    return [outcome]
        outcomes = self._one_by_one(batches)
        full = [batch for batch, how in zip(batches, outcomes, strict=True) if isinstance(how, StorageFull)]
        if any(batch.frees for batch in full) and self._reserve.give():
            again = iter(self._one_by_one(full))
            outcomes = [next(again) if isinstance(how, StorageFull) else how for how in outcomes]
        return outcomes

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
            self._transactions.checkpoint()
        return outcome

    def _transaction(self, batches: Sequence[Batch]) -> list[Kept]:
        """Keep batches together.

        :raises sqlite3.Error, OSError, StorageFailed: none of them is kept.
        """
        outcomes = self._transactions.run(partial(self._apply_all, batches))
        self._written += 1 + sum(len(batch.statements) for batch in batches)
        return outcomes

    def _apply_all(self, batches: Sequence[Batch]) -> tuple[list[Kept], Counters]:
        outcomes: list[Kept] = []
        counters = self.counters
        for batch in batches:
            outcome, counters = self._apply(batch, counters)
            outcomes.append(outcome)
        self._prune()
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

    def tidy(self) -> None:
        """Carry over into the database what the journal holds, where that has become much; have the reserve again."""
        self._reserve.fill()
        if self._written >= PAGES // 2 and self._transactions.checkpoint():
            self._written = 0

    def close(self) -> None:
        """Let go of it; the journal is gone then, if that can be."""
        self._transactions.close()


def _parts(batches: Sequence[Batch]) -> Iterator[Sequence[Batch]]:
    """What is tried in one transaction where not all can be: a commit, or some of what was noted."""
    for is_noted, group in groupby(batches, key=lambda batch: batch.noted):
        together = list(group)
        size = _NOTED if is_noted else 1
        yield from (together[start : start + size] for start in range(0, len(together), size))
