"""Transactions of a database of which it is certain, once that is said, that they have come to be, or never will have.

A commit that fails may have come to be all the same, when the database is opened again: whatever SQLite cannot tell is
settled before the next transaction begins.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection
from typing import TypeVar

from attrs import define, evolve, field
from twisted.logger import Logger

from ..errors import StorageFailed
from .journal import journal_path
from .reading import read_counters
from .trouble import cause
from .writing import Counters

__all__ = ["PAGES", "Transactions", "connect"]

PAGES = 1_000
"""Of the journal, after which they are carried over into the database."""

_T = TypeVar("_T")

_log = Logger()


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
class Transactions:
    """One after the other, on a connection that is made anew where it is not known what it is at.

    :ivar counters: as they are after the last that has come to be.
    """

    path: Path
    _connect: Callable[[Path], Connection] = connect
    connection: Connection = field(init=False)
    counters: Counters = field(init=False)
    #: The files that are written to, and which they were when they were opened.
    _places: dict[Path, tuple[int, int]] = field(factory=dict, init=False)
    _complained: bool = field(default=False, init=False)
    #: Whether the connection is of no use any more, and whether the last may come to be that was said to have failed.
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

    def run(self, work: Callable[[], tuple[_T, Counters]]) -> _T:
        """Have work done in a transaction, and give what comes of it.

        :param work: gives the counters after it as well; that this is another transaction is counted here.
        :raises sqlite3.Error, OSError, StorageFailed: it has not come to be. Nor has it if ``work`` raises anything.
        """
        self._settle()
        self._check_places()
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            result, counters = work()
            counters = evolve(counters, transactions=counters.transactions + 1)
            self.connection.execute(*counters.statement())
        except BaseException:
            self._roll_back()
            raise
        self._commit(counters.transactions)
        self.counters = counters
        return result

    def _check_places(self) -> None:
        """See that what is written to is what the next initiator will find."""
        for path, place in self._places.items():
            if _place(path) != place:
                raise StorageFailed(f"{path} was deleted or replaced while it was in use: nothing of it was done")

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
            journal = journal_path(self.path)
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
        """Let go of the database; the journal is gone then, if that can be."""
        self.connection.close()


def _place(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino
