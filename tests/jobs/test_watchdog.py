"""Tests of the watchdog by itself."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.watchdog import Watchdog
from proactor.reactor.timers import Timers


@define(eq=False)
class Watched:
    """Something that may be silent for so long."""

    silence: float
    said: list[str] = field(factory=list)

    def longest_silence(self) -> float:
        return self.silence

    def ask_where_it_is(self, cause: str) -> None:
        self.said.append(f"asked: {cause}")

    def spoke(self) -> None:
        self.said.append("spoke")

    def bite(self, cause: str) -> None:
        self.said.append(f"bitten: {cause}")


class WatchdogTests(SynchronousTestCase):
    """When it looks, and for what."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.watchdog = Watchdog(self.clock, Timers(self.clock))

    def watching(self, silence: float) -> Watched:
        watched = Watched(silence)
        self.watchdog.heard()
        self.watchdog.watch(watched)
        return watched

    def test_for_ever(self) -> None:
        """What may be silent for ever costs no timer."""
        self.watching(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_more(self) -> None:
        """A limit that is taken away is not looked for again; one that comes back counts from then on."""
        watched = self.watching(20)
        self.clock.pump([1] * 5)
        watched.silence = 0
        self.clock.pump([1] * 20)
        self.assertEqual((self.clock.getDelayedCalls(), watched.said), ([], []))
        watched.silence = 20
        self.watchdog.heed(watched)
        self.clock.pump([1] * 19)
        self.assertEqual(watched.said, [])
        self.clock.pump([1] * 2)
        self.assertEqual(watched.said, ["asked: silent for 20 s", "bitten: silent for 20 s"])

    def test_heed(self) -> None:
        """Where it is looked for already, news of the limit are no reason to begin anew."""
        watched = self.watching(20)
        self.clock.pump([1] * 15)
        self.watchdog.heed(watched)
        self.clock.pump([1] * 5)
        self.assertEqual(watched.said, ["asked: silent for 20 s"])
        self.watchdog.heed(watched)
        self.clock.pump([1])
        self.assertEqual(watched.said[1:], ["bitten: silent for 20 s"])

    def test_stopped(self) -> None:
        """What is not watched any more is not by news of the limit."""
        watched = self.watching(0)
        self.watchdog.stop()
        watched.silence = 20
        self.watchdog.heed(watched)
        self.assertEqual(self.clock.getDelayedCalls(), [])
