"""Tests of transactions by themselves: each has come to be when that is said, and else never will have."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import StorageFailed
from proactor.store.opening import open_store
from proactor.store.threads import Threads
from proactor.store.transactions import Transactions
from proactor.store.writing import Counters

from .flaky import Plan, connector


class Case(SynchronousTestCase):
    """A database whose disk does as it is told."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "proactor.db"
        self.plan = Plan()
        self.successResultOf(open_store(self.path, Threads.none(), Clock()).close())
        self.transactions = Transactions(self.path, connector(self.plan))
        self.addCleanup(self.transactions.close)

    def counted(self, revision: int) -> str:
        """A transaction in which no more is done than that a revision is counted."""

        def work() -> tuple[str, Counters]:
            return f"revision {revision}", evolve(self.transactions.counters, revision=revision)

        return self.transactions.run(work)

    def failed(self, revision: int) -> None:
        self.assertRaises(sqlite3.Error, self.counted, revision)

    def after(self) -> Counters:
        """What the next one finds that opens the database, whatever is on the disk for certain."""
        self.transactions.close()
        self.transactions = Transactions(self.path, connector(self.plan))
        self.addCleanup(self.transactions.close)
        return self.transactions.counters


class RunTests(Case):
    """What is done in a transaction."""

    def test_counted(self) -> None:
        """What comes of the work is given, and the transaction is counted."""
        before = self.transactions.counters.transactions
        self.assertEqual(self.counted(7), "revision 7")
        self.assertEqual(self.transactions.counters, Counters(before + 1, 7, 0))
        self.assertEqual(self.after(), Counters(before + 1, 7, 0))

    def test_raised(self) -> None:
        """Of work that raises anything nothing has come to be, and the next may begin."""
        before = self.transactions.counters

        def work() -> tuple[None, Counters]:
            self.transactions.connection.execute("DELETE FROM meta")
            raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, self.transactions.run, work)
        self.assertEqual((self.transactions.counters, self.after()), (before, before))
        self.counted(1)

    def test_deleted(self) -> None:
        """Nothing is done in a file that nobody will find."""
        self.path.rename(self.path.with_name("away"))
        self.path.touch()
        error = self.assertRaises(StorageFailed, self.counted, 1)
        self.assertIn(f"{self.path} was deleted or replaced", str(error))
        self.path.with_name("away").rename(self.path)
        self.counted(2)


class CommitTests(Case):
    """Commits that fail, and may have come to be all the same."""

    def test_failed(self) -> None:
        """One that was said to have failed has not come to be with the next start."""
        self.counted(1)
        self.plan.fail("COMMIT")
        self.failed(2)
        self.assertEqual((self.transactions.counters.revision, self.after().revision), (1, 1))

    def test_done_after_all(self) -> None:
        """One that failed and is there is no failure."""
        self.plan.fail("COMMIT", after=True)
        self.assertEqual(self.counted(2), "revision 2")
        self.assertEqual((self.transactions.counters.revision, self.after().revision), (2, 2))

    def test_written_over(self) -> None:
        """Where the journal cannot be carried over, something else takes the place of what failed."""
        self.counted(1)
        self.plan.fail("COMMIT")
        patched = self.patch(Transactions, "checkpoint", lambda *_: False)
        self.failed(2)
        patched.restore()
        self.assertIn("PRAGMA synchronous = OFF", self.plan.seen)
        before = self.transactions.counters
        self.assertEqual((before.revision, self.after()), (1, before))

    def test_not_opened_anew(self) -> None:
        """Where it has to be opened anew and cannot be, nothing is done until it can."""
        self.plan.unable = 1
        self.transactions._lost = True
        self.failed(1)
        self.assertEqual(self.counted(2), "revision 2")
        self.assertEqual(self.after().revision, 2)
