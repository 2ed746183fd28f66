"""What the store in SQLite does when not all goes well: each commit is kept or not, and is told rightly of it."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import StorageFailed, StorageFull
from proactor.saved import (
    AddEvent,
    AddRevision,
    DropJob,
    DropMessage,
    PutDocument,
    PutJob,
    PutMessage,
    PutRollout,
    PutValue,
    Saved,
    Write,
)
from proactor.store import transactions
from proactor.store.database import Batch, Database
from proactor.store.notes import thinned
from proactor.store.opening import open_store
from proactor.store.reading import read_counters
from proactor.store.snapshots import Snapshots
from proactor.store.sqlite import SqliteStore
from proactor.store.threads import Threads
from proactor.store.writing import statements

from .flaky import NO_ROOM, Plan, connector
from .test_sqlite import killed
from .values import GUID, NOON, OTHER, event, job, message, revision


class DatabaseTestCase(SynchronousTestCase):
    """A store whose disk does as it is told."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "proactor.db"
        self.clock = Clock()
        self.plan = Plan()
        self.successResultOf(open_store(self.path, Threads.none(), self.clock).close())
        self.database = Database(self.path, connector(self.plan))
        self.calls: list[Any] = []
        threads = Threads(self.calls.append, lambda what: what(), lambda: None)
        self.store = SqliteStore(self.database, threads, self.clock, Snapshots(folder / "snapshots", lambda: NOON))
        self.addCleanup(self.close)

    def close(self) -> None:
        self.plan.times = 0
        closed = self.store.close()
        self.work()
        self.successResultOf(closed)

    def work(self) -> None:
        """Let the thread do what there is."""
        while self.calls:
            self.calls.pop(0)()

    def together(self, *commits: Sequence[Write]) -> list[Deferred[None]]:
        """Commits that wait at the same time, and are done."""
        kept = [self.store.commit(each) for each in commits]
        self.work()
        return kept

    def commit(self, *writes: Write) -> None:
        self.successResultOf(self.together(writes)[0])

    def failed(self, *writes: Write) -> str:
        return str(self.failureResultOf(self.together(writes)[0], StorageFailed).value)

    def full(self, *writes: Write) -> str:
        return str(self.failureResultOf(self.together(writes)[0], StorageFull).value)

    def values(self) -> dict[str, Any]:
        """What is there, and would be there if the process were killed now."""
        mine = self.database.load()
        store = open_store(killed(self.path, Path(self.mktemp())), Threads.none(), self.clock)
        self.assertEqual(store.load(), mine)
        self.successResultOf(store.close())
        return dict(mine.values)

    def logged(self) -> list[LogEvent]:
        found: list[LogEvent] = []
        observer = cast(ILogObserver, found.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return found


class GroupTests(DatabaseTestCase):
    """What waits at the same time is one transaction."""

    def test_one_transaction(self) -> None:
        """Any number of commits cost one, in their order."""
        for kept in self.together(*([PutValue("a", number), PutValue(str(number), 1)] for number in range(50))):
            self.successResultOf(kept)
        self.assertEqual(self.plan.seen.count("COMMIT"), 1)
        self.assertEqual(self.values()["a"], 49)
        self.assertEqual(len(self.values()), 51)

    def test_many(self) -> None:
        """A transaction holds so many at most."""
        self.together(*([PutValue("a", number)] for number in range(1001)))
        self.assertEqual(self.plan.seen.count("COMMIT"), 3)

    def test_a_bad_one(self) -> None:
        """One that cannot be kept does not hurt those before and after it; nothing of it is there."""
        self.commit(AddRevision(revision(2)))
        bad: list[list[Write]] = [
            [PutValue("b", 1), PutJob(job("\udcff"))],
            [PutValue("c", 1), AddRevision(revision(2))],
            [PutMessage(message(1 << 64))],
        ]
        kept = self.together([PutValue("a", 1)], *bad, [AddRevision(revision(3))], [PutValue("d", 1)])
        for each in kept[1:4]:
            self.failureResultOf(each, StorageFailed)
        for each in (kept[0], *kept[4:]):
            self.successResultOf(each)
        self.assertEqual(self.values(), {"a": 1, "d": 1})
        found = self.database.load()
        self.assertEqual((found.revision, found.last_message), (3, 0))

    def test_order_of_reads(self) -> None:
        """Events are read when what was to be kept before is kept, and not later."""
        first = self.store.commit([AddEvent(event(1))])
        found = self.store.events(10, 10)
        second = self.store.commit([AddEvent(event(2))])
        self.work()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(self.successResultOf(found), [event(1)])

    def test_a_mistake(self) -> None:
        """Nobody waits for ever, whatever happens in the thread; it goes on."""
        self.patch(Database, "write", lambda *_: 1 / 0)
        self.failureResultOf(self.together([PutValue("a", 1)])[0], ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.patch(Database, "events", lambda *_: 1 / 0)
        found = self.store.events(1, 1)
        self.work()
        self.failureResultOf(found, ZeroDivisionError)


class RoomTests(DatabaseTestCase):
    """The disk is full."""

    def pages(self, more: int) -> None:
        """Have room for so many pages more."""
        (used,) = self.database.connection.execute("PRAGMA page_count").fetchone()
        self.database.connection.execute(f"PRAGMA max_page_count = {used + more}")

    def test_no_room(self) -> None:
        """What finds no room is refused, and nothing of it is there; what does is kept, now and later."""
        self.pages(2)
        large = PutValue("large", "x" * 100_000)
        kept = self.together([PutValue("a", 1)], [PutValue("b", 1), large], [PutValue("c", 1)])
        self.successResultOf(kept[0])
        said = str(self.failureResultOf(kept[1], StorageFull).value)
        self.assertIn(f"no room on the disk of {self.path}", said)
        self.successResultOf(kept[2])
        self.assertEqual(self.values(), {"a": 1, "c": 1})
        self.pages(100)
        self.commit(large)
        self.assertEqual(list(self.values()), ["a", "c", "large"])

    def test_at_the_commit(self) -> None:
        """It may show at the very end; then it is tried again, with what the journal held carried over."""
        self.plan.fail("COMMIT", 1, NO_ROOM)
        self.commit(PutValue("a", 1))
        self.assertIn("PRAGMA wal_checkpoint(PASSIVE)", self.plan.seen)
        self.plan.fail("COMMIT", 2, NO_ROOM)
        self.full(PutValue("a", 2))
        self.assertEqual(self.values(), {"a": 1})

    def test_noted(self) -> None:
        """What is noted waits for room, and comes before what is to be kept after it."""
        self.plan.fail("COMMIT", 100, NO_ROOM)
        self.store.note([PutValue("a", 1), PutValue("b", 1)])
        self.full(PutValue("a", 2))
        self.store.note([PutValue("b", 2)])
        self.full(PutValue("c", 1))
        self.assertEqual(self.values(), {})
        self.plan.times = 0
        self.commit(PutValue("d", 1))
        self.assertEqual(self.values(), {"a": 1, "b": 2, "d": 1})

    def test_noted_is_read(self) -> None:
        """Events that wait for room are there when events are asked for."""
        self.commit(AddEvent(event(1)), AddEvent(event(2, OTHER)))
        self.plan.fail("COMMIT", 100, NO_ROOM)
        self.store.note([AddEvent(event(3)), AddEvent(event(4, OTHER)), AddEvent(event(5))])
        self.full()
        for before, count, guid, expected in (
            (10, 10, None, [1, 2, 3, 4, 5]),
            (5, 3, None, [2, 3, 4]),
            (10, 10, OTHER, [2, 4]),
            (10, 2, GUID, [3, 5]),
            (3, 10, None, [1, 2]),
        ):
            found = self.store.events(before, count, guid)
            self.work()
            self.assertEqual([each.id for each in self.successResultOf(found)], expected)

    def test_noted_in_parts(self) -> None:
        """Much that was noted finds its way in part by part, and where a part does not, what is after it waits."""
        self.store.note([PutValue(f"{number:03}", number) for number in range(450)])
        self.plan.fail("COMMIT", 1, NO_ROOM)
        self.full(PutValue("a", 1))
        self.assertEqual((self.plan.seen.count("COMMIT"), self.values()), (1, {}))
        self.commit(PutValue("a", 1))
        self.assertEqual(self.plan.seen.count("COMMIT"), 1 + 4)
        self.assertEqual(len(self.values()), 451)

    def test_noted_is_tried_again(self) -> None:
        """What is noted is kept as soon as there is room again, though nothing else is to be."""
        self.plan.fail("COMMIT", 4, NO_ROOM)
        self.store.note([PutValue("a", 1)])
        for seconds in (0.05, 1.0, 1.0):
            self.assertEqual(self.values(), {})
            self.clock.advance(seconds)
            self.work()
        self.assertEqual(self.values(), {"a": 1})

    def test_noted_is_lost(self) -> None:
        """What finds no room until the end is lost, and said to be."""
        self.plan.fail("COMMIT", 100, NO_ROOM)
        logged = self.logged()
        self.store.note([PutValue("a", 1), PutValue("b", 1)])
        closed = self.store.close()
        self.work()
        self.successResultOf(closed)
        self.assertEqual([each["lost"] for each in logged if "lost" in each], [2])

    def test_much_is_noted(self) -> None:
        """What waits does not grow without end: the last word of each thing stays, and the newest events."""
        self.plan.fail("COMMIT", 1 << 30, NO_ROOM)
        for number in range(0, 30_000, 1_000):
            self.store.note([AddEvent(event(number + 1 + each)) for each in range(1_000)])
            self.store.note([PutJob(job(port=number)), PutValue("a", number)])
            self.full()
        self.plan.times = 0
        self.commit()
        found = self.database.load()
        self.assertEqual((found.jobs[GUID].port, found.values), (29_000, {"a": 29_000}))
        self.assertEqual(found.last_event, 30_000)

    def test_where_the_index_finds_none(self) -> None:
        """An I/O error on a disk without room is for want of room."""
        self.patch(os, "statvfs", lambda _: os.statvfs_result((4096, 4096, 9, 3, 3, 0, 0, 0, 0, 255)))
        self.plan.fail("INSERT OR REPLACE INTO meta", 2)
        self.full(PutValue("a", 1))


class TroubleTests(DatabaseTestCase):
    """The disk fails."""

    def test_io_error(self) -> None:
        """What cannot be written is refused, and nothing of it is there."""
        self.commit(PutValue("a", 1))
        self.plan.fail("INSERT INTO", 2)
        kept = self.together([PutValue("a", 2)], [PutValue("b", 2)])
        self.failureResultOf(kept[0], StorageFailed)
        self.successResultOf(kept[1])
        self.plan.fail("BEGIN", 1, "attempt to write a readonly database")
        self.assertIn("readonly", self.failed(PutValue("c", 1)))
        self.assertEqual(self.values(), {"a": 1, "b": 2})

    def test_read_only(self) -> None:
        """Where nothing can be written there any more the reason is the system's: SQLite speaks of an I/O error."""

        def is_refused(path: Any, flags: int, *more: Any, **how: Any) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EROFS, "Read-only file system", str(path))
            return opened(path, flags, *more, **how)

        opened = os.open
        self.patch(os, "open", is_refused)
        self.plan.fail("INSERT INTO", 2)
        said = self.failed(PutValue("a", 1))
        self.assertEqual(said, f"{self.path} cannot be written: Read-only file system; nothing of it was done")

    def test_commit_failed(self) -> None:
        """A commit that fails at its end has not come to be, nor will it with the next start."""
        self.plan.fail("COMMIT")
        self.assertIn("disk I/O error", self.failed(PutValue("a", 1)))
        self.assertIn("PRAGMA wal_checkpoint(TRUNCATE)", self.plan.seen)
        self.assertEqual(self.values(), {})
        self.commit(PutValue("b", 1))
        self.assertEqual(self.values(), {"b": 1})

    def test_commit_done_after_all(self) -> None:
        """A commit that fails at its end, and is there all the same, is kept."""
        self.plan.fail("COMMIT", after=True)
        self.commit(PutValue("a", 1))
        self.assertEqual(self.plan.seen.count("COMMIT"), 1)
        self.assertEqual(self.values(), {"a": 1})
        self.commit(PutValue("b", 1))

    def test_written_over(self) -> None:
        """Where the journal cannot be carried over, what failed is written over."""
        self.commit(PutValue("a", 1))
        self.plan.fail("COMMIT")
        patched = self.patch(transactions.Transactions, "checkpoint", lambda *_: False)
        self.failed(PutValue("b", 1))
        patched.restore()
        self.assertIn("PRAGMA synchronous = OFF", self.plan.seen)
        self.assertEqual(self.database.connection.execute("PRAGMA synchronous").fetchone(), (2,))
        self.assertEqual(self.values(), {"a": 1})
        self.commit(PutValue("c", 1))
        self.assertEqual(self.values(), {"a": 1, "c": 1})

    def test_opened_anew(self) -> None:
        """Where nothing can be read any more it is opened anew, and what is there counts."""
        for number, after in enumerate((False, True)):
            self.plan.fail("COMMIT", after=after)
            reading = self.fail_reading_once()
            kept = self.together([PutValue(f"{number}", 1)])[0]
            reading.restore()
            if after:
                self.successResultOf(kept)
            else:
                self.failureResultOf(kept, StorageFailed)
        self.assertEqual(self.plan.connections, 3)
        self.assertEqual(self.values(), {"1": 1})

    def fail_reading_once(self) -> Any:
        times = [1]

        def read(connection: sqlite3.Connection) -> Any:
            if times:
                times.pop()
                raise sqlite3.OperationalError("disk I/O error")
            return read_counters(connection)

        return self.patch(transactions, "read_counters", read)

    def test_not_opened_anew(self) -> None:
        """Where it cannot be opened anew, nothing is kept until it can."""
        self.commit(PutValue("a", 1))
        self.plan.fail("COMMIT")
        self.plan.unable = 2
        reading = self.fail_reading_once()
        self.failed(PutValue("b", 1))
        reading.restore()
        self.assertIn("unable to open", self.failed(PutValue("c", 1)))
        self.commit(PutValue("d", 1))
        self.assertEqual(self.values(), {"a": 1, "d": 1})

    def test_deleted(self) -> None:
        """A database that was deleted or replaced under it is noticed: nothing goes where nobody will find it."""
        self.commit(PutValue("a", 1))
        for path in (self.path, self.path.with_name("proactor.db-wal")):
            away = path.with_name("away")
            path.rename(away)
            self.assertIn("No such file", self.failed(PutValue("b", 1)))
            path.touch()
            self.assertIn(f"{path} was deleted or replaced", self.failed(PutValue("b", 1)))
            away.rename(path)
        self.commit(PutValue("c", 1))
        self.assertEqual(self.values(), {"a": 1, "c": 1})

    def test_not_carried_over(self) -> None:
        """Where the journal cannot be carried over, it grows, and is carried over later."""
        logged = self.logged()
        self.plan.fail("PRAGMA wal_checkpoint", 2)
        self.commit(*(PutValue(str(number), number) for number in range(600)))
        self.commit(PutValue("a", 1))
        self.assertEqual(sum("wal_checkpoint" in each for each in self.plan.seen), 2)
        # It is tried with each commit while the disk is full: that is said once.
        self.assertEqual(sum("carried over" in (each["log_format"] or "") for each in logged), 1)
        self.commit(PutValue("a", 1))
        self.assertEqual(sum("wal_checkpoint" in each for each in self.plan.seen), 3)
        self.commit(PutValue("a", 1))
        self.assertEqual(sum("wal_checkpoint" in each for each in self.plan.seen), 3)

    def test_free_unknown(self) -> None:
        """Where not even the free room can be told it is an error as any."""

        def statvfs(_: object) -> Any:
            raise OSError("gone")

        self.patch(os, "statvfs", statvfs)
        self.plan.fail("COMMIT", 2)
        self.failed(PutValue("a", 1))


class NotesTests(SynchronousTestCase):
    """What is left of what was noted, where it must wait for long."""

    def test_thinned(self) -> None:
        """Of each thing the last word, the newest events, and all that does something by itself."""
        dropped = DropJob(GUID)
        old: list[Write] = [
            PutJob(job()),
            PutMessage(message(1)),
            PutMessage(message(2)),
            PutRollout("a", {}),
            PutValue("a", 1),
            PutDocument("a", "a"),
            AddEvent(event(1)),
        ]
        new: list[Write] = [
            dropped,
            PutJob(job(port=1)),
            PutMessage(message(1, tries=1)),
            DropMessage(2),
            PutRollout("a", {"a": 1}),
            PutValue("a", 2),
            PutDocument("b", "b"),
            AddEvent(event(2)),
            PutValue("b", 1),
        ]
        batches = [Batch((write,), (), noted=True) for write in [dropped, *old, *new]]
        self.assertEqual([each.writes[0] for each in thinned(batches, events=1)], [dropped, *new])


class EventTests(DatabaseTestCase):
    """How long events are kept."""

    def test_pruned(self) -> None:
        """The oldest go, now and then, a bounded number at a time."""
        self.database.kept_events = 1_500
        for start in range(1, 6_001, 500):
            self.commit(*(AddEvent(event(number)) for number in range(start, start + 500)))
        kept = self.database.events(10_000, 10_000, None)
        self.assertEqual([each.id for each in kept], list(range(4_501, 6_001)))

    def test_a_backlog(self) -> None:
        """Many too many are not all forgotten at once."""
        for start in range(1, 6_001, 3_000):
            self.commit(*(AddEvent(event(number)) for number in range(start, start + 3_000)))
        self.database.kept_events = 10
        self.commit(*(AddEvent(event(number)) for number in range(6_001, 7_001)))
        self.assertEqual(self.database.events(10_000, 10_000, None)[0].id, 2_001)


class BatchTests(SynchronousTestCase):
    """A database by itself."""

    def test_empty(self) -> None:
        """Nothing to keep is well."""
        path = Path(self.mktemp())
        self.successResultOf(open_store(path, Threads.none(), Clock()).close())
        opened = Database(path)
        self.addCleanup(opened.close)
        self.assertEqual(opened.write([Batch((), statements(()))]), [None])
        self.assertEqual(opened.load(), Saved())
