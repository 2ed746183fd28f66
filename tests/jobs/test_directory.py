"""Who is ready, on a test's clock."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.audience import GATHERED
from proactor.jobs.directory import REMEMBERED, Directory
from proactor.jobs.endpoint import Endpoint, Selection, selection
from proactor.model import Job

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def job(number: int, module: str = "m", ready: bool = True, incarnation: int = 1, **labels: str) -> Job:
    guid = f"{number:032x}"
    return Job(guid, module, "fork", 1, f"http://h:{number}", NOON, labels, ready=ready, incarnation=incarnation)


class Case(SynchronousTestCase):
    """A directory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.directory = Directory(self.clock, 1000)
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))

    def names(self, *wanted: str) -> list[int]:
        return sorted(int(each.guid, 16) for each in self.directory.ready(frozenset(wanted)))

    def wait(self, known: int, *wanted: str, seconds: float = 30) -> Deferred[None]:
        return Deferred.fromCoroutine(self.directory.changed(known, frozenset(wanted), seconds))

    def gathered(self) -> None:
        self.clock.advance(GATHERED)
        self.clock.advance(0)


class ReadyTests(Case):
    """Who is there."""

    def test_come_and_go(self) -> None:
        """It has those that are ready, each as it is now, and each change is a version."""
        self.directory.look(job(1))
        self.directory.look(job(2, ready=False))
        self.assertEqual((self.names(), self.directory.version), ([1], 1001))
        self.directory.look(job(1))
        self.assertEqual(self.directory.version, 1001)
        self.directory.look(job(1, incarnation=2))
        self.assertEqual([each.incarnation for each in self.directory.ready()], [2])
        self.directory.look(job(1, ready=False))
        self.assertEqual((self.names(), self.directory.version), ([], 1003))
        self.gathered()

    def test_chosen(self) -> None:
        """They are chosen by module, by label, by a label's value, and by all of these together."""
        for each in (job(1, role="a"), job(2, role="b", tier="x"), job(3, "n", role="a"), job(4)):
            self.directory.look(each)
        found = {
            wanted: self.names(*wanted)
            for wanted in [
                ("module:m",),
                ("label:role",),
                ("label:role=a",),
                ("module:m", "label:role=a"),
                ("label:role=b", "label:tier=x"),
                ("label:role=b", "module:n"),
                ("module:none",),
                ("label:role=",),
                (f"guid:{2:032x}",),
            ]
        }
        self.assertEqual(list(found.values()), [[1, 2, 4], [1, 2, 3], [1, 3], [1], [2], [], [], [], [2]])
        self.gathered()

    def test_presumed(self) -> None:
        """Who was ready before is there until the contrary is seen; who is there already is left as it is."""
        self.directory.presume(job(1, ready=False))
        self.assertEqual(self.names(), [1])
        self.directory.look(job(1))
        self.directory.presume(job(1, ready=False))
        self.assertEqual((self.names(), self.directory.version), ([1], 1001))
        self.directory.look(job(1, ready=False))
        self.assertEqual(self.names(), [])
        self.gathered()


