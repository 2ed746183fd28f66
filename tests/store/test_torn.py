"""Whatever was cut from its files or changed in them: the state after one of its commits, or the way out."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import ProactorError
from proactor.saved import AddEvent, AddRevision, DropJob, PutDocument, PutJob, PutMessage, Saved, SavedEdit, Write
from proactor.store.opening import open_store
from proactor.store.snapshots import Snapshots
from proactor.store.sqlite import SqliteStore
from proactor.store.threads import Threads

from .test_sqlite import killed
from .values import GUID, GUIDS, NOON, event, job, message, revision

FRAME = 24 + 4096


def steps() -> list[list[Write]]:
    """A sequence of commits."""
    made: list[list[Write]] = []
    for number, guid in enumerate(GUIDS):
        edit = SavedEdit(guid, "rate", None, (str(number), number + 1))
        made.append([PutJob(job(guid)), AddRevision(revision(number + 1, edit)), AddEvent(event(2 * number + 1, guid))])
        made.append([PutJob(job(guid, port=number)), PutMessage(message(number, guid, data=b"x" * 3000 * number))])
    made.append([PutDocument("x = 1\n" * 2000, "digest")])
    made.append([DropJob(GUID), AddRevision(revision(9))])
    return made


class TornTestCase(SynchronousTestCase):
    """The files of a store that was killed, and the states that it had."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path, self.states = self.recorded()
        self.journal = self.path.with_name("proactor.db-wal")
        self.data, self.log = self.path.read_bytes(), self.journal.read_bytes()

    def open(self, path: Path) -> SqliteStore:
        return open_store(path, Threads.none(), Clock(), lambda: NOON)

    def recorded(self) -> tuple[Path, list[Saved]]:
        store = self.open(self.folder / "proactor.db")
        states = [store.load()]
        for number, writes in enumerate(steps()):
            self.successResultOf(store.commit(writes))
            states.append(store.load())
            if number == 3:
                # Half of it is in the database itself.
                self.assertTrue(store._database._transactions.checkpoint("TRUNCATE"))
        copy = killed(self.folder / "proactor.db", Path(self.mktemp()))
        self.successResultOf(store.close())
        shutil.move(self.folder / "snapshots", copy.parent / "snapshots")
        return copy, states

    def outcome(self, data: bytes, log: bytes) -> int | str:
        """Which of the states is found, or what is said."""
        self.path.write_bytes(data)
        self.journal.write_bytes(log)
        try:
            # What is found is not to be copied.
            self.patch(Snapshots, "take", lambda *_: None)
            store = self.open(self.path)
        except ProactorError as error:
            return self.checked(str(error))
        try:
            return self.states.index(store.load())
        except ProactorError as error:
            return self.checked(str(error))
        finally:
            self.successResultOf(store.close())

    def checked(self, said: str) -> str:
        """A refusal, with the way out."""
        if "newer Proactor" in said:
            return said
        self.assertIn(f"cp {self.path.parent}/snapshots/proactor-2026-11-28T12-00-00Z.db {self.path}", said)
        return said


class CutTests(TornTestCase):
    """Something is missing."""

    def test_whole(self) -> None:
        """Nothing is missing: it is the last state."""
        self.assertEqual(self.outcome(self.data, self.log), len(self.states) - 1)
        self.assertGreater(len(self.log), 30 * FRAME)

    def test_journal(self) -> None:
        """The journal ends anywhere: it is the state after the last commit that is whole in it."""
        last = 4
        for frame in range((len(self.log) - 32) // FRAME):
            end = 32 + frame * FRAME
            for cut in (end, end + 1, end + 23, end + 24, end + 2000, end + FRAME - 1):
                found = self.outcome(self.data, self.log[:cut])
                assert isinstance(found, int)
                self.assertIn(found, (last, last + 1))
                last = found
        self.assertGreater(last, len(self.states) - 3)

    def test_head_of_the_journal(self) -> None:
        """The same for the bytes before the first frame."""
        for cut in range(33):
            self.assertEqual(self.outcome(self.data, self.log[:cut]), 4)

    def test_database(self) -> None:
        """The database ends at any page, or in one, with its journal and without it."""
        for cut in range(0, len(self.data), 2048):
            for log in (self.log, b""):
                found = self.outcome(self.data[:cut], log)
                if not isinstance(found, str):
                    # What is missing is in the journal, or a page of which nothing was used.
                    self.assertEqual(found, len(self.states) - 1 if log else 4)


class ChangedTests(TornTestCase):
    """Something is not what it was: seeds are random, and told."""

    def test_journal(self) -> None:
        """Bytes of the journal are changed: no commit before the last is lost and nobody told."""
        starts = range(32, len(self.log), FRAME)
        last_but_one = [at for at in starts if any(self.log[at + 4 : at + 8])][-2] + FRAME
        random = Random(5)
        for position in [*range(56), *(random.randrange(len(self.log)) for _ in range(150))]:
            changed = bytearray(self.log)
            changed[position] ^= 1 << random.randrange(8)
            found = self.outcome(self.data, bytes(changed))
            if not isinstance(found, str):
                self.assertGreaterEqual(found, len(self.states) - 2, position)
                self.assertTrue(found == len(self.states) - 1 or position >= last_but_one, position)

    def test_database(self) -> None:
        """Bytes of the database are changed: what is found is what was kept, or it is refused."""
        self.outcome(self.data, self.log)
        whole = self.path.read_bytes()
        random = Random(6)
        refused = 0
        for position in [*range(0, 100, 3), *(random.randrange(100, len(whole)) for _ in range(300))]:
            changed = bytearray(whole)
            changed[position] ^= 1 << random.randrange(8)
            refused += isinstance(self.outcome(bytes(changed), b""), str)
        self.assertGreater(refused, 20)

    def test_pages(self) -> None:
        """A page is another's, or nothing."""
        self.outcome(self.data, self.log)
        whole = self.path.read_bytes()
        pages = [whole[at : at + 4096] for at in range(0, len(whole), 4096)]
        for number in range(1, len(pages)):
            for other in (bytes(4096), pages[number - 1]):
                self.outcome(b"".join([*pages[:number], other, *pages[number + 1 :]]), b"")
