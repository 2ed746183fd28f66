from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.logstore.layout import LARGEST, SMALLEST, Extent, Layout, Limits, Place, Span

from ..support.examples import examples

steps = st.lists(
    st.one_of(
        st.just(("begun", 0)),
        st.tuples(st.sampled_from(["moved", "dropped", "truncated", "evicted"]), st.integers(0, 50)),
    ),
    max_size=30,
)


def run(plan: list[tuple[str, int]]) -> tuple[Layout, dict[int, int | None]]:
    """Take steps; give what came of them, and for each byte that is kept the start of the file that holds it."""
    layout, where = Layout(), dict[int, int | None]()
    for name, count in plan:
        if name == "begun":
            layout = layout.begun()
        elif name == "moved" and layout.spans and layout.spans[-1].end == layout.base:
            where |= dict.fromkeys(range(layout.base, layout.base + count), layout.spans[-1].start)
            layout = layout.moved(count)
        elif name == "dropped":
            layout = layout.dropped(layout.base + count)
        elif name == "truncated":
            layout = layout.truncated(layout.base + count)
        elif name == "evicted":
            layout, gone = layout.evicted(count)
            where = {offset: start for offset, start in where.items() if all(start != span.start for span in gone)}
    return layout, where | dict.fromkeys(range(layout.base, layout.base + 60), None)


class LayoutTests(SynchronousTestCase):
    """Where bytes are."""

    @examples(300)
    @given(steps)
    def test_locate(self, plan: list[tuple[str, int]]) -> None:
        """Each byte that is kept is found in the one file that holds it, and of each that is not, the next that is."""
        layout, where = run(plan)
        for offset in range(layout.base + 50):
            there = min(place for place in where if place >= offset)
            place = layout.locate(offset)
            found = (place.gap, None if place.span is None else place.span.start)
            self.assertEqual(found, (there - offset, where[there]))

    @examples(300)
    @given(steps)
    def test_before(self, plan: list[tuple[str, int]]) -> None:
        """Backwards, extents follow on one another from the end to the oldest byte, each byte in its file."""
        layout, where = run(plan)
        end, seen = layout.base + 60, dict[int, int | None]()
        while (extent := layout.before(end)) is not None:
            self.assertTrue(extent.start < extent.end <= end)
            start = None if extent.span is None else extent.span.start
            seen |= dict.fromkeys(range(extent.start, extent.end), start)
            end = extent.start
        self.assertEqual(seen, where)
        self.assertTrue(layout.oldest <= min(seen))

    @examples(300)
    @given(steps, st.integers(-5, 200))
    def test_evicted(self, plan: list[tuple[str, int]], room: int) -> None:
        """What stays fits, and is the newest; of empty files none stays."""
        layout, _ = run(plan)
        after, gone = layout.evicted(room)
        self.assertTrue(after.moved_bytes <= max(room, 0))
        full = tuple(span for span in after.spans if span.size)
        self.assertEqual((*(s for s in gone if s.size), *full), tuple(s for s in layout.spans if s.size))
        self.assertEqual(after.spans, full)
        bigger = [span for span in gone if span.size]
        if bigger:
            self.assertTrue(after.moved_bytes + bigger[-1].size > room)

    def test_examples(self) -> None:
        """A log with a gap, by hand."""
        layout = Layout((Span(10, 20), Span(20, 25)), base=30)
        self.assertEqual(layout.locate(3), Place(7, Span(10, 20)))
        self.assertEqual(layout.locate(20), Place(0, Span(20, 25)))
        self.assertEqual(layout.locate(26), Place(4, None))
        self.assertEqual(layout.before(40), Extent(30, 40, None))
        self.assertEqual(layout.before(30), Extent(20, 25, Span(20, 25)))
        self.assertIsNone(layout.before(10))
        self.assertEqual((layout.oldest, layout.moved_bytes), (10, 15))


class RecoveredTests(SynchronousTestCase):
    """What a layout is made of after a start."""

    def test_recovered(self) -> None:
        """Whatever a log was doing, it is known where to go on."""
        two = (Span(10, 20), Span(20, 25))
        for spans, origin, first_data, copied, expected in [
            ((), 0, 0, False, Layout()),
            ((), 0, 7, False, Layout((), 7)),
            ((), 50, 7, False, Layout((), 57, 50)),
            ((Span(9, 9),), 0, 0, False, Layout((Span(9, 9),))),
            (two, 0, 25, False, Layout(two, 25)),
            (two, 0, 31, False, Layout(two, 31)),
            (two, 0, 22, True, Layout(two, 25)),
            (two, 22, 0, True, Layout(two, 25, 22)),
            (two, 22, 7, False, Layout(two, 29, 22)),
            (two, 0, 0, False, Layout(two, 25, 25)),
            (two, 0, 5, False, Layout(two, 30, 25)),
        ]:
            self.assertEqual(Layout.recovered(spans, origin, first_data, copied), expected)


class LimitsTests(SynchronousTestCase):
    """How much is kept."""

    @examples(100)
    @given(st.integers(64 << 10, 1 << 40), st.integers(0, 100))
    def test_consistent(self, max_bytes: int, backups: int) -> None:
        """What is moved at once is a part of what is moved, and that of what is there."""
        limits = Limits(max_bytes, backups)
        self.assertTrue(SMALLEST <= limits.chunk <= LARGEST)
        self.assertTrue(limits.chunk < limits.rest < limits.full < max_bytes)
        self.assertEqual(limits.backup_bytes, max_bytes * backups)

    def test_refused(self) -> None:
        """Limits that make no sense are none."""
        self.assertRaises(ValueError, Limits, 1000, 3)
        self.assertRaises(ValueError, Limits, 1 << 20, -1)
