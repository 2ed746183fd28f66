"""The store in memory."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import StorageFailed, StorageFull
from proactor.saved import AddEvent, PutValue, Saved
from proactor.store.memory import MemoryStore

from . import suite
from .values import event


class MemoryTests(suite.SuiteMixin):
    """The suite."""

    def open(self) -> MemoryStore:
        return MemoryStore(self.clock)

    def reopened(self) -> MemoryStore:
        return cast(MemoryStore, self.store).reopened()


class MeansTests(SynchronousTestCase):
    """What it has for tests."""

    def setUp(self) -> None:
        self.store = MemoryStore()

    def test_at_once(self) -> None:
        """Without a clock what is noted is kept at once."""
        self.store.note([PutValue("a", 1)])
        self.assertEqual(self.store.load().values, {"a": 1})

    def test_fail(self) -> None:
        """Commits fail, as on a full disk, until there is room; then what was noted meanwhile is kept, too."""
        self.store.fail()
        self.store.note([PutValue("a", 1)])
        self.failureResultOf(self.store.commit([PutValue("b", 1)]), StorageFull)
        self.assertEqual(self.store.load(), Saved())
        self.store.recover()
        self.successResultOf(self.store.commit([PutValue("c", 1)]))
        self.assertEqual(self.store.load().values, {"a": 1, "c": 1})

    def test_fail_events(self) -> None:
        """Events that were noted meanwhile are there when events are asked for."""
        self.store.note([AddEvent(event(1)), AddEvent(event(2))])
        self.store.fail()
        self.store.note([AddEvent(event(3)), AddEvent(event(4))])
        self.assertEqual([each.id for each in self.successResultOf(self.store.events(4, 2))], [2, 3])

    def test_fail_some(self) -> None:
        """So many commits fail, with the error that is given."""
        self.store.fail(StorageFailed("broken"), times=2)
        for _ in range(2):
            self.failureResultOf(self.store.commit([PutValue("b", 1)]), StorageFailed)
        self.successResultOf(self.store.commit([PutValue("c", 1)]))
        self.assertEqual(self.store.commits, [(PutValue("c", 1),)])

    @staticmethod
    def add(_: None, done: list[int], number: int) -> None:
        done.append(number)

    def test_hold(self) -> None:
        """Commits wait, and are let go one by one or all, in their order."""
        self.store.hold()
        done: list[int] = []
        for number in range(4):
            self.store.commit([PutValue("a", number)]).addCallback(self.add, done, number)
        self.assertEqual((self.store.waiting, done), (4, []))
        self.store.release(1)
        self.assertEqual((self.store.waiting, done, self.store.load().values), (3, [0], {"a": 0}))
        self.assertEqual(self.store.reopened().load().values, {"a": 0})
        self.store.release()
        self.assertEqual((self.store.waiting, done), (0, [0, 1, 2, 3]))
        self.successResultOf(self.store.commit([]))
