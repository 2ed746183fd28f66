"""Whether a file is a database of ours and whole, without a change to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

from attrs import frozen

from .journal import journal_path, read_journal
from .reading import Damaged, read_all, read_counters
from .schema import APPLICATION_ID, SCRIPTS
from .trouble import reason

__all__ = ["Header", "check", "counted", "is_good", "opened_untouched", "read_version"]

_MAGIC = b"SQLite format 3\0"
_SIZE = 100


@frozen
class Header:
    """The first bytes of a database.

    :param schema: the version of its tables.
    """

    application: int
    schema: int

    @classmethod
    def parse(cls, page: bytes) -> Header:
        """Read them.

        :raises Damaged: they are none of a database.
        """
        if not page:
            raise Damaged("it is empty")
        if len(page) < _SIZE or not page.startswith(_MAGIC):
            raise Damaged("it is not a database")
        return cls(int.from_bytes(page[68:72], "big"), int.from_bytes(page[60:64], "big"))


def read_version(path: Path) -> int:
    """The version of the tables in a file and its journal, the highest that there may be.

    :raises Damaged: it is no database of ours, or lacks what was committed.
    :raises OSError: it cannot be read.
    """
    journal = read_journal(journal_path(path))
    with path.open("rb") as file:
        headers = [Header.parse(page) for page in (file.read(_SIZE), *journal.first_pages)]
    if any(header.application != APPLICATION_ID for header in headers):
        raise Damaged("it is no database of Proactor's")
    if journal.lost:
        raise Damaged(f"its journal {journal_path(path)} is damaged in front of {journal.lost} commits")
    return max(header.schema for header in headers)


def check(connection: Connection) -> None:
    """See that an open database holds together.

    :raises Damaged: it does not.
    """
    try:
        found = [text for (text,) in connection.execute("PRAGMA quick_check(1)")]
    except sqlite3.DatabaseError as error:
        raise Damaged(reason(error)) from error
    if found != ["ok"]:
        raise Damaged(" ".join(found[0].split()))


def opened_untouched(path: Path) -> Connection:
    """A database that nobody writes, to be read.

    :raises sqlite3.Error: it cannot be.
    """
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)


def is_good(path: Path) -> bool:
    """Whether a file that nobody writes can be opened in place of the database."""
    try:
        if read_version(path) > len(SCRIPTS):
            return False
        with closing(opened_untouched(path)) as connection:
            check(connection)
            read_all(connection)
    except (Damaged, OSError, sqlite3.Error):
        return False
    return True


def counted(path: Path) -> int | None:
    """How many transactions there were in a file that nobody writes; ``None`` where it does not say."""
    try:
        with closing(opened_untouched(path)) as connection:
            return read_counters(connection).transactions
    except (Damaged, sqlite3.Error):
        return None
