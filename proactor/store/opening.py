"""A store is opened, or made; what cannot be opened is refused with the way out."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..errors import ProactorError
from . import schema
from .database import Database
from .files import check_ours, make_empty, remove, sync
from .health import check, read_version
from .journal import journal_path
from .reading import Damaged
from .snapshots import Snapshots
from .sqlite import SqliteStore
from .threads import Threads
from .transactions import connect
from .trouble import reason
from .wayout import damaged, missing
from .writing import Counters

__all__ = ["open_store"]

_log = Logger()


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


def open_store(
    path: Path, threads: Threads, clock: IReactorTime, now: Callable[[], datetime] = _utc_now
) -> SqliteStore:
    """Open the database at a path, or make one where there is none. It blocks, for a moment.

    :param threads: stopped when the store is closed, or is not opened.
    :param clock: for what is done later; ``now``: for the names of snapshots.
    :raises ProactorError: it cannot be, and what to do.
    """
    opening = Opening(path, Snapshots(path.parent / "snapshots", now))
    try:
        return SqliteStore(opening.open(), threads, clock, opening.snapshots)
    except BaseException:
        threads.stop()
        raise


@frozen
class Opening:
    """One that is to be opened.

    :param scripts: that lead from one version of the tables to the next.
    """

    path: Path
    snapshots: Snapshots
    scripts: Sequence[str] = schema.SCRIPTS

    def open(self) -> Database:
        """Open it.

        :raises ProactorError: it cannot be, and what to do.
        """
        if not self.path.exists():
            self._make()
        check_ours(self.path)
        try:
            version = self._version()
            self._prepare(version)
            return Database(self.path)
        except Damaged as error:
            raise damaged(self.path, self.snapshots, str(error)) from error
        except sqlite3.DatabaseError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: sqlite3.DatabaseError) -> ProactorError:
        said = reason(error)
        if "locked" in said:
            return ProactorError(f"{self.path}: another process has it open; end that, and start again")
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in said:
            return ProactorError(f"{self.path}: {said}; its folder must be one that you can write to, with room")
        return damaged(self.path, self.snapshots, said)

    def _version(self) -> int:
        try:
            version = read_version(self.path)
        except OSError as error:
            raise ProactorError(f"{error.filename}: {reason(error)}; it must be a file that you can read") from error
        if version > len(self.scripts):
            raise ProactorError(
                f"{self.path} was written by a newer Proactor (schema {version}; this one knows {len(self.scripts)}): "
                "start that one, or choose another folder with --home; nothing was changed"
            )
        if not version:
            raise Damaged("it does not say which version it is of")
        return version

    def _prepare(self, version: int) -> None:
        """See that it holds together, and bring its tables to the present version."""
        with closing(connect(self.path)) as connection:
            check(connection)
            if version < len(self.scripts):
                self._upgrade(connection, version)

    def _upgrade(self, connection: sqlite3.Connection, version: int) -> None:
        try:
            before = self.snapshots.take(connection, lambda: None)
            schema.upgrade(connection, version, self.scripts)
        except (OSError, sqlite3.Error) as error:
            raise ProactorError(
                f"{self.path}: cannot be brought from schema {version} to {len(self.scripts)}: {reason(error)}; "
                "it is as it was"
            ) from error
        _log.info(
            "{path}: brought from schema {old} to {new}; as it was before: {before}",
            path=str(self.path),
            old=version,
            new=len(self.scripts),
            before=str(before.path),
        )

    def _make(self) -> None:
        """Make an empty one: there whole, or not at all.

        :raises ProactorError: there was one, or it cannot be made.
        """
        if journal_path(self.path).exists() or any(self.snapshots.newest_first()):
            raise missing(self.path, self.snapshots)
        new = self.path.with_name(f".{self.path.name}.new")
        try:
            make_empty(new)
            with closing(sqlite3.connect(new, isolation_level=None)) as connection:
                schema.upgrade(connection, 0, self.scripts)
                connection.execute(*Counters().statement())
                connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
                connection.execute("PRAGMA journal_mode = WAL")
            sync(new)
            new.rename(self.path)
            sync(self.path.parent)
        except (OSError, sqlite3.Error) as error:
            remove(new)
            raise ProactorError(
                f"{self.path}: cannot be made: {reason(error)}; its folder must be one that you can write to, with room"
            ) from error
