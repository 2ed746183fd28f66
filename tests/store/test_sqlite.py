"""The store in SQLite, as far as its behaviour is any store's."""

from __future__ import annotations

import shutil
from pathlib import Path

from proactor.store.opening import open_store
from proactor.store.sqlite import SqliteStore
from proactor.store.threads import Threads

from . import suite


def killed(path: Path, to: Path) -> Path:
    """The files as they are when a process is killed; the way to the copy."""
    to.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, to / file.name)
    return to / path.name


class SqliteTests(suite.SuiteMixin):
    """The suite; what is to be done in a thread is done at once."""

    path: Path

    def open(self) -> SqliteStore:
        folder = Path(self.mktemp())
        folder.mkdir()
        return self.open_at(folder / "proactor.db")

    def open_at(self, path: Path) -> SqliteStore:
        self.path = path
        store = open_store(path, Threads.none(), self.clock)
        self.addCleanup(lambda: self.successResultOf(store.close()))
        return store

    def reopened(self) -> SqliteStore:
        return self.open_at(killed(self.path, Path(self.mktemp())))
