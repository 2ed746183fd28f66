"""How far a log had come at some moments."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.logstore.marks import Marks


class MarksTests(SynchronousTestCase):
    """Marks of one log."""

    def test_nothing(self) -> None:
        """Where nothing was noted nothing is certain."""
        marks = Marks()
        self.assertEqual(marks.before(1e9), 0)
        marks.note(100.0, 7)
        self.assertEqual((marks.before(99.0), marks.before(100.0)), (0, 7))

    @given(st.lists(st.tuples(st.floats(0, 5000), st.integers(0, 1000))), st.floats(-10, 1e6))
    def test_certain(self, steps: list[tuple[float, int]], ago: float) -> None:
        """What is said to have been written before a time was; and all that was, where nothing came since."""
        marks, time, end, history = Marks(), 0.0, 0, [(0.0, 0)]
        for pause, count in steps:
            time, end = time + pause, end + count
            marks.note(time, end)
            history.append((time, end))
        asked = time - ago
        self.assertLessEqual(marks.before(asked), max((end for noted, end in history if noted <= asked), default=0))
        self.assertEqual(marks.before(time), end)

    def test_near(self) -> None:
        """Of the last seconds it is known to the second, of minutes and hours before that less exactly."""
        marks = Marks()
        for second in range(100_000):
            marks.note(float(second), second)
        for ago, off in ((0, 0), (5, 1), (15, 1), (60, 30), (500, 30), (3600, 900), (18_000, 900)):
            asked = 99_999 - ago
            self.assertLessEqual(asked - marks.before(asked), off, ago)
        self.assertEqual(marks.before(50_000), 0)

    def test_small(self) -> None:
        """However long it goes on they take next to nothing: there is one for each job."""
        marks = Marks()
        for second in range(100_000):
            marks.note(float(second), second)
        arrays = [each for level in marks._levels for each in (level.times, level.ends)]
        self.assertLess(sum(map(sys.getsizeof, arrays)), 2_500)

    def test_set_back(self) -> None:
        """A clock that is set back does no harm."""
        marks = Marks()
        marks.note(1000.0, 10)
        marks.note(10.0, 20)
        self.assertEqual((marks.before(10.0), marks.before(5.0)), (20, 0))
