"""A store is opened, or made."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from twisted.internet.interfaces import IReactorTime

from . import schema
from .database import Database
from .sqlite import SqliteStore
from .threads import Threads
from .writing import Counters

__all__ = ["open_store"]


def open_store(path: Path, threads: Threads, clock: IReactorTime) -> SqliteStore:
    """Open the database at a path, or make one where there is none.

    :raises ProactorError: it cannot be, and what to do.
    """
    if not path.exists():
        make(path)
    return SqliteStore(Database(path), threads, clock)


def make(path: Path) -> None:
    """Make an empty database: there whole, or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        for script in schema.SCRIPTS:
            connection.executescript(script)
        connection.execute(*Counters().statement())
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(schema.SCRIPTS)}")
        connection.execute("PRAGMA journal_mode = WAL")
    new.rename(path)
