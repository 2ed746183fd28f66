"""Copies are made while the store is used, and are there to go back to."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.saved import AddEvent, PutValue, Saved, Write
from proactor.store import health
from proactor.store.opening import open_store
from proactor.store.reading import Damaged
from proactor.store.snapshots import KEPT
from proactor.store.sqlite import EVERY, FIRST, SqliteStore
from proactor.store.threads import Threads

from .values import NOON, event


class SnapshotTestCase(SynchronousTestCase):
    """A store, of which copies are made."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()
        self.folder = self.home / "snapshots"
        self.clock = Clock()
        self.offset = timedelta()
        self.store = self.open()

    def open(self) -> SqliteStore:
        store = open_store(self.home / "proactor.db", Threads.none(), self.clock, self.now)
        self.addCleanup(store.close)
        return store

    def now(self) -> Any:
        return NOON + self.offset + timedelta(seconds=self.clock.seconds())

    def commit(self, *writes: Write) -> None:
        self.successResultOf(self.store.commit(writes))

    def names(self) -> list[str]:
        return sorted(each.name for each in self.folder.iterdir()) if self.folder.exists() else []

    def held(self, name: str) -> Saved:
        """What one that goes back to a copy finds."""
        path = Path(self.mktemp())
        path.write_bytes((self.folder / name).read_bytes())
        path.chmod(0o600)
        store = open_store(path, Threads.none(), Clock(), self.now)
        saved = store.load()
        store.close()
        return saved


class TimeTests(SnapshotTestCase):
    """When they are made, and how long they stay."""

    def test_hourly(self) -> None:
        """One is made soon where there is none, then every hour, if something has changed."""
        self.clock.advance(2 * FIRST)
        self.assertEqual(len(self.names()), 1)
        self.commit(PutValue("a", 1))
        self.clock.advance(EVERY / 2)
        self.assertEqual(len(self.names()), 1)
        self.clock.advance(EVERY)
        self.assertEqual([self.held(each).values for each in self.names()], [{}, {"a": 1}])
        for _ in range(5):
            self.clock.advance(EVERY)
        self.assertEqual(len(self.names()), 2)

    def test_at_the_end(self) -> None:
        """One is made when the store is closed, if something has changed since the last."""
        self.commit(PutValue("a", 1))
        self.store.note([PutValue("b", 1)])
        self.successResultOf(self.store.close())
        self.assertEqual(self.names(), ["proactor-2026-11-28T12-00-00Z.db"])
        self.assertEqual(self.held(self.names()[0]).values, {"a": 1, "b": 1})
        for _ in range(2):
            self.store = self.open()
            self.clock.advance(5 * EVERY)
            self.successResultOf(self.store.close())
        self.assertEqual(len(self.names()), 1)

    def test_due(self) -> None:
        """After a new start the hour goes on, whatever the clock says of when the last was made."""
        for offset, wait in ((0, EVERY), (EVERY - 600, 600), (1e6, FIRST), (-1e6, EVERY)):
            self.offset = timedelta()
            self.commit(PutValue("a", offset))
            self.successResultOf(self.store.close())
            count = len(self.names())
            self.offset = timedelta(seconds=offset)
            self.store = self.open()
            self.commit(PutValue("a", None))
            self.clock.advance(wait * 0.9 - 1)
            self.assertEqual(len(self.names()), count)
            self.clock.advance(wait * 0.2 + 1)
            self.assertEqual(len(self.names()), count + 1)
            for each in self.folder.iterdir():
                each.unlink()

    def test_rotated(self) -> None:
        """The newest stay, even when the clock goes back by a day; the order of their names is that of their making."""
        for number in range(KEPT + 3):
            if number == KEPT:
                self.offset = timedelta(days=-1)
            self.commit(PutValue("a", number))
            self.successResultOf(self.store.snapshot())
        self.assertEqual([self.held(each).values["a"] for each in self.names()], list(range(3, KEPT + 3)))

    def test_ours_alone(self) -> None:
        """They are nobody else's."""
        self.successResultOf(self.store.snapshot())
        (path,) = self.folder.iterdir()
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.folder.stat().st_mode), 0o700)


class MakingTests(SnapshotTestCase):
    """How they are made."""

    def setUp(self) -> None:
        super().setUp()
        self.commit(*(AddEvent(event(number, text="x" * 200)) for number in range(1, 5_001)))

    def test_meanwhile(self) -> None:
        """Commits go on meanwhile; what is copied is one state, in which no commit is in part."""
        kept: list[Deferred[None]] = []
        times = 0

        def between() -> None:
            nonlocal times
            times += 1
            number = len(kept)
            kept.append(self.store.commit([PutValue("a", number), AddEvent(event(10_000 + number))]))
            kept.append(self.store.commit([PutValue(f"{number}", "x" * 9000)]))
            worker.meanwhile()

        worker = self.store._worker
        self.patch(type(worker), "meanwhile", type(worker).meanwhile)
        snapshots, database = self.store._snapshots, self.store._database
        # As its thread does, which is in the middle of something.
        worker._is_working = True
        snapshot = snapshots.take(database.connection, between)
        worker._is_working = False
        self.assertGreater(times, 3)
        for each in kept:
            self.successResultOf(each)
        found = self.held(snapshot.path.name)
        self.assertEqual(found.last_event, 10_000 + found.values["a"])
        self.assertIn("0", found.values)
        self.assertEqual(self.store.load().values["a"], len(kept) - 2)

    def test_not_made(self) -> None:
        """Where one cannot be made nothing is left of it, it is told, and the others stay."""
        self.successResultOf(self.store.snapshot())
        names = self.names()
        self.folder.chmod(0o700)
        self.commit(PutValue("a", 1))
        self.patch(health, "check", self.complain)
        self.failureResultOf(self.store.snapshot(), Damaged)
        self.assertEqual(self.names(), names)
        self.successResultOf(self.store.close())
        self.assertEqual(self.names(), names)

    def complain(self, _: object) -> None:
        raise Damaged("it is torn")

    def test_left(self) -> None:
        """What is left of one that was not made to its end goes with the next."""
        self.folder.mkdir()
        (self.folder / ".proactor-2026-01-01T00-00-00Z.db").write_bytes(b"half")
        (self.folder / "mine").touch()
        self.successResultOf(self.store.snapshot())
        self.assertEqual(self.names(), ["mine", "proactor-2026-11-28T12-00-00Z.db"])

    def test_unreadable(self) -> None:
        """One that does not say how much it has seen is followed by another."""
        self.successResultOf(self.store.close())
        (path,) = self.folder.iterdir()
        path.write_bytes(b"")
        self.store = self.open()
        self.successResultOf(self.store.snapshot())
        self.assertEqual(len(self.names()), 2)
