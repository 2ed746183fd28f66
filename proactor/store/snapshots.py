"""Copies of the database, made while it is used: what there is to go back to where it is damaged."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from sqlite3 import Connection

from attrs import frozen

from . import health
from .files import make_empty, make_folder, remove, sync

__all__ = ["Snapshot", "Snapshots"]

KEPT = 5
_PAGES = 64
"""Copied at a time."""

_FORMAT = "proactor-%Y-%m-%dT%H-%M-%SZ.db"
_NAME = re.compile(r"proactor-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.db")


@frozen(order=True)
class Snapshot:
    """One copy.

    :param time: that its name says: when it was made, as far as the clock was right.
    """

    time: datetime
    path: Path


@frozen
class Snapshots:
    """The copies in a folder.

    :param now: tells the time, in UTC.
    """

    folder: Path
    now: Callable[[], datetime]

    def newest_first(self) -> Iterator[Snapshot]:
        """Those that there are."""
        try:
            names = filter(_NAME.fullmatch, os.listdir(self.folder))
        except FileNotFoundError:
            return
        for name in sorted(names, reverse=True):
            time = datetime.strptime(name, _FORMAT).replace(tzinfo=timezone.utc)
            yield Snapshot(time, self.folder / name)

    def good(self) -> Snapshot | None:
        """The newest to which one can go back."""
        return next((each for each in self.newest_first() if health.is_good(each.path)), None)

    def counted(self) -> int | None:
        """How many transactions the newest has seen."""
        newest = next(self.newest_first(), None)
        return None if newest is None else health.counted(newest.path)

    def take(self, source: Connection, between: Callable[[], None]) -> Snapshot:
        """Make one, which is there whole or not at all; the oldest go.

        :param between: called again and again meanwhile.
        :raises sqlite3.Error, OSError, Damaged: it could not be made.
        """
        make_folder(self.folder)
        for left in self.folder.glob(".proactor-*"):
            left.unlink()
        snapshot = self._next()
        new = snapshot.path.with_name(f".{snapshot.path.name}")
        make_empty(new)
        try:
            with closing(sqlite3.connect(new, isolation_level=None)) as target:
                # It is synced as a whole, once it is there.
                target.execute("PRAGMA synchronous = OFF")
                target.execute("PRAGMA journal_mode = OFF")
                source.backup(target, pages=_PAGES, progress=lambda *_: between())
            with closing(health.opened_untouched(new)) as target:
                health.check(target)
            sync(new)
            new.rename(snapshot.path)
        except BaseException:
            remove(new)
            raise
        sync(self.folder)
        for old in list(self.newest_first())[KEPT:]:
            old.path.unlink()
        return snapshot

    def _next(self) -> Snapshot:
        """One that is newer than all others, whatever has become of the clock."""
        time = self.now().astimezone(timezone.utc).replace(microsecond=0)
        newest = next(self.newest_first(), None)
        if newest is not None:
            time = max(time, newest.time + timedelta(seconds=1))
        return Snapshot(time, self.folder / time.strftime(_FORMAT))
