from __future__ import annotations

import os
import subprocess
import sys
import threading
from time import process_time

from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.resources import SHORTEST, Meter, Usage


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def burn(seconds: float) -> None:
    """Use the processor for so many of its seconds."""
    until = process_time() + seconds
    while process_time() < until:
        pass


class Case(SynchronousTestCase):
    def started(self, program: str = "") -> subprocess.Popen[bytes]:
        """Start a process that runs a program, says so, and ends with its standard input."""
        code = f"import os, sys\n{program}\nos.write(1, b'ready\\n')\nos.read(0, 1)"
        process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.ended, process)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        with process:  # its standard input is closed first
            pass

    def sampled(self, meter: Meter) -> Usage:
        usage = meter.sample()
        assert usage is not None
        return usage


class MeterTests(Case):
    """The figures of one process."""

    def test_descriptors(self) -> None:
        """Descriptors are counted, as they are now."""
        meter = Meter(os.getpid())
        before = self.sampled(meter).descriptors
        assert before is not None
        opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(7)]
        during = self.sampled(meter).descriptors
        for descriptor in opened:
            os.close(descriptor)
        self.assertEqual(during, before + 7)
        self.assertEqual(self.sampled(meter).descriptors, before)

    def test_threads(self) -> None:
        """Threads are counted."""
        meter = Meter(os.getpid())
        before = self.sampled(meter).threads
        over = threading.Event()
        threads = [threading.Thread(target=over.wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        during = self.sampled(meter).threads
        over.set()
        for thread in threads:
            thread.join()
        self.assertEqual(during, before + 3)

    def test_children(self) -> None:
        """Children are counted, by whichever thread they were started; grandchildren are not."""
        process = self.started(
            "import subprocess, threading\n"
            "def start(): subprocess.Popen(['sh', '-c', 'cat & cat'], stdin=0, stdout=subprocess.DEVNULL)\n"
            "thread = threading.Thread(target=start); start(); thread.start(); thread.join()"
        )
        self.assertIn(self.sampled(Meter(process.pid)).children, {2, None})

    def test_memory(self) -> None:
        """Resident memory grows with what is written to."""
        usual = self.sampled(Meter(self.started().pid)).rss
        large = self.sampled(Meter(self.started("data = b'x' * (64 << 20)").pid)).rss
        self.assertGreater(large, usual + (48 << 20))

    def test_cpu(self) -> None:
        """The share of a processor is that since the sample before, and what was before the meter does not count."""
        burn(0.2)
        clock = Hand()
        meter = Meter(os.getpid(), clock)
        clock.time += 10
        self.assertLess(self.sampled(meter).cpu_percent, 1)
        burn(1)
        clock.time += 2
        self.assertTrue(40 <= self.sampled(meter).cpu_percent <= 70)
        clock.time += 2
        self.assertLess(self.sampled(meter).cpu_percent, 10)

    def test_cpu_at_once(self) -> None:
        """Who asks again at once gets the same share, not one of no time."""
        clock = Hand()
        meter = Meter(os.getpid(), clock)
        self.assertEqual(self.sampled(meter).cpu_percent, 0)
        burn(0.3)
        clock.time += 1
        share = self.sampled(meter).cpu_percent
        self.assertGreater(share, 20)
        burn(0.05)
        clock.time += SHORTEST / 2
        self.assertEqual(self.sampled(meter).cpu_percent, share)

    def test_gone(self) -> None:
        """Of a process that has ended there is nothing: a zombie, a reaped one, one whose number is another's."""
        process = self.started()
        meter = Meter(process.pid)
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.assertIsNone(meter.sample())
        process.wait()
        self.assertIsNone(meter.sample())
        self.assertIsNone(Meter(process.pid).sample())

    def test_no_number(self) -> None:
        """What is no process's number is nobody's."""
        for pid in (-1, 1 << 40):
            self.assertIsNone(Meter(pid).sample())

    def test_ends_meanwhile(self) -> None:
        """One that ends while it is looked at is as one that had ended."""
        process = self.started()
        looked: list[float] = []

        def clock() -> float:
            if looked:
                process.kill()
                process.wait()
            looked.append(0.0)
            return 0.0

        self.assertIsNone(Meter(process.pid, clock).sample())
        self.assertEqual(len(looked), 2)

    def test_somebody_elses(self) -> None:
        """Of somebody else's process comes what anybody may know."""
        own = os.geteuid()
        if own == 0:
            os.seteuid(65534)
        try:
            usage = self.sampled(Meter(1))
        finally:
            os.seteuid(own)
        self.assertIsNone(usage.descriptors)
        self.assertGreaterEqual(usage.threads, 1)

    def test_record(self) -> None:
        """The record is plain."""
        record = Usage(12.5, 1 << 20, None, 3, 0).record()
        self.assertEqual(
            record, {"cpu_percent": 12.5, "rss": 1 << 20, "descriptors": None, "threads": 3, "children": 0}
        )
