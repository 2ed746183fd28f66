"""Tests of the timeline."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from datetime import datetime, timezone
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proactor.saved import SavedEvent
from proactor.timeline.timeline import KEPT, PAGE, REACH, Event, Selection, Timeline

T = TypeVar("T")

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
ALL = Selection()


def saved(number: int, kind: str = "running", guid: str | None = None, **more: Any) -> SavedEvent:
    return SavedEvent(number, NOON, kind, guid, "", "", more)


class Kept:
    """What a store keeps of events."""

    def __init__(self, events: Sequence[SavedEvent]) -> None:
        self.events = events
        self.asked: list[tuple[int, int, str | None]] = []

    async def older(self, before: int, count: int, guid: str | None) -> Sequence[SavedEvent]:
        self.asked.append((before, count, guid))
        return [event for event in self.events if event.id < before and guid in (None, event.guid)][-count:]


class Case(SynchronousTestCase):
    """Questions that are answered at once."""

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        result: T = self.successResultOf(Deferred.fromCoroutine(work))
        return result

    def before(self, timeline: Timeline, number: int, count: int, chosen: Selection = ALL) -> tuple[list[int], int]:
        part = self.result(timeline.before(number, count, chosen))
        return [event.id for event in part.events], part.start

    def after(self, timeline: Timeline, known: int, count: int = 100, chosen: Selection = ALL) -> tuple[Any, ...]:
        part = self.result(timeline.after(known, count, chosen))
        return [event.id for event in part.events], part.end, part.lost


class EventTests(SynchronousTestCase):
    """One event."""

    def test_record(self) -> None:
        """An event says when, what, of whom, why, because of what, by whom."""
        event = Timeline().add(NOON, "running", "g", "it answers", "operator", more={"before": "starting"})
        self.assertEqual(
            event.record(),
            {
                "id": 1,
                "time": "2026-01-02T12:00:00.000Z",
                "event": "running",
                "guid": "g",
                "cause": "it answers",
                "because": None,
                "actor": "operator",
                "before": "starting",
            },
        )

    def test_because(self) -> None:
        """What led to an event is named, and the trace is handed on from there."""
        timeline = Timeline()
        first = timeline.add(NOON, "a", None, "", "", trace="0af7651916cd43dd8448eb211c80319c")
        second = timeline.add(NOON, "b", None, "", "", because=first)
        self.assertEqual((second.because, second.record()["trace"]), (1, first.trace))
        other = timeline.add(NOON, "c", None, "", "", because=first, trace="x")
        self.assertEqual((other.because, other.trace), (1, "x"))

    @given(st.none() | st.integers(1), st.none() | st.text(), st.dictionaries(st.sampled_from("abc"), st.integers()))
    def test_saved(self, because: int | None, trace: str | None, more: dict[str, int]) -> None:
        """An event is the same after it was stored."""
        event = Event(7, NOON, "a", "g", "c", "d", more, because, trace)
        self.assertEqual(Event.of(event.saved()), event)


class TimelineTests(Case):
    """What is remembered."""

    def test_last(self) -> None:
        """In memory is what happened last, and no more of it than so much: whoever it happened to."""
        timeline = Timeline()
        for number in range(KEPT + 5):
            timeline.add(NOON, f"{number}", f"{number % 7}", "", "")
        events = timeline.last(2 * KEPT)
        self.assertEqual([events[0].kind, events[-1].kind], ["5", f"{KEPT + 4}"])
        self.assertEqual([each.kind for each in timeline.last(2)], [f"{KEPT + 3}", f"{KEPT + 4}"])

    def test_of_a_job(self) -> None:
        """What happened to a job stays among all, whether it is one still or not."""
        timeline = Timeline()
        for number in range(6):
            timeline.add(NOON, "running", "ab"[number % 2], "", "")
        timeline.add(NOON, "deleted", "a", "", "")
        self.assertEqual(self.before(timeline, 10, 10, Selection("a")), ([1, 3, 5, 7], 0))

    def test_recorded(self) -> None:
        """Each is recorded when it happens; what is taken up is not recorded again."""
        heard: list[Event] = []
        timeline = Timeline(heard.append)
        timeline.restore([saved(3, guid="a"), saved(5)], 9)
        event = timeline.add(NOON, "a", None, "", "")
        self.assertEqual((heard, event.id, timeline.last_id), ([event], 10, 10))
        self.assertEqual([each.id for each in timeline.last(9)], [3, 5, 10])

    def test_listeners(self) -> None:
        """Who listens is called of each event, until it does no more."""
        timeline, heard = Timeline(), []
        timeline.listen("a", lambda event: heard.append(event.id))
        timeline.add(NOON, "a", None, "", "")
        timeline.unlisten("a")
        timeline.unlisten("a")
        timeline.add(NOON, "a", None, "", "")
        self.assertEqual(heard, [1])


class SelectionTests(SynchronousTestCase):
    """What is chosen."""

    def test_chosen(self) -> None:
        """What is named must fit, each of it; what is not named does not matter."""
        event = Event.of(saved(1, "running", "g", module="m"))
        for fits in (ALL, Selection("g"), Selection("g", frozenset(["x", "running"]), frozenset(["m"]))):
            self.assertIn(event, fits)
        for not_fitting in (
            Selection("h"),
            Selection(kinds=frozenset(["starting"])),
            Selection(modules=frozenset(["n"])),
        ):
            self.assertNotIn(event, not_fitting)
        self.assertNotIn(Event.of(saved(1)), Selection("g", modules=frozenset(["m"])))


class BackwardTests(Case):
    """Page by page back into the past."""

    def timeline(self, kept: int, in_memory: int, **how: Any) -> tuple[Timeline, Kept]:
        store = Kept([saved(number, "ab"[number % 2], "gh"[number % 2]) for number in range(1, kept + 1)])
        timeline = Timeline(older=store.older)
        timeline.restore(store.events[kept - in_memory :], kept)
        return timeline, store

    def test_in_memory(self) -> None:
        """What is in memory is not asked for elsewhere."""
        timeline, store = self.timeline(10, 5)
        self.assertEqual(self.before(timeline, 11, 3), ([8, 9, 10], 8))
        self.assertEqual(self.before(timeline, 8, 2), ([6, 7], 6))
        self.assertEqual(store.asked, [])

    def test_beyond(self) -> None:
        """What is not in memory comes from where it is kept, and it is known when there is no more."""
        timeline, store = self.timeline(10, 5)
        self.assertEqual(self.before(timeline, 8, 5), ([3, 4, 5, 6, 7], 3))
        self.assertEqual(self.before(timeline, 3, 5), ([1, 2], 0))
        self.assertEqual(self.before(timeline, 1, 5), ([], 0))
        self.assertEqual(store.asked[0], (6, PAGE, None))

    def test_chosen(self) -> None:
        """Only what is chosen counts; of one job only that is looked at."""
        timeline, store = self.timeline(10, 5)
        self.assertEqual(self.before(timeline, 11, 4, Selection(kinds=frozenset("b"))), ([3, 5, 7, 9], 3))
        self.assertEqual(self.before(timeline, 11, 4, Selection("g")), ([4, 6, 8, 10], 4))
        self.assertEqual(store.asked[-1], (6, PAGE, "g"))

    def test_rare(self) -> None:
        """One answer does not look through everything for what is rare; it says how far it looked."""
        timeline, store = self.timeline(30 * PAGE, 5)
        rare = Selection(kinds=frozenset(["c"]))
        found, start = self.before(timeline, 30 * PAGE + 1, 5, rare)
        self.assertEqual((found, len(store.asked)), ([], 20))
        self.assertGreater(start, 1)
        self.assertEqual(self.before(timeline, start, 5, rare), ([], 0))


class ForwardTests(Case):
    """As it grows."""

    def test_in_memory(self) -> None:
        """What came after a number, piece by piece."""
        timeline = Timeline()
        timeline.restore([saved(number, "ab"[number % 2]) for number in (3, 4, 6, 7)], 9)
        self.assertEqual(self.after(timeline, 3), ([4, 6, 7], 7, 0))
        self.assertEqual(self.after(timeline, 3, 2), ([4, 6], 6, 0))
        self.assertEqual(self.after(timeline, 5), ([6, 7], 7, 0))
        self.assertEqual(self.after(timeline, 3, chosen=Selection(kinds=frozenset("b"))), ([7], 7, 0))
        self.assertEqual(self.after(timeline, 9), ([], 9, 0))

    def test_the_future(self) -> None:
        """A number that there never was is taken for the last."""
        timeline = Timeline()
        timeline.add(NOON, "a", None, "", "")
        self.assertEqual(self.after(timeline, 99), ([], 1, 0))
        self.assertEqual(self.after(Timeline(), 99), ([], 0, 0))

    def test_beyond(self) -> None:
        """What is not in memory any more comes from where it is kept."""
        store = Kept([saved(number, "ab"[number % 2]) for number in range(1, 21)])
        timeline = Timeline(older=store.older)
        timeline.restore(store.events[15:], 20)
        self.assertEqual(self.after(timeline, 12), ([13, 14, 15], 15, 0))
        self.assertEqual(self.after(timeline, 12, chosen=Selection(kinds=frozenset("a"))), ([14], 15, 0))

    def test_lost(self) -> None:
        """What is kept no more is counted."""
        store = Kept([saved(number) for number in (13, 14)])
        timeline = Timeline(older=store.older)
        timeline.restore([saved(16)], 16)
        self.assertEqual(self.after(timeline, 10), ([13, 14], 15, 3))
        self.assertEqual(self.after(Timeline(), 0), ([], 0, 0))
        nothing = Timeline()
        nothing.restore([], 16)
        self.assertEqual(self.after(nothing, 10), ([], 16, 6))

    def test_too_far_back(self) -> None:
        """Who was away for very long is not led through all of it."""
        timeline = Timeline()
        timeline.restore([saved(5 * REACH)], 5 * REACH)
        events, end, lost = self.after(timeline, 0)
        self.assertEqual((events, end, lost), ([], 4 * REACH - 1 + PAGE, 4 * REACH - 1 + PAGE))
