"""What every store promises: a mixin for the tests of each."""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proactor.errors import StorageFailed
from proactor.saved import (
    AddEvent,
    AddRevision,
    DropJob,
    DropMessage,
    DropRollout,
    PutDocument,
    PutJob,
    PutMessage,
    PutRollout,
    PutValue,
    Saved,
    SavedEdit,
    Write,
)
from proactor.store.interface import IStore

from .values import GUID, OTHER, event, full_job, job, message, revision


class StoreTests(SynchronousTestCase):
    """The base: how a store is made, and what of it is left for the next initiator."""

    store: IStore
    clock: Clock

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = self.open()

    def open(self) -> Any:
        """An empty store."""
        raise NotImplementedError

    def reopened(self) -> Any:
        """The next one, after this one was killed."""
        raise NotImplementedError

    # Means.

    def commit(self, *writes: Write) -> None:
        self.assertIsNone(self.successResultOf(self.store.commit(writes)))

    def refused(self, *writes: Write) -> str:
        return str(self.failureResultOf(self.store.commit(writes), StorageFailed).value)

    def kept(self) -> Saved:
        """What the next initiator finds."""
        self.store = self.reopened()
        found: Saved = self.store.load()
        return found


class SuiteMixin(StoreTests):
    """The promises."""

    def test_interface(self) -> None:
        """It is a store."""
        verifyObject(IStore, self.store)

    def test_empty(self) -> None:
        """A new one holds nothing."""
        self.assertEqual(self.store.load(), Saved())

    def test_jobs(self) -> None:
        """A job comes back with all that it has, and in the order in which they were made; the last word counts."""
        self.commit(PutJob(job(OTHER)), PutJob(job(GUID)))
        self.commit(PutJob(full_job(OTHER)))
        found = self.kept().jobs
        self.assertEqual(found, {OTHER: full_job(OTHER), GUID: job(GUID)})
        self.assertEqual(list(found), [OTHER, GUID])

    def test_revisions(self) -> None:
        """A revision makes the edits what it says, and comes back with them in their order."""
        first = revision(
            2,
            SavedEdit("b", "rate", None, ("1", 2)),
            SavedEdit("a", "rate", None, ("", 2)),
            SavedEdit("b", "colour", None, ("blåu", 2)),
        )
        second = revision(4, SavedEdit("b", "rate", ("1", 2), None), SavedEdit("a", "rate", ("", 2), ("2", 4)))
        self.commit(AddRevision(first))
        self.commit(AddRevision(second), AddRevision(revision(5)))
        found = self.kept()
        self.assertEqual(found.edits, {"a": {"rate": ("2", 4)}, "b": {"colour": ("blåu", 2)}})
        self.assertEqual(found.history, (first, second))
        self.assertEqual(found.revision, 5)

    def test_repeated_revision(self) -> None:
        """A revision comes once, and after those before it: of what else was to be kept with it nothing is."""
        self.commit(AddRevision(revision(2)))
        for number in (1, 2):
            self.assertIn(f"revision {number}", self.refused(PutJob(job()), AddRevision(revision(number))))
        self.refused(AddRevision(revision(3)), AddRevision(revision(3)))
        found = self.kept()
        self.assertEqual((found.revision, found.jobs), (2, {}))

    def test_drop_job(self) -> None:
        """A job is forgotten with its edits and its history; messages to it stay, and so does all else."""
        mine, other = SavedEdit(GUID, "rate", None, ("1", 2)), SavedEdit("a", "rate", None, ("1", 2))
        alone = SavedEdit(GUID, "rate", ("1", 2), ("2", 3))
        messages = message(1), message(2, OTHER, sender=GUID), message(3, dead="expired")
        self.commit(PutJob(job()), PutJob(job(OTHER)), AddRevision(revision(2, mine, other)))
        self.commit(AddRevision(revision(3, alone)), AddEvent(event(1)), *map(PutMessage, messages))
        self.commit(AddRevision(revision(4)), DropJob(GUID))
        found = self.kept()
        self.assertEqual(list(found.jobs), [OTHER])
        self.assertEqual(found.edits, {"a": {"rate": ("1", 2)}})
        self.assertEqual(found.history, (revision(2, other),))
        self.assertEqual((found.revision, found.last_event), (4, 1))
        self.assertEqual((found.messages, found.last_message), (tuple(each.head() for each in messages), 3))
        self.commit(DropJob(GUID))

    def test_document(self) -> None:
        """The last document is kept, word by word."""
        self.commit(PutDocument("[a]\nb = 1\n", "digest"))
        self.commit(PutDocument("[ä]\r\nb = 2\n\n", "other"))
        self.assertEqual(self.kept().document, PutDocument("[ä]\r\nb = 2\n\n", "other"))

    def test_rollouts(self) -> None:
        """Rollouts come and go."""
        self.commit(PutRollout("b", {"state": "under way"}), PutRollout("a", {"n": [1, {"x": None}]}))
        self.commit(PutRollout("b", {"state": "done"}), PutRollout("c", {}), DropRollout("c"))
        found = self.kept().rollouts
        self.assertEqual(found, {"b": {"state": "done"}, "a": {"n": [1, {"x": None}]}})
        self.assertEqual(list(found), ["b", "a"])

    def test_messages(self) -> None:
        """Messages come back in the order of their numbers, and the highest number is never given again."""
        later = evolve(message(2), tries=3, not_before=message(2).accepted, data=b"")
        self.commit(*(PutMessage(message(number)) for number in (3, 1, 2, 9)))
        self.commit(PutMessage(later), DropMessage(3), DropMessage(9))
        found = self.kept()
        self.assertEqual(found.messages, (message(1).head(), later.head()))
        self.assertEqual(self.successResultOf(self.store.messages([2, 3, 1, 2])), [message(1), later])
        self.assertEqual(found.last_message, 9)

    def test_values(self) -> None:
        """A value is kept until it is taken away."""
        self.commit(PutValue("a", {"b": [1.5, "ü", None]}), PutValue("c", 1), PutValue("d", False))
        self.commit(PutValue("c", None), PutValue("never", None))
        self.assertEqual(self.kept().values, {"a": {"b": [1.5, "ü", None]}, "d": False})

    def test_events(self) -> None:
        """Events are read page by page, of all or of one job, oldest first."""
        all_ = [event(number, (GUID, OTHER, None)[number % 3], n=number) for number in range(1, 10)]
        self.commit(*map(AddEvent, all_))
        found = self.kept()
        self.assertEqual((found.events, found.last_event), (tuple(all_), 9))
        self.assertEqual(self.page(100, 3), [7, 8, 9])
        self.assertEqual(self.page(7, 3), [4, 5, 6])
        self.assertEqual(self.page(3, 3), [1, 2])
        self.assertEqual(self.page(1, 3), [])
        self.assertEqual(self.page(9, 2, GUID), [3, 6])
        self.assertEqual(self.page(10, 0), [])
        self.assertEqual(self.successResultOf(self.store.events(3, 1)), [all_[1]])

    def page(self, before: int, count: int, guid: str | None = None) -> list[int]:
        return [each.id for each in self.successResultOf(self.store.events(before, count, guid))]

    def test_own_copies(self) -> None:
        """What is kept is what it was when it was given, whatever becomes of that; sequences come back as tuples."""
        labels, failures, record = {"a": "1"}, [job().created], {"n": [1]}
        self.commit(PutJob(job(labels=labels, failures=failures)), PutRollout("a", record))
        labels["a"], record["n"] = "2", []
        failures.clear()
        found = self.kept()
        self.assertEqual(found.jobs[GUID], job(labels={"a": "1"}, failures=(job().created,)))
        self.assertEqual(found.rollouts, {"a": {"n": [1]}})

    def test_not_to_be_kept(self) -> None:
        """What is no value of those that can be kept is refused, and nothing with it is kept."""
        wrong = (PutValue("a", {1, 2}), PutJob(job(created=job().created.replace(tzinfo=None))), object())
        for write in wrong:
            self.refused(PutJob(job(OTHER)), cast(Write, write))
            self.assertRaises(StorageFailed, self.store.note, [cast(Write, write)])
        self.assertEqual(self.kept(), Saved())

    def test_nothing(self) -> None:
        """A commit of nothing is done when those before it are."""
        first, second = self.store.commit([PutValue("a", 1)]), self.store.commit([])
        self.successResultOf(first)
        self.successResultOf(second)

    def test_noted_with_the_next(self) -> None:
        """What is noted is kept with the next commit, before it."""
        self.store.note([PutValue("a", 1), PutValue("b", 1)])
        self.commit(PutValue("a", 2))
        self.assertEqual(self.kept().values, {"a": 2, "b": 1})

    def test_noted_soon(self) -> None:
        """What is noted is kept soon, if nothing else is to be; until then it may be lost."""
        self.store.note([PutValue("a", 1)])
        self.assertEqual(self.kept().values, {})
        self.store.note([PutValue("a", 2)])
        self.store.note([PutValue("b", 2)])
        self.clock.advance(0.05)
        self.assertEqual(self.kept().values, {"a": 2, "b": 2})

    def test_noted_nothing(self) -> None:
        """Nothing noted is nothing to do."""
        before = self.clock.getDelayedCalls()
        self.store.note([])
        self.assertEqual(self.clock.getDelayedCalls(), before)

    def test_noted_is_read(self) -> None:
        """An event that was noted is there when events are asked for."""
        self.store.note([AddEvent(event(1))])
        self.assertEqual(self.page(10, 10), [1])

    def test_noted_wrongly(self) -> None:
        """What was noted and cannot be is given up; what else was noted, and the next commit, are kept."""
        self.commit(AddRevision(revision(3)))
        self.store.note([PutValue("a", 1), AddRevision(revision(3)), PutValue("b", 1)])
        self.commit(PutValue("c", 1))
        self.assertEqual(list(self.kept().values), ["a", "b", "c"])

    def test_close(self) -> None:
        """A store that is closed has kept what was noted, and takes nothing more."""
        self.store.note([PutValue("a", 1)])
        self.successResultOf(self.store.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.refused(PutValue("a", 2))
        self.assertRaises(StorageFailed, self.store.note, [PutValue("a", 2)])
        self.failureResultOf(self.store.events(1, 1), StorageFailed)
        self.successResultOf(self.store.close())
        self.assertEqual(self.kept().values, {"a": 1})

    def test_from_a_callback(self) -> None:
        """Who hears that something is kept may have more kept, and close."""
        done: list[object] = []

        def then(_: object) -> Deferred[None]:
            return self.store.commit([PutValue("b", 2)])

        def at_last(_: object) -> Deferred[None]:
            return self.store.close()

        self.store.commit([PutValue("a", 1)]).addCallback(then).addCallback(at_last).addBoth(done.append)
        self.assertEqual(done, [None])
        self.assertEqual(self.kept().values, {"a": 1, "b": 2})

    def test_given_up(self) -> None:
        """Who waits no more does not disturb: it is kept all the same."""
        given_up = self.store.commit([PutValue("a", 1)])
        given_up.cancel()
        given_up.addErrback(lambda failure: failure.trap(Exception))
        self.commit(PutValue("b", 1))
        self.assertEqual(self.kept().values, {"a": 1, "b": 1})
