from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock, deferLater
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.python.runtime import platform
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from proactor.logstore import watch
from proactor.logstore.watch import POLL, Watch

from .support import GUID, OTHER


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Have none left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class LookingTests(SynchronousTestCase):
    """Without inotify."""

    def test_now_and_then(self) -> None:
        """Where nobody tells, it is looked, until the end."""
        clock, looks = Clock(), list[float]()
        watching = Watch(clock, Path("nowhere"), lambda _: None, lambda: looks.append(clock.seconds()))
        watching.start()
        clock.pump([POLL] * 3)
        watching.stop()
        self.assertEqual(looks, [POLL, 2 * POLL, 3 * POLL])
        self.assertEqual(clock.getDelayedCalls(), [])
        watching.stop()


class InotifyTests(TestCase):
    """With it, under the real reactor."""

    timeout = 30

    def setUp(self) -> None:
        if not platform.isLinux():
            raise SkipTest("inotify is Linux's")
        self.patch(watch, "SWEEP", 3600.0)
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.told: list[set[str]] = []
        self.looks = 0
        self.next: Deferred[None] = Deferred()
        self.watch = Watch(reactor, self.folder, self.grown, self.anything)
        self.addCleanup(self.watch.stop)

    def grown(self, guids: set[str]) -> None:
        self.told.append(guids)
        self.news()

    def anything(self) -> None:
        self.looks += 1
        self.news()

    def news(self) -> None:
        waiting, self.next = self.next, Deferred()
        waiting.callback(None)

    def write(self, name: str) -> None:
        with open(self.folder / name, "ab") as file:
            file.write(b"x")

    async def test_told(self) -> None:
        """Who was written to is told, each once however often it was; other files are nobody's."""
        self.watch.start()
        for name in (f"{GUID}.log", "notes.txt", f"{OTHER}.log.1", f"{OTHER}.log") * 5:
            self.write(name)
        await self.next
        self.assertEqual(self.told, [{GUID, OTHER}])
        self.write(f"{GUID}.log")
        await self.next
        self.assertEqual(self.told[1:], [{GUID}])
        self.assertEqual(self.looks, 0)

    async def test_flood(self) -> None:
        """However many write, they are told of by and by; what the kernel dropped is made up for by a look at all."""
        limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        self.watch.start()
        with ExitStack() as stack:
            names = [f"{number:032x}" for number in range(2)]
            files = [stack.enter_context(open(self.folder / f"{name}.log", "ab", buffering=0)) for name in names]
            for number in range(limit + 10):
                files[number % 2].write(b"x")
        while not self.looks:
            await self.next
        self.assertEqual(set().union(*self.told), set(names))

    async def test_lost(self) -> None:
        """Should the reactor be unable to read it, it is looked more often."""
        self.watch.start()
        self.patch(watch, "POLL", 0.01)
        events = self.watch._events
        assert events is not None
        reactor.removeReader(events)
        events.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((self.watch._interval(), watch.SWEEP), (0.01, 3600.0))

    async def test_none_left(self) -> None:
        """Where no inotify instance is to be had that is said, and it is looked."""
        self.patch(watch, "POLL", 0.01)
        with capturedLogs() as events, no_descriptors():
            self.watch.start()
        self.assertIn("cannot be watched (Too many open files; see fs.inotify", formatEvent(events[0]))
        await self.next
        self.assertEqual(self.looks, 1)

    async def test_no_folder(self) -> None:
        """So it is with a folder that is not there; nothing is left open."""
        descriptors = os.listdir("/dev/fd")
        self.folder.rmdir()
        with capturedLogs() as events:
            self.watch.start()
        self.assertIn("cannot be watched (No such file", formatEvent(events[0]))
        self.assertEqual(os.listdir("/dev/fd"), descriptors)

    async def test_stopped(self) -> None:
        """After its end nothing is told, and nothing is open."""
        await deferLater(reactor, 0)
        descriptors = os.listdir("/dev/fd")
        self.watch.start()
        self.write(f"{GUID}.log")
        await self.next
        self.watch.stop()
        self.assertEqual(os.listdir("/dev/fd"), descriptors)
