"""Tests of the line before the launches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.launch_queue import LaunchQueue

from ..support.examples import examples


class LaunchQueueTests(SynchronousTestCase):
    """Who goes when."""

    def setUp(self) -> None:
        self.gone: list[str] = []
        self.clock = Clock()
        self.queue = LaunchQueue(2, partial(self.clock.callLater, 0))

    def enter(self, *names: str, again: bool = False) -> None:
        for name in names:
            self.queue.enter(name, partial(self.gone.append, name), again)
        self.clock.advance(0)

    def leave(self, name: str) -> None:
        self.queue.leave(name)
        self.clock.advance(0)

    def test_places(self) -> None:
        """So many go at once, the others wait, and see their place."""
        self.enter("a", "b", "c", "d")
        self.assertEqual(self.gone, ["a", "b"])
        self.assertEqual([self.queue.place(each) for each in "abcd"], [None, None, 1, 2])

    def test_next(self) -> None:
        """When one has gone the next goes."""
        self.enter("a", "b", "c", "d")
        self.leave("b")
        self.assertEqual(self.gone, ["a", "b", "c"])
        self.assertEqual(self.queue.place("d"), 1)

    def test_leaving_the_line(self) -> None:
        """Who leaves the line is not called, and those behind move up."""
        self.enter("a", "b", "c", "d")
        self.leave("c")
        self.leave("a")
        self.assertEqual(self.gone, ["a", "b", "d"])

    def test_leaving_twice(self) -> None:
        """Who has no place gives up none."""
        self.enter("a", "b", "c")
        self.leave("a")
        self.leave("a")
        self.leave("nobody")
        self.assertEqual(self.gone, ["a", "b", "c"])

    def test_retries_wait_for_the_others(self) -> None:
        """A start after a failure lets those pass that somebody asked for."""
        self.enter("a", "b")
        self.enter("again", again=True)
        self.enter("asked")
        self.assertEqual((self.queue.place("asked"), self.queue.place("again")), (1, 2))
        self.leave("a")
        self.assertEqual(self.gone, ["a", "b", "asked"])

    def test_retries_leave_room(self) -> None:
        """Starts after failures take half of the places at most, and one where there is but one."""
        self.queue = LaunchQueue(4, partial(self.clock.callLater, 0))
        self.enter("a", "b", "c", again=True)
        self.assertEqual(self.gone, ["a", "b"])
        self.enter("d", "e", "f")
        self.assertEqual((self.gone, self.queue.place("f")), (["a", "b", "d", "e"], 1))
        self.leave("a")
        self.assertEqual(self.gone[4:], ["f"])
        self.leave("d")
        self.assertEqual(self.gone[5:], ["c"])
        self.queue = LaunchQueue(1, partial(self.clock.callLater, 0))
        self.enter("g", "h", again=True)
        self.assertEqual(self.gone[6:], ["g"])

    def test_one_that_is_over_at_once(self) -> None:
        """A launch that fails within its own call holds no place."""
        for name in "abcde":
            self.queue.enter(name, partial(self.queue.leave, name))
        self.enter("x", "y")
        self.assertEqual(self.gone, ["x", "y"])

    def test_one_in_a_turn(self) -> None:
        """One goes in each turn: the first at once, and none while another leaves."""
        turns: list[Callable[[], None]] = []
        queue = LaunchQueue(2, turns.append)
        for name in "abcd":
            queue.enter(name, partial(self.gone.append, name))
        self.assertEqual(self.gone, ["a"])
        turns.pop(0)()
        self.assertEqual(self.gone, ["a", "b"])
        turns.pop(0)()
        self.assertEqual((self.gone, turns), (["a", "b"], []))
        queue.leave("a")
        queue.leave("b")
        self.assertEqual((self.gone, len(turns)), (["a", "b"], 1))
        turns.pop(0)()
        turns.pop(0)()
        self.assertEqual(self.gone, ["a", "b", "c", "d"])

    def test_one_that_fails(self) -> None:
        """What is raised by one does not hold up the next."""
        turns: list[Callable[[], None]] = []
        queue = LaunchQueue(2, turns.append)

        def fail() -> None:
            raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, queue.enter, "a", fail)
        queue.enter("b", partial(self.gone.append, "b"))
        turns.pop(0)()
        self.assertEqual(self.gone, ["b"])

    def test_line_that_is_left(self) -> None:
        """Who leaves before its turn comes is not called."""
        turns: list[Callable[[], None]] = []
        queue = LaunchQueue(2, turns.append)
        for name in "ab":
            queue.enter(name, partial(self.gone.append, name))
        self.assertEqual((queue.place("a"), queue.place("b")), (None, 1))
        queue.leave("b")
        turns.pop(0)()
        self.assertEqual((self.gone, turns), (["a"], []))

    @examples(100)
    @given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans(), st.booleans()), max_size=60))
    def test_against_a_model(self, moves: list[tuple[str, bool, bool]]) -> None:
        """Never more go than there are places, nobody is forgotten, and places are those of a plain sorted list."""
        clock = Clock()
        queue = LaunchQueue(2, partial(clock.callLater, 0))
        launching: dict[str, bool] = {}
        waiting: list[tuple[bool, int, str]] = []
        for number, (name, enters, again) in enumerate(moves):
            if enters and name not in launching and name not in {each[2] for each in waiting}:
                queue.enter(name, partial(launching.__setitem__, name, again), again)
                waiting.append((again, number, name))
            elif not enters:
                launching.pop(name, None)
                waiting = [each for each in waiting if each[2] != name]
                queue.leave(name)
            clock.advance(0)
            waiting = sorted(each for each in waiting if each[2] not in launching)
            self.assertEqual((len(launching) <= 2, sum(launching.values()) <= 1), (True, True))
            if waiting:
                # There is no place for the first of them.
                self.assertTrue(len(launching) == 2 or (waiting[0][0] and any(launching.values())))
            for place, (_, _, each) in enumerate(waiting, start=1):
                self.assertEqual(queue.place(each), place)
