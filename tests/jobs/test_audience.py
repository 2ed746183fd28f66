"""Tests of those who wait for changes, on a test's clock."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.audience import GATHERED, GATHERED_EACH, LOOKED_AT, Audience
from proactor.jobs.endpoint import Change, Endpoint


def change(guid: str = "g", module: str = "m") -> Change:
    return Change.of(guid, None, Endpoint(guid, module, {}, "http://h:1", 1))


class AudienceTests(SynchronousTestCase):
    """Those who wait."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.audience = Audience(self.clock)
        self.addCleanup(lambda: self.assertEqual((self.clock.getDelayedCalls(), self.audience._waiting), ([], {})))

    def wait(self, *wanted: str, seconds: float = 30) -> Deferred[None]:
        return Deferred.fromCoroutine(self.audience.wait(frozenset(wanted), seconds))

    def gathered(self, seconds: float = GATHERED) -> None:
        self.clock.advance(seconds)
        self.clock.advance(0)

    def test_concerned(self) -> None:
        """Who waits for it, or for anything, is told; who waits for others is not woken."""
        told = [self.wait(), self.wait("module:m"), self.wait("guid:g"), self.wait("guid:g", "module:m")]
        others = [self.wait("module:n"), self.wait("guid:h"), self.wait("guid:h", "module:m")]
        self.audience.hear(change())
        self.gathered()
        for each in told:
            self.successResultOf(each)
        for each in others:
            self.assertNoResult(each)
        self.audience.close()
        for each in others:
            self.successResultOf(each)

    def test_gathered(self) -> None:
        """What happens within some milliseconds is told at once; as long as it is not, its number is known."""
        waiting = self.wait()
        self.audience.hear(change())
        self.clock.advance(GATHERED / 2)
        self.audience.hear(change("h"))
        self.assertNoResult(waiting)
        self.assertEqual(self.audience.untold, 2)
        self.gathered(GATHERED / 2)
        self.successResultOf(waiting)
        self.assertEqual(self.audience.untold, 0)

    def test_in_vain(self) -> None:
        """It is over when the time is."""
        waiting = self.wait(seconds=5)
        self.clock.advance(5)
        self.successResultOf(waiting)

    def test_hung_up(self) -> None:
        """Who hangs up leaves nothing behind."""
        waiting = self.wait()
        waiting.cancel()
        self.failureResultOf(waiting)

    def told_after(self, count: int) -> float:
        """How long it takes until so many are told of the second of two changes, in seconds."""
        for _ in range(2):
            waiting = [self.wait() for _ in range(count)]
            self.audience.hear(change())
            assert self.audience._next is not None
            after: float = self.audience._next.getTime() - self.clock.seconds()
            self.gathered(after)
            while not all(each.called for each in waiting):
                self.clock.advance(0)
        return after

    def test_many(self) -> None:
        """The more there are to be told the longer is gathered; after a while the first is told soon."""
        self.assertAlmostEqual(self.told_after(1), GATHERED)
        self.clock.advance(100)
        self.assertAlmostEqual(self.told_after(1000), 1000 * GATHERED_EACH)

    def test_too_many_changes(self) -> None:
        """More changes than are looked at concern everybody: nobody misses one, and no more of them are kept."""
        others = self.wait("module:n")
        for _ in range(LOOKED_AT + 1):
            self.audience.hear(change())
        self.assertEqual((self.audience.untold, len(self.audience._news)), (LOOKED_AT + 1, LOOKED_AT))
        self.gathered()
        self.successResultOf(others)

    def test_closed(self) -> None:
        """At the end all are let go, and what happens then is told to nobody."""
        waiting = self.wait()
        self.audience.hear(change())
        self.audience.close()
        self.successResultOf(waiting)
        self.audience.hear(change())
