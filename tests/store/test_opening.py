"""A store is opened, or refused with the way out; which is gone here."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import ProactorError
from proactor.saved import PutValue, Saved, Write
from proactor.store import opening, schema
from proactor.store.database import Database
from proactor.store.opening import Opening, open_store
from proactor.store.snapshots import Snapshots
from proactor.store.sqlite import SqliteStore
from proactor.store.threads import Threads
from proactor.store.transactions import connect

from .samples import SAVED, SCRIPTS
from .test_sqlite import killed
from .values import NOON

SAMPLES = Path(__file__).with_name("samples")


class OpeningTestCase(SynchronousTestCase):
    """A home with a database, or none."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()
        self.path = self.home / "proactor.db"
        self.journal = self.home / "proactor.db-wal"
        self.snapshots = self.home / "snapshots"
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    def open(self) -> SqliteStore:
        store = open_store(self.path, Threads.none(), Clock(), self.now)
        self.addCleanup(lambda: self.successResultOf(store.close()))
        return store

    def keep(self, *writes: Write) -> None:
        """Keep something, in a store that is closed then."""
        store = self.open()
        self.successResultOf(store.commit(writes))
        self.successResultOf(store.close())

    def kill(self, *writes: Write) -> None:
        """Keep something, each by itself, in a store that is killed then."""
        store = self.open()
        for write in writes:
            self.successResultOf(store.commit([write]))
        copy = killed(self.path, Path(self.mktemp()))
        self.successResultOf(store.close())
        shutil.rmtree(self.snapshots)
        for file in copy.parent.iterdir():
            shutil.move(file, self.home / file.name)

    def refused(self) -> str:
        return str(self.assertRaises(ProactorError, self.open))

    def go(self, commands: str) -> None:
        """Do as one is told."""
        subprocess.run(commands, shell=True, check=True)

    def found(self) -> Saved:
        store = self.open()
        saved = store.load()
        self.successResultOf(store.close())
        return saved

    def contents(self) -> dict[str, bytes]:
        return {str(each): each.read_bytes() for each in self.home.rglob("*") if each.is_file()}

    def damage(self, at: int = 0, data: bytes = b"\xff" * 64) -> None:
        with self.path.open("r+b") as file:
            file.seek(at)
            file.write(data)


class NewTests(OpeningTestCase):
    """There is none yet."""

    def test_made(self) -> None:
        """It is made: ours alone, and marked as ours."""
        self.keep(PutValue("a", 1))
        for path in self.home.rglob("*.db*"):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)
        self.assertEqual(stat.S_IMODE(self.snapshots.stat().st_mode), 0o700)
        with closing(sqlite3.connect(self.path)) as connection:
            for pragma, value in (("application_id", schema.APPLICATION_ID), ("user_version", len(schema.SCRIPTS))):
                self.assertEqual(connection.execute(f"PRAGMA {pragma}").fetchone(), (value,))

    def test_journal(self) -> None:
        """What is beside it is ours alone, too."""
        store = self.open()
        self.successResultOf(store.commit([PutValue("a", 1)]))
        self.assertEqual(stat.S_IMODE(self.journal.stat().st_mode), 0o600)
        self.assertEqual([each.name for each in self.home.iterdir()].count("proactor.db-shm"), 0)

    def test_half_made(self) -> None:
        """What is left of one that was not made to its end is nothing."""
        (self.home / ".proactor.db.new").write_bytes(b"half")
        self.keep(PutValue("a", 1))
        self.assertEqual(sorted(each.name for each in self.home.iterdir()), ["proactor.db", "reserve", "snapshots"])

    def test_not_to_be_made(self) -> None:
        """Where none can be made, the reason is told, and nothing is left."""
        self.path = self.home / "none" / "proactor.db"
        self.assertIn(f"{self.path}: cannot be made: No such file or directory", self.refused())
        self.path = self.home / "proactor.db"
        self.patch(opening, "sync", self.raise_no_room)
        self.assertIn("No space left on device", self.refused())
        self.assertEqual(list(self.home.iterdir()), [])

    def test_threads(self) -> None:
        """Where it is refused, its threads are stopped."""
        stopped: list[bool] = []
        threads = evolve(Threads.none(), stop=lambda: stopped.append(True))
        self.assertRaises(ProactorError, open_store, self.home / "none" / "proactor.db", threads, Clock())
        self.assertEqual(stopped, [True])

    def raise_no_room(self, _: Path) -> None:
        raise OSError(28, "No space left on device")


