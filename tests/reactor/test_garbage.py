from __future__ import annotations

import gc

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.reactor.garbage import LEAST, PERIOD, GarbageCollector


class GarbageCollectorTests(SynchronousTestCase):
    """When garbage is looked for."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.size = 100
        self.collected: list[str] = []
        self.collector = GarbageCollector(
            self.clock,
            size=lambda: self.size,
            collect_new=lambda: self.collected.append("new"),
            collect_all=lambda: self.collected.append("all"),
        )
        self.before = gc.get_threshold()

    def start(self) -> None:
        self.collector.start()
        self.addCleanup(self.stop)

    def stop(self) -> None:
        self.successResultOf(self.collector.stop())
        self.assertEqual((gc.get_threshold(), gc.get_freeze_count()), (self.before, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def look(self) -> list[str]:
        """Let the time of one look pass, however it is spread; what was done in it."""
        self.collected.clear()
        self.clock.advance(PERIOD * 1.11)
        return list(self.collected)

    def test_new(self) -> None:
        """What is new is looked through regularly."""
        self.start()
        self.assertEqual([self.look() for _ in range(3)], [["new"]] * 3)

    def test_doubled(self) -> None:
        """Everything is when there is twice as much as there was after the last time, and not before."""
        self.start()
        seen = []
        for self.size in (199, 200, 399, 400, 400, 150, 799, 800):
            self.clock.rightNow += LEAST
            seen += self.look()
        self.assertEqual(seen, ["new", "all", "new", "all", "new", "new", "new", "all"])

    def test_not_too_often(self) -> None:
        """Nor is it twice within some minutes, however fast it grows: a fleet that comes up is not held up by that."""
        self.start()
        self.size = 1000
        self.assertEqual(self.look(), ["new"])
        self.clock.advance(LEAST)
        self.assertIn("all", self.collected)
        self.size = 10_000
        self.assertEqual(self.look(), ["new"])

    def test_python_keeps_out(self) -> None:
        """Meanwhile Python itself looks through what is new, and never through everything."""
        self.start()
        first, second, third = gc.get_threshold()
        self.assertEqual((first, second), self.before[:2])
        self.assertGreater(third, 1_000_000)
        self.assertGreater(gc.get_freeze_count(), 0)

    def test_for_real(self) -> None:
        """With what it has by itself, the size is one, and both collections collect."""
        collector = GarbageCollector(self.clock)
        self.assertGreater(collector.size(), 1000)
        collector.collect_new()
        collector.collect_all()
        self.assertEqual(gc.get_count()[2], 0)
