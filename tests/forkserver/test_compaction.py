"""Tests of what is put side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proactor.forkserver.compaction import Heap, put_side_by_side, run_code

ROOT = Path(__file__).parents[2]
FILLS = """
import resource
from proactor.forkserver.compaction import Heap
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
Heap().fill()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


class CodeTests(SynchronousTestCase):
    """Functions run copies of their code."""

    def setUp(self) -> None:
        def adder(number: int, /, more: int = 1) -> Callable[[], int]:
            def add() -> int:
                return number + more

            return add

        self.adder = adder

    def test_found(self) -> None:
        """What runs is found, what is within included, and a profiler that there is goes on."""
        profiler = sys.getprofile()
        with run_code() as found:
            add = self.adder(1)
            add()
        self.assertLessEqual({self.adder.__code__, add.__code__}, found)
        self.assertIs(sys.getprofile(), profiler)

    def test_the_same(self) -> None:
        """It does the same, by equal code."""
        before = self.adder.__code__
        put_side_by_side([before])
        self.assertIsNot(self.adder.__code__, before)
        self.assertEqual(self.adder.__code__, before)
        self.assertEqual([self.adder(1)(), self.adder(1, more=2)()], [2, 3])

    def test_within(self) -> None:
        """Code within other code is copied with that, for functions that there are and for those to come."""
        add = self.adder(1)
        before = add.__code__
        put_side_by_side([before])
        self.assertIsNot(add.__code__, before)
        self.assertIs(self.adder(1).__code__, add.__code__)
        self.assertEqual(add(), 2)

    def test_others(self) -> None:
        """Nothing else is touched."""
        before = self.adder.__code__
        put_side_by_side([])
        self.assertIs(self.adder.__code__, before)


class HeapTests(SynchronousTestCase):
    """Gaps are filled."""

    def test_gaps(self) -> None:
        """What is new does not take the place of what is gone."""
        for length in (100, 3000):
            kept = [bytes(length) for _ in range(4000)]
            gone = {id(kept.pop(place)) for place in range(len(kept) - 2, 0, -2)}
            heap = Heap()
            heap.fill()
            new = [bytes(length) for _ in range(50)]
            self.assertEqual(gone & {id(each) for each in new}, set())

    def test_other_allocator(self) -> None:
        """Where Python has another allocator, whose gaps are not known, no memory is spent on them."""
        environment = {**os.environ, "PYTHONMALLOC": "malloc"}
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [sys.executable, "-c", FILLS], cwd=root, env=environment, stdout=subprocess.PIPE, check=True
        )
        self.assertLess(int(done.stdout), 32)
