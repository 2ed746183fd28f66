from __future__ import annotations

import gc

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.reactor.garbage import FEW, LEAST, PERIOD, SOME, GarbageCollector


class GarbageCollectorTests(SynchronousTestCase):
    """When garbage is looked for."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.size = 100
        self.objects = FEW
        self.collected: list[str] = []
        self.collector = GarbageCollector(
            self.clock,
            size=lambda: self.size,
            collect_new=lambda: self.collected.append("new"),
            collect_all=lambda: self.collected.append("all"),
            count=lambda: self.objects,
        )
        self.before = gc.get_threshold()

    def start(self) -> None:
        self.collector.start()
        self.addCleanup(self.stop)

    def grow(self, objects: int) -> None:
        """Have all looked through once, after which there are so many."""
        self.objects = objects
        self.size += SOME
        self.assertEqual(self.look(), ["all"])

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

    def test_grown(self) -> None:
        """As long as there are few, everything is whenever there is some more than after the last time."""
        self.start()
        seen = []
        for self.size in (99 + SOME, 100 + SOME, 100 + SOME, 100, 99 + 2 * SOME, 100 + 2 * SOME):
            seen += self.look()
        self.assertEqual(seen, ["new", "all", "new", "new", "new", "all"])

    def test_doubled(self) -> None:
        """When there are many, everything is only when there is twice as much as there was after that."""
        self.start()
        self.grow(FEW + 1)
        size = self.size
        seen = []
        for share in (1.99, 2, 3.99, 4, 4, 1.5, 7.99, 8):
            self.size = int(share * size)
            self.clock.rightNow += LEAST
            seen += self.look()
        self.assertEqual(seen, ["new", "all", "new", "all", "new", "new", "new", "all"])

    def test_not_too_often(self) -> None:
        """Nor is it twice within some minutes then, however fast it grows: a fleet that comes up is not held up."""
        self.start()
        self.grow(FEW + 1)
        self.size *= 10
        self.assertEqual(self.look(), ["new"])
        self.clock.advance(LEAST)
        self.assertIn("all", self.collected)
        self.size *= 10
        self.assertEqual(self.look(), ["new"])

    def test_soon_done_again(self) -> None:
        """Where they turn out to be few again, it is done again sooner."""
        self.start()
        self.grow(FEW + 1)
        self.objects = FEW
        self.size *= 2
        self.clock.rightNow += LEAST
        self.assertEqual(self.look(), ["all"])
        self.size += SOME
        self.assertEqual(self.look(), ["all"])

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
        self.assertGreater(collector.count(), 0)
