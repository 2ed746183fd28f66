from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Conflict
from proactor.web.waiting import LONGEST, within


class WithinTests(SynchronousTestCase):
    """Work that a caller may wait for."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.work: Deferred[str] = Deferred()

    def within(self, seconds: float | None) -> Deferred[bool]:
        return Deferred.fromCoroutine(within(self.clock, self.work, seconds, "the work"))

    def test_done_already(self) -> None:
        """Work that is done needs no waiting, and leaves no timer."""
        self.work.callback("")
        for seconds in (None, 0, 10):
            self.assertTrue(self.successResultOf(self.within(seconds)))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_done_in_time(self) -> None:
        """Who waits is answered when it is done, not later."""
        answer = self.within(10)
        self.clock.advance(9)
        self.assertNoResult(answer)
        self.work.callback("")
        self.assertTrue(self.successResultOf(answer))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_too_slow(self) -> None:
        """Who waits no longer leaves the work to go on to its end."""
        answer = self.within(10)
        self.clock.advance(10)
        self.assertFalse(self.successResultOf(answer))
        self.work.callback("")

    def test_not_waited_for(self) -> None:
        """Without a wish to wait the answer comes at once, and leaves no timer."""
        for seconds in (None, 0):
            self.assertFalse(self.successResultOf(self.within(seconds)))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.work.callback("")

    def test_bounded(self) -> None:
        """Nobody waits for ever."""
        answer = self.within(1e9)
        self.clock.advance(LONGEST)
        self.assertFalse(self.successResultOf(answer))

    def test_failed_in_time(self) -> None:
        """A failure is told to who waits."""
        answer = self.within(10)
        self.work.errback(Conflict("no"))
        self.failureResultOf(answer, Conflict)

    def test_failed_later(self) -> None:
        """A failure that nobody waits for is in the log."""
        answer = self.within(0)
        self.clock.advance(0)
        self.assertFalse(self.successResultOf(answer))
        with capturedLogs() as events:
            self.work.errback(Conflict("no"))
        self.assertEqual([formatEvent(event) for event in events], ["the work"])
        self.assertEqual(len(self.flushLoggedErrors(Conflict)), 1)

    def test_given_up(self) -> None:
        """Who gives up waiting leaves no timer, and the work to go on."""
        answer = self.within(10)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.work.callback("")