class ChangesTests(Case):
    """What is different since a version."""

    def changes(self, known: int, *wanted: str) -> dict[int, int | None] | None:
        found = self.directory.changes(known, frozenset(wanted))
        if found is None:
            return None
        return {int(guid, 16): None if each is None else each.incarnation for guid, each in found.items()}

    def test_delta(self) -> None:
        """Each that changed is told once, as it is now."""
        self.directory.look(job(1))
        self.directory.look(job(2, "n"))
        self.directory.look(job(1, incarnation=2))
        self.assertEqual(self.changes(1000), {1: 2, 2: 1})
        self.assertEqual(self.changes(1001), {2: 1, 1: 2})
        self.assertEqual(self.changes(1002, "module:n"), {})
        self.assertEqual(self.changes(1003), {})
        self.directory.look(job(2, "n", ready=False))
        self.assertEqual(self.changes(1003, "module:n"), {2: None})
        self.assertEqual(self.changes(1003, "module:m"), {})
        self.gathered()

    def test_unknown(self) -> None:
        """What was before its time, or is of another initiator, is not known."""
        self.directory.look(job(1))
        self.assertEqual((self.changes(999), self.changes(1002)), (None, None))
        self.assertTrue(self.directory.is_new(999))
        self.assertTrue(self.directory.is_new(None))
        self.assertFalse(self.directory.is_new(1001))
        self.gathered()

    def test_forgotten(self) -> None:
        """Of many changes only the last are remembered."""
        for incarnation in range(REMEMBERED + 1):
            self.directory.look(job(1, incarnation=incarnation))
        self.assertEqual((self.changes(1000), self.changes(1001)), (None, {1: REMEMBERED}))
        self.gathered()

    @given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("mn"), st.booleans(), st.integers(1, 3))), st.data())
    def test_model(self, steps: list[tuple[int, str, bool, int]], data: st.DataObject) -> None:
        """What was, and what changed since laid over it, is what there is: for any selection, whatever happened."""
        directory = Directory(Clock())
        wanted: Selection = frozenset(data.draw(st.sampled_from([(), ("module:m",), ("label:odd",)])))
        known, seen = 0, dict[str, Endpoint]()
        for number, module, ready, incarnation in steps:
            directory.look(job(number, module, ready, incarnation, **({"odd": "1"} if number % 2 else {})))
            if data.draw(st.booleans()):
                new, changes = directory.is_new(known, wanted), directory.changes(known, wanted)
                assert changes is not None
                self.assertEqual(new, changes != {})
                seen = laid_over(seen, changes)
                known = directory.version
                self.assertEqual(seen, {each.guid: each for each in directory.ready(wanted)})


def laid_over(seen: dict[str, Endpoint], changes: Mapping[str, Endpoint | None]) -> dict[str, Endpoint]:
    merged = {**seen, **changes}
    return {guid: each for guid, each in merged.items() if each is not None}


class WaitingTests(Case):
    """Those who wait."""

    def test_told(self) -> None:
        """A change is told after some milliseconds, with all that happened meanwhile."""
        waiting = self.wait(1000)
        self.directory.look(job(1))
        self.clock.advance(GATHERED / 2)
        self.directory.look(job(2))
        self.assertNoResult(waiting)
        self.clock.advance(GATHERED / 2)
        self.successResultOf(waiting)

    def test_known_already(self) -> None:
        """What one does not have yet is answered at once; but not what is still gathered."""
        self.directory.look(job(1))
        held = self.wait(1000)
        self.assertNoResult(held)
        self.gathered()
        self.successResultOf(held)
        self.successResultOf(self.wait(1000))
        self.directory.look(job(2))
        self.successResultOf(self.wait(1000))
        held = self.wait(1001)
        self.assertNoResult(held)
        self.gathered()
        self.successResultOf(held)

    def test_storm(self) -> None:
        """While there is one change after another, each who asks again is told all the same, less often."""
        told = 0
        waiting = self.wait(1000)
        for number in range(100):
            self.directory.look(job(number))
            self.clock.advance(GATHERED / 10)
            self.clock.advance(0)
            if waiting.called:
                told += 1
                waiting = self.wait(self.directory.version)
        self.assertEqual(told, 10)
        waiting.cancel()
        self.failureResultOf(waiting)
        self.gathered()

    def test_unknown_version(self) -> None:
        """Who has what is not remembered is not kept waiting, and learns it when what he has is forgotten."""
        self.successResultOf(self.wait(1))
        self.successResultOf(self.wait(5000))

    def test_closed(self) -> None:
        """At the end all are let go, and nobody waits any more."""
        waiting = self.wait(1000)
        self.directory.look(job(1))
        self.directory.close()
        self.successResultOf(waiting)
        self.directory.look(job(2))
        self.successResultOf(self.wait(1002))


class MemoryTests(Case):
    """What is kept of those that have come and gone."""

    def test_gone(self) -> None:
        """Of one that is gone no more is kept than that it changed: no record, no address."""
        for number in range(50):
            self.directory.look(job(number, role="web"))
            self.directory.look(job(number, role="web", ready=False))
        self.clock.advance(GATHERED)
        gc.collect()
        self.assertEqual([each for each in gc.get_objects() if type(each) is Endpoint], [])
        self.assertEqual(len(self.directory.changes(1000, selection("m", ["role=web"])) or {}), 50)
