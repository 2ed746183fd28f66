"""The store on a thread of its own, beside a reactor that runs."""

from __future__ import annotations

import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from proactor.errors import StorageFailed
from proactor.saved import AddEvent, PutJob, PutValue
from proactor.store.database import Database
from proactor.store.opening import open_store
from proactor.store.sqlite import SqliteStore
from proactor.store.threads import Threads

from .test_killed import found
from .values import GUIDS, event, job


class ThreadTests(TestCase):
    """With the real reactor."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.store = self.open()

    def open(self) -> SqliteStore:
        store = open_store(self.path, Threads.of(cast(IReactorFromThreads, reactor)), Clock())
        self.addCleanup(store.close)
        return store

    def run_all(self, *parts: Coroutine[Deferred[Any], Any, None]) -> Deferred[list[None]]:
        return gatherResults([Deferred.fromCoroutine(each) for each in parts], consumeErrors=True)

    async def writer(self, number: int) -> None:
        for count in range(1, 21):
            await self.store.commit([PutJob(job(GUIDS[number], port=count)), AddEvent(event(100 * number + count))])
            self.store.note([PutValue(f"{number}", count)])

    async def copier(self) -> None:
        for _ in range(3):
            await self.store.snapshot()
            await self.store.events(1000, 100)

    async def test_at_once(self) -> None:
        """Commits, notes, reads and copies at the same time: all that was acknowledged or noted is there at the end."""
        await self.run_all(*map(self.writer, range(5)), self.copier())
        await self.store.close()
        saved = found(self.path)
        self.assertEqual({each.port for each in saved.jobs.values()}, {20})
        self.assertEqual(saved.values, {f"{number}": 20 for number in range(5)})
        self.assertEqual(len(saved.events), 100)

    async def test_elsewhere(self) -> None:
        """The work is done in one thread, which is not the reactor's; who waits hears of it in the reactor's."""
        seen: set[int] = set()
        write = Database.write

        def noticed(database: Database, batches: Any) -> Any:
            seen.add(threading.get_ident())
            return write(database, batches)

        self.patch(Database, "write", noticed)
        for number in range(10):
            await self.store.commit([PutValue("a", number)])
            self.assertNotIn(threading.get_ident(), seen)
        self.assertEqual(len(seen), 1)

    async def test_closed_at_once(self) -> None:
        """What was asked for before is done before it is closed, and no thread is left."""
        kept = [self.store.commit([PutValue(f"{number}", number)]) for number in range(100)]
        closed = self.store.close()
        await gatherResults(kept)
        await closed
        with self.assertRaises(StorageFailed):
            await self.store.commit([])
        self.assertEqual(len(found(self.path).values), 100)
        self.assertEqual([each.name for each in threading.enumerate() if "proactor-store" in each.name], [])
