# mypy: allow-untyped-calls
"""The periodic task."""

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, LoopingCall
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from proactor.backoff import Backoff
from proactor.reactor.periodic import Periodic, spread

from ..support.examples import examples


class Broken(Exception):
    """What a run raises in these tests."""


class PeriodicTests(SynchronousTestCase):
    """Runs, waits and the end."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.runs: list[float] = []
        self.log: list[object] = []

    def periodic(self, run: Callable[[], Any], *, drawn: float = 0.5, interval: float = 10.0, **more: Any) -> Periodic:
        """Give one whose random source draws always the same: with 0.5 the interval is exact."""

        def record() -> Any:
            self.runs.append(self.clock.seconds())
            return run()

        return Periodic(
            self.clock,
            record,
            lambda: interval,
            random=lambda: drawn,
            **{"trouble": lambda failure: self.log.append(failure.type), "recovery": self.log.append, **more},
        )

    def advance(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass as a reactor would."""
        self.clock.pump([step] * int(seconds / step))

    def test_interval(self) -> None:
        """A run comes at once, and another an interval after each."""
        self.periodic(lambda: None).start()
        self.advance(30)
        self.assertEqual(self.runs, [0.25, 10.25, 20.25])

    def test_later(self) -> None:
        """The first run waits for the interval, if wanted."""
        self.periodic(lambda: None).start(now=False)
        self.advance(21)
        self.assertEqual(self.runs, [10, 20])

    def test_jitter(self) -> None:
        """A tenth of the interval either way, by what is drawn."""
        self.assertEqual([spread(10, partial(float, drawn)) for drawn in (0.0, 0.5, 1.0)], [9, 10, 11])
        self.periodic(lambda: None, drawn=0.0).start()
        self.advance(10)
        self.assertEqual(self.runs, [0.25, 9.25])

    def test_chosen_wait(self) -> None:
        """A run may choose when the next one is, at once included."""
        waits = iter([3.0, 0.0, -1.0, None])
        self.periodic(lambda: next(waits, None)).start()
        self.advance(14.5)
        self.assertEqual(self.runs, [0.25, 3.25, 3.25, 3.25, 13.25])

    def test_survives(self) -> None:
        """A run that raises is followed by another after a backoff; the first failure and the recovery are told."""
        outcomes: Any = iter([None, Broken(), Broken(), Broken(), None, Broken()])

        def run() -> None:
            outcome = next(outcomes, None)
            if outcome:
                raise outcome

        periodic = self.periodic(run, backoff=lambda: Backoff(first=4, cap=8))
        periodic.start()
        self.advance(30)
        self.assertEqual(self.runs, [0.25, 10.25, 12.25, 16.25, 20.25])
        self.assertEqual(self.log, [Broken, 3])
        self.assertEqual(periodic.failed, 0)
        self.advance(2)
        self.assertEqual(self.log, [Broken, 3, Broken])
        self.assertEqual(periodic.failed, 1)

    def test_a_looping_call(self) -> None:
        """It is Twisted's ``LoopingCall`` that runs."""
        self.periodic(lambda: None).start()
        calls: Any = self.clock.getDelayedCalls()
        self.assertEqual([type(call.func) for call in calls], [LoopingCall])

    def test_no_overlap(self) -> None:
        """A run that is in progress is waited for, however long it takes."""
        run: Deferred[None] = Deferred()
        self.periodic(lambda: run).start()
        self.advance(100)
        self.assertEqual(self.runs, [0.25])
        run.callback(None)
        self.advance(10)
        self.assertEqual(self.runs, [0.25, 110.25 - 0.25])

    def test_coroutine(self) -> None:
        """A run may be a coroutine that fails."""

        async def run() -> None:
            raise Broken

        self.periodic(run).start()
        self.advance(1)
        self.assertEqual(self.log, [Broken])

    def test_stop_between_runs(self) -> None:
        """With no run in progress it ends at once, and leaves nothing behind."""
        periodic = self.periodic(lambda: None)
        periodic.start()
        self.advance(1)
        self.successResultOf(periodic.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(periodic.stop())

    def test_stop_before_start(self) -> None:
        """What never began has ended."""
        self.successResultOf(self.periodic(lambda: None).stop())

    def test_stop_waits(self) -> None:
        """The run in progress is waited for, by everybody who stops."""
        run: Deferred[None] = Deferred()
        periodic = self.periodic(lambda: run)
        periodic.start()
        self.advance(1)
        stops = [periodic.stop(), periodic.stop()]
        self.assertNoResult(stops[0])
        run.callback(None)
        for stop in stops:
            self.successResultOf(stop)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_cancels(self) -> None:
        """A run that waits for long may be cancelled; that is no trouble."""
        cancelled: list[object] = []
        run: Deferred[None] = Deferred(cancelled.append)
        periodic = self.periodic(lambda: run)
        periodic.start()
        self.advance(1)
        self.successResultOf(periodic.stop(cancel=True))
        self.assertEqual(cancelled, [run])
        self.assertEqual(self.log, [])

    def test_stop_from_within(self) -> None:
        """A run may end the whole."""
        stopped: list[Deferred[None]] = []
        periodic = self.periodic(lambda: stopped.append(periodic.stop()))
        periodic.start()
        self.advance(30)
        self.successResultOf(stopped[0])
        self.assertEqual(self.runs, [0.25])

    def test_its_owner_fails(self) -> None:
        """It goes on even if choosing the next wait, or telling of trouble, fails."""

        def trouble(_failure: Failure) -> None:
            raise ZeroDivisionError

        def run() -> None:
            raise Broken

        self.periodic(run, trouble=trouble, backoff=lambda: Backoff(first=1, cap=1)).start()
        self.advance(35)
        self.assertGreater(len(self.runs), 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_told_by_default(self) -> None:
        """Whoever says nothing about it has the first failure in the log."""
        outcomes: Any = iter([Broken(), Broken(), None])

        def run() -> None:
            outcome = next(outcomes)
            if outcome:
                raise outcome

        periodic = Periodic(self.clock, run, lambda: 100.0, random=lambda: 0.5)
        periodic.start()
        self.advance(10)
        self.assertEqual(len(self.flushLoggedErrors(Broken)), 1)
        self.assertEqual(periodic.failed, 0)

    @given(st.lists(st.sampled_from(["well", "raise", "fail", "late", "late failure", "cancelled"]), max_size=30))
    @examples(100)
    def test_goes_on(self, outcomes: list[str]) -> None:
        """After any outcomes, in any order, the next run comes within the longest wait, and never two at once."""
        self.setUp()
        left = list(outcomes)
        active = 0

        def end(result: Any) -> Any:
            nonlocal active
            active -= 1
            return result

        def run() -> Any:
            nonlocal active
            self.assertEqual(active, 0)
            active += 1
            done: Deferred[None] = Deferred()
            done.addBoth(end)
            outcome = left.pop(0) if left else "well"
            if outcome.startswith("late"):
                self.clock.callLater(5, done.errback if outcome == "late failure" else done.callback, Failure(Broken()))
                return done
            if outcome == "raise":
                active -= 1
                raise Broken
            if outcome == "cancelled":
                done.errback(Failure(CancelledError()))
            elif outcome == "fail":
                done.errback(Failure(Broken()))
            else:
                done.callback(None)
            return done

        periodic = self.periodic(run, backoff=lambda: Backoff(first=1, cap=10))
        periodic.start()
        for _ in outcomes:
            before = len(self.runs)
            self.advance(20)
            self.assertGreater(len(self.runs), before)
        stopped = periodic.stop()
        self.advance(6)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
