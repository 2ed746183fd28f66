from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.web.turns import SLICE, Turns


class WorkTests(SynchronousTestCase):
    """Work that takes turns, on a clock that it moves on."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.turns = Turns(self.clock)
        self.done: list[int] = []

    def begin(self, number: int, seconds: float = SLICE / 2) -> Deferred[None]:
        """Have a piece of work wait for its turn, and take so long then."""

        async def work() -> None:
            await self.turns.wait()
            self.clock.rightNow += seconds
            self.done.append(number)

        return Deferred.fromCoroutine(work())

    def turn(self) -> None:
        """One turn of the reactor: what is called later in it is for the next, though the time may have come."""
        call: Any = self.clock.calls.pop()
        self.assertEqual(self.clock.calls, [])
        call.func()

    def test_at_once(self) -> None:
        """Nobody waits while there is time in a turn."""
        self.begin(1)
        self.begin(2)
        self.assertEqual(self.done, [1, 2])

    def test_next_turns(self) -> None:
        """What is too much for one turn goes on in the next ones, in order."""
        for number in range(5):
            self.begin(number)
        seen = [list(self.done)]
        while len(self.done) < 5:
            self.turn()
            seen.append(list(self.done))
        self.assertEqual(seen, [[0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4]])

    def test_no_overtaking(self) -> None:
        """Who comes while others wait waits behind them."""
        for number in range(3):
            self.begin(number)
        self.clock.rightNow += 1
        self.begin(3)
        self.assertEqual(self.done, [0, 1])
        self.turn()
        self.assertEqual(self.done, [0, 1, 2, 3])

    def test_time_passes(self) -> None:
        """A turn in which nothing was done is as long as any."""
        self.begin(1, SLICE)
        self.turn()
        self.begin(2)
        self.assertEqual(self.done, [1, 2])

    def test_given_up(self) -> None:
        """Who does not wait any more is passed over, and takes nobody's time."""
        waiting = [self.begin(number) for number in range(4)]
        waiting[2].cancel()
        self.failureResultOf(waiting[2], CancelledError)
        self.turn()
        self.assertEqual(self.done, [0, 1, 3])

    def test_nothing_left(self) -> None:
        """When nobody waits, nothing is left to be called."""
        self.begin(1)
        self.turn()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_connections(self) -> None:
        """A connection has joined from when it joins, for as long as there is such a one."""

        class Connection:
            """One, as it were."""

        first, second = Connection(), Connection()
        self.turns.join(first)
        self.assertEqual([self.turns.joined(each) for each in (first, second, None)], [True, False, False])
        del first
        self.turns.join(second)
        self.assertTrue(self.turns.joined(second))
