from __future__ import annotations

from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from proactor.launchers.turns import SLICE, InTurn

from ..support.rig import WorkingClock


class InTurnTests(SynchronousTestCase):
    """Who is called when."""

    def setUp(self) -> None:
        self.clock = WorkingClock()
        self.turns = InTurn(self.clock)
        self.called: list[int] = []

    def call(self, *numbers: int) -> None:
        for number in numbers:
            self.turns.call(partial(self.called.append, number))

    def test_first(self) -> None:
        """The first of a turn is called at once, the others in the next, in order; then it begins anew."""
        self.call(1, 2, 3)
        self.assertEqual(self.called, [1])
        self.clock.turn()
        self.assertEqual(self.called, [1, 2, 3])
        self.call(4)
        self.clock.turn()
        self.clock.turn()
        self.assertEqual((self.called, self.clock.getDelayedCalls()), ([1, 2, 3, 4], []))
        self.call(5)
        self.assertEqual(self.called[-1], 5)

    def test_slices(self) -> None:
        """What takes long leaves room for others in between."""
        self.clock.step = SLICE / 2
        self.call(*range(10))
        turns = 0
        while len(self.called) < 10:
            before = len(self.called)
            self.clock.turn()
            self.assertLessEqual(len(self.called) - before, 3)
            turns += 1
        self.assertGreater(turns, 2)
        self.assertEqual(self.called, list(range(10)))

    def test_called_by_a_call(self) -> None:
        """What a call leads to is not called within it."""

        def first() -> None:
            self.call(2)
            self.called.append(1)

        self.turns.call(first)
        self.assertEqual(self.called, [1, 2])

    def test_failure(self) -> None:
        """What one raises does not hold up the next."""

        def fail() -> None:
            self.call(1)
            raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, self.turns.call, fail)
        self.clock.turn()
        self.assertEqual(self.called, [1])