class FileTests(OpeningTestCase):
    """What it is as a file."""

    def test_too_open(self) -> None:
        """A file that was open to others is closed to them."""
        self.keep(PutValue("a", 1))
        self.path.chmod(0o644)
        self.assertEqual(self.found().values, {"a": 1})
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_no_file(self) -> None:
        """What is no file is told of."""
        self.path.mkdir()
        self.assertIn(f"{self.path}: Is a directory", self.refused())
        self.path.rmdir()
        os.mkfifo(self.path)
        self.assertIn(f"{self.path}: is no file", self.refused())

    def test_in_use(self) -> None:
        """One that another process has open is not touched."""
        self.keep(PutValue("a", 1))
        program = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
            "c.execute('PRAGMA locking_mode = EXCLUSIVE'); c.execute('BEGIN IMMEDIATE'); print(flush=True); input()"
        )
        command = ["python3", "-c", program, str(self.path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            other.stdout.readline()
            self.assertIn(f"{self.path}: another process has it open", self.refused())
            other.communicate(b"\n")

    def test_journal_unreadable(self) -> None:
        """A journal that cannot be read is told of."""
        self.keep(PutValue("a", 1))
        self.journal.mkdir()
        self.assertIn(f"{self.journal}: Is a directory", self.refused())


class DamageTests(OpeningTestCase):
    """It is not as it was."""

    def setUp(self) -> None:
        super().setUp()
        self.keep(PutValue("a", 1))
        self.time = NOON + timedelta(hours=1)
        self.keep(PutValue("a", 2))

    def test_way_back(self) -> None:
        """The commands that are told bring the newest snapshot back; it is said what is lost."""
        self.damage()
        said = self.refused()
        self.assertIn(f"{self.path} is damaged: it is not a database", said)
        self.assertIn("done since 2026-11-28T13:00:00Z is lost", said)
        self.assertIn(f"cp {self.snapshots}/proactor-2026-11-28T13-00-00Z.db {self.path}", said)
        self.go(said.partition("snapshot: ")[2])
        self.assertEqual(self.found().values, {"a": 2})
        self.assertTrue(self.path.with_name("proactor.db.damaged").exists())

    def test_newest_good(self) -> None:
        """A snapshot that is damaged, too, is passed over, and one that a newer version wrote."""
        newest = self.snapshots / "proactor-2026-11-28T13-00-00Z.db"
        shutil.copy(newest, newest.with_name("proactor-2027-11-28T13-00-00Z.db"))
        with newest.with_name("proactor-2027-11-28T13-00-00Z.db").open("r+b") as file:
            file.seek(60)
            file.write((77).to_bytes(4, "big"))
        newest.write_bytes(newest.read_bytes()[:5000])
        self.damage()
        self.go(self.refused().partition("snapshot: ")[2])
        self.assertEqual(self.found().values, {"a": 1})

    def test_no_good_snapshot(self) -> None:
        """Without one the way to begin anew is told."""
        for snapshot in self.snapshots.iterdir():
            snapshot.write_bytes(b"")
        self.damage()
        said = self.refused()
        self.assertIn("There is no snapshot to go back to", said)
        self.go(said.partition("nothing: ")[2])
        self.go(self.refused().partition("nothing: ")[2])
        self.assertEqual(self.found().values, {})

    def test_kinds(self) -> None:
        """What is empty, cut, of another program or torn inside is damaged."""
        whole = self.path.read_bytes()
        for data, said in (
            (b"", "it is empty"),
            (whole[:50], "it is not a database"),
            (whole[: len(whole) - 4096], "malformed"),
            (whole[:68] + b"ABCD" + whole[72:], "it is no database of Proactor's"),
            (whole[:60] + bytes(4) + whole[64:], "it does not say which version it is of"),
            (whole[:4096] + bytes(len(whole) - 4096), "btreeInitPage"),
        ):
            self.path.write_bytes(data)
            told = self.refused()
            self.assertIn("is damaged", told)
            self.assertIn(said, told)

    def test_a_row(self) -> None:
        """A row that says something else than was written is found when it is read."""
        data = self.path.read_bytes()
        self.assertEqual(data.count(b"a2"), 1)
        self.path.write_bytes(data.replace(b"a2", b"a3"))
        store = self.open()
        said = str(self.assertRaises(ProactorError, store.load))
        self.assertIn("is damaged: a row of", said)
        self.successResultOf(store.close())
        self.go(said.partition("snapshot: ")[2])
        self.assertEqual(self.found().values, {"a": 2})

    def test_another_version_of_a_value(self) -> None:
        """A value that is none of this version is found when it is read."""
        for sql in (
            """INSERT INTO jobs (guid, value, sum) VALUES ('a', '{"no": 1}', checksum('a', '{"no": 1}'))""",
            """INSERT INTO events VALUES (1, 'a', '{"no": 1}', checksum(1, 'a', '{"no": 1}'))""",
            "DELETE FROM meta",
        ):
            with closing(sqlite3.connect(self.path)) as connection:
                schema.upgrade(connection, 0, ())
                connection.execute(sql)
                connection.commit()
            self.assertIn("is damaged", str(self.assertRaises(ProactorError, self.found)))
            self.path.unlink()
            shutil.copy(self.snapshots / "proactor-2026-11-28T13-00-00Z.db", self.path)


class MissingTests(OpeningTestCase):
    """It is not there, and was."""

    def test_snapshots(self) -> None:
        """Beside its snapshots none is made; both ways are told, and lead on."""
        self.keep(PutValue("a", 1))
        for way, values in (("snapshot: ", {"a": 1}), ("nothing: ", {})):
            self.path.unlink()
            said = self.refused()
            self.assertIn(f"{self.path} is missing", said)
            self.go(said.partition(way)[2].partition(". ")[0])
            self.assertEqual(self.found().values, values)

    def test_journal(self) -> None:
        """Beside its journal none is made."""
        self.kill(PutValue("a", 1))
        self.path.unlink()
        before = self.contents()
        said = self.refused()
        self.assertEqual(self.contents(), before)
        self.go(said.partition("nothing: ")[2])
        self.assertEqual(self.found().values, {})


class VersionTests(OpeningTestCase):
    """It was written by another version."""

    def test_newer(self) -> None:
        """One of a newer version is refused, and not touched."""
        self.keep(PutValue("a", 1))
        self.damage(60, (7).to_bytes(4, "big"))
        before = self.contents()
        known = len(schema.SCRIPTS)
        self.assertIn(f"written by a newer Proactor (schema 7; this one knows {known})", self.refused())
        self.assertEqual(self.contents(), before)

    def test_newer_in_the_journal(self) -> None:
        """The same where only its journal knows, which is not touched either."""
        store = self.open()
        self.successResultOf(store.commit([PutValue("a", 1)]))
        store._database.connection.execute("PRAGMA user_version = 7")
        self.path = killed(self.path, Path(self.mktemp()))
        self.home = self.path.parent
        before = self.contents()
        self.assertIn("schema 7", self.refused())
        self.assertEqual(self.contents(), before)

    def test_older(self) -> None:
        """Each older version there was is brought to the present one, with all that was in it."""
        self.assertEqual(sorted(SCRIPTS), list(range(1, len(schema.SCRIPTS) + 1)))
        for version, script in SCRIPTS.items():
            self.path = self.home / f"{version}" / "proactor.db"
            self.path.parent.mkdir()
            with closing(sqlite3.connect(self.path)) as connection:
                connection.executescript(script)
            self.assertEqual(self.found(), SAVED)

    def upgraded(self, *scripts: str) -> Database:
        snapshots = Snapshots(self.snapshots, self.now)
        database = Opening(self.path, snapshots, (*schema.SCRIPTS, *scripts)).open()
        self.addCleanup(database.close)
        return database

    def test_step_by_step(self) -> None:
        """Each step is done once, and as a whole; as it was before is kept as a snapshot."""
        self.keep(PutValue("a", 1))
        last = len(schema.SCRIPTS)
        good = "UPDATE \"values\" SET value = '2', sum = checksum(name, '2'); CREATE TABLE more (a)"
        bad = "CREATE TABLE still (a); CREATE TABLE more (a)"
        self.time += timedelta(hours=1)
        said = str(self.assertRaises(ProactorError, self.upgraded, good, bad))
        self.assertIn(f"cannot be brought from schema {last} to {last + 2}: table more already exists", said)
        shutil.copy(self.snapshots / "proactor-2026-11-28T13-00-00Z.db", self.home / "old")
        database = self.upgraded(good, "CREATE TABLE still (a)")
        self.assertEqual(database.load().values, {"a": 2})
        self.assertEqual(database.connection.execute("PRAGMA user_version").fetchone(), (last + 2,))
        database.close()
        self.path = self.home / "old"
        self.assertEqual(self.found().values, {"a": 1})

    def test_killed_in_the_midst(self) -> None:
        """Killed before whichever statement of it, it is as it was, or one step further; the next start goes on."""
        self.keep(PutValue("a", 1))
        last = len(schema.SCRIPTS)
        steps = (
            "UPDATE \"values\" SET value = '2', sum = checksum(name, '2'); CREATE TABLE more (a)",
            "INSERT INTO more VALUES (7); CREATE INDEX of_more ON more (a)",
        )
        copies: list[Path] = []

        def traced(path: Path) -> sqlite3.Connection:
            connection = connect(path)
            connection.set_trace_callback(lambda _: copies.append(self.copy(len(copies))))
            return connection

        with patch.object(opening, "connect", traced):
            self.upgraded(*steps).close()
        copies.append(self.copy(len(copies)))
        states = {self.state(self.copied(each), last) for each in copies}
        self.assertEqual(states, {(last, "1"), (last + 1, "2"), (last + 2, "2")})
        for each in copies:
            snapshots = Snapshots(each.parent / "snapshots", self.now)
            database = Opening(each, snapshots, (*schema.SCRIPTS, *steps)).open()
            self.assertEqual(database.load().values, {"a": 2})
            self.assertEqual(database.connection.execute("SELECT a FROM more").fetchall(), [(7,)])
            database.close()

    def copy(self, number: int) -> Path:
        """The whole home as a process that is killed now leaves it; where its database is."""
        to = self.home.with_name(f"{self.home.name}-{number}")
        shutil.copytree(self.home, to)
        return to / self.path.name

    def copied(self, path: Path) -> Path:
        """Another copy, which can be looked at: that may change it."""
        return killed(path, Path(self.mktemp()))

    def state(self, path: Path, last: int) -> tuple[int, str]:
        """The version of a database, and the value that is in it."""
        with closing(sqlite3.connect(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (value,) = connection.execute("SELECT value FROM \"values\" WHERE name = 'a'").fetchone()
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone()
        self.assertEqual(tables, (int(version > last),))
        return version, value
