"""What the tables are, version by version: each script leads from the version before to its own.

A script that was released is never changed; the next version gets one of its own, and a sample of the one before is
kept beside the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection

from .codec import checksum

APPLICATION_ID = 0x50524F41
"""Stands in the file's header; it says whose database it is ("PROA")."""

SCRIPTS: Sequence[str] = (
    """
    CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        transactions INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        last_message INTEGER NOT NULL,
        sum INTEGER NOT NULL
    );
    CREATE TABLE jobs (
        place INTEGER PRIMARY KEY,
        guid TEXT NOT NULL UNIQUE,
        value TEXT NOT NULL,
        sum INTEGER NOT NULL
    );
    CREATE TABLE edits (
        section TEXT NOT NULL,
        option TEXT NOT NULL,
        text TEXT NOT NULL,
        revision INTEGER NOT NULL,
        sum INTEGER NOT NULL,
        PRIMARY KEY (section, option)
    ) WITHOUT ROWID;
    CREATE TABLE history (
        section TEXT NOT NULL,
        revision INTEGER NOT NULL,
        value TEXT NOT NULL,
        sum INTEGER NOT NULL,
        PRIMARY KEY (section, revision)
    ) WITHOUT ROWID;
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        text TEXT NOT NULL,
        digest TEXT NOT NULL,
        sum INTEGER NOT NULL
    );
    CREATE TABLE rollouts (
        place INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        value TEXT NOT NULL,
        sum INTEGER NOT NULL
    );
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        guid TEXT,
        value TEXT NOT NULL,
        sum INTEGER NOT NULL
    );
    CREATE INDEX events_of_job ON events (guid, id) WHERE guid IS NOT NULL;
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY,
        receiver TEXT NOT NULL,
        value TEXT NOT NULL,
        data BLOB NOT NULL,
        sum INTEGER NOT NULL
    );
    CREATE INDEX messages_to_job ON messages (receiver);
    CREATE TABLE "values" (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        sum INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
)


def upgrade(connection: Connection, version: int, scripts: Sequence[str] = SCRIPTS) -> None:
    """Bring the tables from a version to the last; each step is done whole or not at all.

    :param scripts: may use ``checksum(column, ...)`` for the sum of a row.
    :raises sqlite3.Error: one cannot be done; those before it are.
    """
    connection.create_function("checksum", -1, checksum, deterministic=True)
    for number, script in enumerate(scripts[version:], version + 1):
        _step(connection, number, script)


def _step(connection: Connection, number: int, script: str) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
