from __future__ import annotations

import os
import resource
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.runtime import platform
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from proactor import follow
from proactor.follow import CHUNK, CONTINUED, LINE_MAX, POLL, SLICE, Follower


class ClockTests(SynchronousTestCase):
    """Following by looking, as it is done without inotify."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lines: list[tuple[str, bytes]] = []
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.follower = self.make(lambda key, line: self.lines.append((key, line)))

    def make(self, on_line: Callable[[str, bytes], None]) -> Follower:
        follower = Follower(self.clock, on_line)
        self.addCleanup(self.stopped, follower)
        return follower

    def stopped(self, follower: Follower) -> None:
        follower.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def write(self, name: str, data: bytes, mode: str = "ab") -> Path:
        path = self.folder / name
        with open(path, mode) as file:
            file.write(data)
        return path

    def came(self, seconds: float = POLL) -> list[tuple[str, bytes]]:
        """Let time pass, and give the lines that came meanwhile."""
        self.clock.advance(seconds)
        lines, self.lines[:] = list(self.lines), []
        return lines

    def test_grows(self) -> None:
        """Complete lines come as they are written; what has no end waits."""
        self.follower.add("a", self.write("a", b"one\ntw"))
        self.assertEqual(self.came(0), [("a", b"one")])
        self.write("a", b"o\n\nthree")
        self.assertEqual(self.came(), [("a", b"two"), ("a", b"")])
        self.assertEqual(self.came(), [])

    def test_offset(self) -> None:
        """What a file held before is left out when that is asked; one that has become shorter since is read in full."""
        path = self.write("a", b"before\n")
        self.follower.add("a", path, offset=7)
        self.follower.add("b", self.write("b", b"new\n"), offset=100)
        self.assertEqual(self.came(), [("b", b"new")])
        self.write("a", b"after\n")
        self.assertEqual(self.came(), [("a", b"after")])

    def test_not_there_yet(self) -> None:
        """A file may appear later, and disappear, and nobody complains."""
        with capturedLogs() as events:
            self.follower.add("a", self.folder / "a")
            self.assertEqual(self.came(), [])
            path = self.write("a", b"one\n")
            self.assertEqual(self.came(), [("a", b"one")])
            path.unlink()
            self.assertEqual(self.came(), [])
        self.assertEqual(list(events), [])

    def test_truncated(self) -> None:
        """A file that shrinks is read from its start; the line that was begun is not forgotten."""
        self.follower.add("a", self.write("a", b"one\nhal"))
        self.came(0)
        self.write("a", b"new\n", "wb")
        self.assertEqual(self.came(), [("a", b"hal"), ("a", b"new")])

    def test_replaced(self) -> None:
        """Another file in its place is read from its start, whatever its size."""
        self.follower.add("a", self.write("a", b"one\n"))
        self.came(0)
        os.replace(self.write("b", b"longer than it\n"), self.folder / "a")
        self.assertEqual(self.came(), [("a", b"longer than it")])

    def test_removed(self) -> None:
        """What is left is handed over, a last line without end too, before it is said that all is done."""
        path = self.write("a", b"")
        self.follower.add("a", path)
        self.came(0)
        self.write("a", b"x" * LINE_MAX * 10 + b"\nlast")
        drained = self.follower.remove("a")
        self.write("a", b" and what comes too late\n")
        self.assertNoResult(drained)
        lines = self.came(0)
        self.assertIsNone(self.successResultOf(drained))
        self.assertEqual(b"".join(line.removesuffix(CONTINUED) for _, line in lines), b"x" * LINE_MAX * 10 + b"last")
        self.write("a", b"more\n")
        self.assertEqual(self.came(), [])

    def test_removed_unknown(self) -> None:
        """What is not followed is removed at once; so is what has no file."""
        self.successResultOf(self.follower.remove("a"))
        self.follower.add("a", self.folder / "a")
        drained = self.follower.remove("a")
        self.clock.advance(0)
        self.successResultOf(drained)

    def test_added_again(self) -> None:
        """A key can be followed anew while its last lines are still on their way."""
        path = self.write("a", b"one\ntwo")
        self.follower.add("a", path)
        drained = self.follower.remove("a")
        self.follower.add("a", path, offset=7)
        self.assertEqual(self.came(0), [("a", b"one"), ("a", b"two")])
        self.successResultOf(drained)
        self.write("a", b"three\n")
        self.assertEqual(self.came(), [("a", b"three")])

    def test_twice(self) -> None:
        """A key, and a file, are followed once."""
        self.follower.add("a", self.folder / "a")
        self.assertRaises(ValueError, self.follower.add, "a", self.folder / "b")
        self.assertRaises(ValueError, self.follower.add, "b", self.folder / "a")
        self.follower.add("b", self.folder / "b")

    def test_in_turns(self) -> None:
        """A file with much in it takes turns with the others."""
        self.follower.add("big", self.write("big", (b"x" * 63 + b"\n") * 10_000))
        self.follower.add("small", self.write("small", b"here\n"))
        lines = self.came(0)
        self.assertEqual(len(lines), 10_001)
        self.assertEqual(lines.index(("small", b"here")), CHUNK // 64)

    def test_in_slices(self) -> None:
        """However many lines there are, others who use the reactor get their turn within a slice."""
        seen: list[int] = []
        handed: list[bytes] = []

        def slow(_key: str, line: bytes) -> None:
            handed.append(line)
            self.clock.rightNow += SLICE / 10

        def other() -> None:
            seen.append(len(handed))
            if len(handed) < 100:
                self.clock.callLater(0, other)

        follower = self.make(slow)
        follower.add("a", self.write("a", b"\n" * 100))
        self.clock.callLater(0, other)
        self.clock.advance(0)
        self.assertEqual(len(handed), 100)
        self.assertTrue(all(b - a <= 11 for a, b in pairwise(seen)), seen)

    def test_callback_fails(self) -> None:
        """An exception of the callback costs one line, and is not hidden."""

        def picky(key: str, line: bytes) -> None:
            if line == b"bad":
                raise LookupError(key)
            self.lines.append((key, line))

        follower = self.make(picky)
        follower.add("a", self.write("a", b"one\nbad\ntwo\n"))
        self.assertRaises(LookupError, self.clock.advance, 0)
        self.assertEqual(self.came(0), [("a", b"one"), ("a", b"two")])

    def test_unreadable(self) -> None:
        """A file that cannot be read is said once, with the reason, and is removed like any other."""
        with capturedLogs() as events:
            self.follower.add("a", self.folder)
            self.came()
            self.came()
        self.assertEqual(
            [formatEvent(event) for event in events],
            [f"{self.folder.absolute()} cannot be followed: Is a directory"],
        )
        drained = self.follower.remove("a")
        self.clock.advance(0)
        self.successResultOf(drained)

    def test_stopped(self) -> None:
        """After the stop nothing comes any more, not even of the chunk in hand, and nobody waits for it."""

        def once(key: str, line: bytes) -> None:
            self.lines.append((key, line))
            follower.stop()

        follower = self.make(once)
        follower.add("a", self.write("a", b"one\ntwo\n"))
        follower.add("b", self.write("b", b"three\n"))
        drained = follower.remove("b")
        self.assertEqual(self.came(10), [("a", b"one")])
        self.successResultOf(drained)

    def test_idle(self) -> None:
        """With nothing to follow there is nothing to do."""
        self.follower.add("a", self.folder / "a")
        self.follower.remove("a")
        self.clock.advance(POLL)
        self.clock.advance(POLL)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.follower.add("b", self.write("b", b""))
        self.came(0)
        self.write("b", b"one\n")
        self.assertEqual(self.came(), [("b", b"one")])

    def test_thousands(self) -> None:
        """Thousands come and go, need no descriptor each, and leave nothing behind."""
        descriptors = os.listdir("/dev/fd")
        names = [str(number) for number in range(2000)]
        for name in names:
            self.follower.add(name, self.write(name, name.encode() + b"\nend"))
        self.clock.advance(0)
        self.assertEqual(os.listdir("/dev/fd"), descriptors)
        drained = [self.follower.remove(name) for name in names]
        lines = self.came(0)
        self.assertEqual(sorted(lines), sorted((name, line) for name in names for line in (name.encode(), b"end")))
        for each in drained:
            self.successResultOf(each)
        self.assertEqual([len(vars(self.follower)[name]) for name in ("_tails", "_by_path", "_closing")], [0, 0, 0])


class ReactorTests(TestCase):
    """Following under the real reactor; on Linux by inotify alone, as the slow look comes after the test's end."""

    timeout = 30

    def setUp(self) -> None:
        if not platform.isLinux():
            raise SkipTest("inotify is Linux's")
        self.patch(follow, "SWEEP", 3600.0)
        self.lines: list[tuple[str, bytes]] = []
        self.awaited: tuple[int, Deferred[None]] | None = None
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.follower = Follower(reactor, self.on_line)
        self.addCleanup(self.follower.stop)

    def on_line(self, key: str, line: bytes) -> None:
        self.lines.append((key, line))
        if self.awaited is not None and len(self.lines) == self.awaited[0]:
            self.awaited[1].callback(None)

    def come(self, count: int) -> Deferred[None]:
        """Fire when so many lines have come in all."""
        self.awaited = count, Deferred()
        return self.awaited[1]

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        with open(path, "ab") as file:
            file.write(data)
        return path

    async def test_told(self) -> None:
        """The kernel tells of what is written, to a file that was there and to one that was not."""
        come = self.come(2)
        self.follower.add("a", self.write("a", b"one\n"))
        self.follower.add("b", self.folder / "b")
        self.write("nobody's", b"x\n")
        self.write("b", b"two\n")
        await come
        come = self.come(4)
        self.write("a", b"three\n")
        self.write("b", b"four\n")
        await come
        self.assertEqual(sorted(self.lines[:2]), [("a", b"one"), ("b", b"two")])
        self.assertEqual(sorted(self.lines[2:]), [("a", b"three"), ("b", b"four")])

    async def test_flood(self) -> None:
        """While one file pours out, another is heard, and a third can be drained."""
        flood = b"".join(b"%d\n" % number for number in range(200_000))
        self.follower.add("flood", self.write("flood", flood))
        self.follower.add("quiet", self.write("quiet", b"help\n"))
        self.follower.add("leaves", self.write("leaves", b"bye"))
        await self.follower.remove("leaves")
        self.assertIn(("quiet", b"help"), self.lines)
        self.assertIn(("leaves", b"bye"), self.lines)
        self.assertTrue(len(self.lines) < 200_000)
        await self.follower.remove("flood")
        self.assertEqual(b"".join(line + b"\n" for key, line in self.lines if key == "flood"), flood)

    async def test_folder_gone(self) -> None:
        """A folder that is deleted under it, which ends Twisted's inotify, hurts neither the stop nor other files."""
        come = self.come(1)
        self.follower.add("a", self.write("a", b"one\n"))
        await come
        (self.folder / "a").unlink()
        self.folder.rmdir()
        await self.follower.remove("a")
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        come = self.come(2)
        self.follower.add("b", self.write("b", b"two\n"))
        await come

    async def test_no_folder(self) -> None:
        """A folder that is not there is said; its files are looked at all the same."""
        with capturedLogs() as events:
            self.follower.add("a", self.folder / "later" / "a")
        self.assertIn("later cannot be watched", formatEvent(events[0]))
        (self.folder / "later").mkdir()
        self.write("later/a", b"one\n")
        come = self.come(1)
        await self.follower.remove("a")
        await come

    async def test_no_inotify(self) -> None:
        """Where no inotify instance is to be had, that is said, and files are looked at."""
        self.patch(follow, "POLL", 0.01)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with capturedLogs() as events:
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
            try:
                follower = Follower(reactor, self.on_line)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.addCleanup(follower.stop)
        self.assertIn("No inotify instance is left", formatEvent(events[0]))
        come = self.come(1)
        follower.add("a", self.write("a", b""))
        self.write("a", b"one\n")
        await come
