from __future__ import annotations

import os
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import NotFound
from proactor.logstore import Extract, Limits, LogStore, Stored
from proactor.logstore.reading import CHUNK
from proactor.logstore.store import PATIENCE, SLICE
from proactor.logstore.threads import InThread
from proactor.logstore.watch import POLL

from .support import GUID, OTHER, Later, at_once, numbered

T = TypeVar("T")

MAX = 64 << 10


class Follower:
    """Who follows a log, at its own pace.

    :ivar got: the pieces that came.
    :ivar over: fires at the end.
    :ivar resting: whether it takes no more for now.
    """

    def __init__(self, pieces: AsyncIterator[Extract], resting: bool = False) -> None:
        self.got: list[bytes] = []
        self.end = 0
        self.resting = resting
        self._rested: Deferred[None] = Deferred()
        self.over: Deferred[None] = Deferred.fromCoroutine(self._follow(pieces))

    async def _follow(self, pieces: AsyncIterator[Extract]) -> None:
        async for piece in pieces:
            self.got.append(piece.data)
            self.end = piece.end
            if self.resting:
                await self._rested

    def go_on(self) -> None:
        """Take what comes."""
        self.resting = False
        self._rested.callback(None)


class StoreCase(SynchronousTestCase):
    """A store on a test's clock, which looks at its logs now and then."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.lines: list[tuple[str, bytes]] = []
        self.store = self.make()

    def make(self, in_thread: InThread = at_once) -> LogStore:
        store = LogStore(
            self.clock, self.folder, in_thread, lambda guid, line: self.lines.append((guid, line)), self.clock.seconds
        )
        store.start()
        self.addCleanup(self.stopped, store)
        return store

    def stopped(self, store: LogStore) -> None:
        self.successResultOf(self.run_(store.stop()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def run_(self, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
        return Deferred.fromCoroutine(coroutine)

    def done(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.successResultOf(self.run_(coroutine))

    def write(self, data: bytes, guid: str = GUID) -> None:
        """Write as a process does, and have it seen."""
        with open(self.folder / f"{guid}.log", "ab") as file:
            file.write(data)
        self.clock.advance(POLL)

    def add(self, guid: str = GUID, **options: Any) -> None:
        self.store.add(guid, Limits(MAX, 3), **options)


class KeepingTests(StoreCase):
    """Logs that come and go."""

    def test_within_limits(self) -> None:
        """Whatever is written, a log is kept within its limits, and what is kept is told."""
        self.add()
        for first in range(0, 10_000, 500):
            self.write(numbered(first, first + 500))
        found = self.store.stored(GUID)
        self.assertEqual(found.written, 1_000_000)
        self.assertTrue(2 * MAX < found.kept <= 4 * MAX)
        self.assertEqual(found.dropped, 0)

    def test_new(self) -> None:
        """A log in which nothing is yet, as each new job has one, takes no thread; one that holds something does."""
        threads = Later()
        self.done(self.store.stop())
        self.store = store = self.make(threads)
        (self.folder / f"{GUID}.log").touch()
        store.add(GUID, Limits(MAX, 3))
        self.assertEqual((threads.waiting, store.stored(GUID).written), ([], 0))
        (self.folder / f"{OTHER}.log").write_bytes(b"a line\n")
        store.add(OTHER, Limits(MAX, 3))
        self.assertEqual(len(threads.waiting), 1)
        threads.run()
        older = "d" * 32
        (self.folder / f"{older}.log").touch()
        (self.folder / f"{older}.old").mkdir()
        store.add(older, Limits(MAX, 3))
        self.assertEqual(len(threads.waiting), 1)
        threads.run()

    def test_limits_changed(self) -> None:
        """Other limits hold at once."""
        self.add()
        for first in range(0, 2000, 500):
            self.write(numbered(first, first + 500))
        self.store.set_limits(GUID, Limits(MAX, 0))
        self.assertEqual(list((self.folder / f"{GUID}.old").iterdir()), [])
        self.assertEqual(self.store.stored(GUID).kept, 0)

    def test_removed(self) -> None:
        """The log of a job that is deleted is shown to its end, and then its files are gone."""
        self.add()
        self.write(numbered(0, 500))
        self.lines.clear()
        self.write(b"one\nlast")
        removed = self.run_(self.store.remove(GUID))
        self.assertNoResult(removed)
        self.clock.advance(0)
        self.successResultOf(removed)
        self.assertEqual(self.lines[-2:], [(GUID, b"one"), (GUID, b"last")])
        self.assertEqual(os.listdir(self.folder), [])
        self.add()
        self.write(b"new\n")
        self.assertEqual(self.lines[-1], (GUID, b"new"))

    def test_forgotten(self) -> None:
        """One that is forgotten stays on the disk, and can be kept again as it was."""
        self.add()
        self.write(numbered(0, 500))
        forgotten = self.run_(self.store.forget(GUID))
        self.clock.advance(0)
        self.successResultOf(forgotten)
        self.assertRaises(NotFound, self.store.stored, GUID)
        self.add(at_end=True)
        self.lines.clear()
        self.write(b"more\n")
        self.assertEqual(self.done(self.store.tail(GUID, 2)).data, numbered(499, 500) + b"more\n")
        self.assertEqual(self.lines, [(GUID, b"more")])

    def test_unknown(self) -> None:
        """What is not kept is not found; its end is no trouble, and comes once."""
        for ask in (self.store.stored, self.store.follow, lambda guid: self.store.set_limits(guid, Limits(MAX, 1))):
            self.assertRaises(NotFound, ask, GUID)
        for coroutine in (self.store.tail(GUID), self.store.shown(GUID)):
            self.failureResultOf(self.run_(coroutine), NotFound)
        self.assertEqual(self.store.last_lines(GUID), ())
        self.done(self.store.remove(GUID))
        self.done(self.store.forget(GUID))
        self.add()
        first = self.run_(self.store.remove(GUID))
        self.assertRaises(NotFound, self.store.follow, GUID)
        self.done(self.store.remove(GUID))
        self.clock.advance(0)
        self.successResultOf(first)

    def test_refused(self) -> None:
        """Names that are no guids make no paths; none is kept twice; limits have bounds."""
        for guid in ("", "..", "../" + GUID[3:], GUID.upper(), GUID + "0"):
            self.assertRaises(ValueError, self.add, guid)
        self.assertRaises(ValueError, Limits.within, 10, 3)
        self.add()
        self.assertRaises(ValueError, self.add)

    def test_drops_told(self) -> None:
        """That a log is cut is told, with how much since the last time, now and then."""
        self.add()
        with capturedLogs() as events:
            self.write(numbered(0, 5000))
            self.clock.advance(POLL)
            self.clock.advance(POLL)
        dropped = self.store.stored(GUID).dropped
        self.assertEqual(
            [formatEvent(event) for event in events],
            [f"{GUID} writes more than can be kept of it: {dropped} bytes of its log were dropped"],
        )

    def test_undeletable(self) -> None:
        """Files that cannot be deleted are told of to who wants them deleted."""
        self.add()
        (self.folder / f"{GUID}.log").mkdir()
        with capturedLogs():
            removed = self.run_(self.store.remove(GUID))
            self.clock.advance(0)
        self.failureResultOf(removed, OSError)

    def test_thousands(self) -> None:
        """Thousands come and go, need no descriptor each, are looked at in slices, and leave nothing behind."""
        descriptors = os.listdir("/dev/fd")
        guids = [f"{number:032x}" for number in range(2000)]
        self.store.echo = False
        for guid in guids:
            self.add(guid)
        self.assertEqual(os.listdir("/dev/fd"), descriptors)
        for guid in guids:
            self.done(self.store.remove(guid))
        self.assertEqual(len(self.store._entries), 0)

    def test_slices(self) -> None:
        """A look at very many is interrupted for others."""
        self.add()
        self.add(OTHER)
        ticks = iter(range(10**6))
        self.patch(self.clock, "seconds", lambda: next(ticks) * SLICE * 1.2)
        self.store._look_at_all()
        self.assertEqual(len(self.store._unseen), 1)
        self.store._look_at_all()
        self.assertEqual(len(self.store._unseen), 1)


class ShowingTests(StoreCase):
    """The console."""

    def test_shown(self) -> None:
        """Lines are shown as they come; who waits for the last one knows when it was, though it has no end."""
        self.add()
        self.write(b"one\ntwo")
        self.assertEqual(self.lines, [(GUID, b"one")])
        shown = self.run_(self.store.shown(GUID))
        self.clock.advance(0)
        self.successResultOf(shown)
        self.assertEqual(self.lines, [(GUID, b"one"), (GUID, b"two")])

    def test_switched(self) -> None:
        """It can be switched off, and on again: then it goes on with what comes."""
        self.add()
        self.assertTrue(self.store.echo)
        self.store.echo = False
        self.write(b"unseen\n")
        self.add(OTHER)
        self.done(self.store.shown(GUID))
        self.assertEqual(self.lines, [])
        self.store.echo = True
        self.store.echo = True
        self.write(b"seen\n")
        self.write(b"too\n", OTHER)
        self.assertEqual(self.lines, [(GUID, b"seen"), (OTHER, b"too")])
        self.store.echo = False
        self.done(self.store.remove(GUID))

    def test_none(self) -> None:
        """Without somebody who shows lines there is none to switch on."""
        store = LogStore(self.clock, self.folder, at_once)
        store.echo = True
        self.assertFalse(store.echo)
        self.done(store.stop())


class ReadingTests(StoreCase):
    """Ends of logs."""

    def test_tail(self) -> None:
        """The last lines, and where to go on; since a time, where that is asked."""
        self.add()
        self.write(b"2026-11-24T12:00:00Z one\n2026-11-24T12:00:05Z two\n")
        self.assertEqual(self.done(self.store.tail(GUID, 1)), Extract(b"2026-11-24T12:00:05Z two\n", 50))
        noon = 1795521600.0
        self.assertEqual(self.done(self.store.tail(GUID, 9, noon + 1)).data, b"2026-11-24T12:00:05Z two\n")
        self.assertEqual(self.store.stored(GUID), Stored(50, 50, 0))

    def test_since(self) -> None:
        """Lines that do not say when they were written count by when they were seen to come, to about a second."""
        self.add()
        for number in range(60):
            self.write(b"%d\xff {x}\n" % number)
            self.clock.advance(2)
        os.utime(self.folder / f"{GUID}.log", (1e9, 1e9))
        step = 2 + POLL
        for count in (1, 5, 9):
            since = self.clock.seconds() - 2 - (count - 1) * step
            text = self.done(self.store.tail(GUID, 100, since - 0.1)).data
            self.assertEqual(text, b"".join(b"%d\xff {x}\n" % number for number in range(60 - count, 60)))
        self.write(b"no end")
        self.assertEqual(self.done(self.store.tail(GUID, 9, self.clock.seconds())).data, b"no end")
        self.clock.advance(600)
        self.assertEqual(self.done(self.store.tail(GUID, 9, self.clock.seconds() - 500)).data, b"no end")
        self.write(b"\n")
        self.clock.advance(600)
        self.assertEqual(self.done(self.store.tail(GUID, 9, self.clock.seconds() - 500)).data, b"")
        self.assertEqual(len(self.done(self.store.tail(GUID, 100, 0)).data.splitlines()), 61)

    def test_last_lines(self) -> None:
        """The last lines at once; a log that cannot be read has none, and that is told."""
        self.add()
        self.write(b"one\ntwo\n")
        self.assertEqual(self.store.last_lines(GUID, 1), ("two",))
        live = self.folder / f"{GUID}.log"
        live.unlink()
        live.mkdir()
        with capturedLogs() as events:
            self.assertEqual(self.store.last_lines(GUID), ())
        self.assertIn("cannot be read: Is a directory", formatEvent(events[0]))
        live.rmdir()


class FollowingTests(StoreCase):
    """Logs as they grow."""

    def test_follow(self) -> None:
        """Whole lines as they come, over all rotations, each once; the last one, though without end, at the end."""
        self.add()
        self.write(b"before\n")
        follower = Follower(self.store.follow(GUID))
        for first in range(0, 2000, 400):
            self.write(numbered(first, first + 400) + b"x")
            self.assertTrue(follower.got[-1].endswith(b"\n"))
            self.write(b"y\n")
        self.write(b"last")
        removed = self.run_(self.store.remove(GUID))
        self.clock.advance(0)
        self.successResultOf(removed)
        self.successResultOf(follower.over)
        expected = b"".join(numbered(first, first + 400) + b"xy\n" for first in range(0, 2000, 400)) + b"last"
        self.assertEqual(b"".join(follower.got), expected)
        self.assertTrue(max(map(len, follower.got)) <= CHUNK)

    def test_after_tail(self) -> None:
        """Begun where a tail ended, nothing is missed, and nothing comes twice, not even of a half line."""
        self.add()
        self.write(b"one\ntw")
        tail = self.done(self.store.tail(GUID, 1))
        self.write(b"o\nthree\n")
        follower = Follower(self.store.follow(GUID, tail.end))
        self.write(b"four\n")
        self.assertEqual(tail.data + b"".join(follower.got), b"two\nthree\nfour\n")
        self.assertNoResult(follower.over)

    def test_place(self) -> None:
        """Each piece says where its reader is, also where nothing was written for a while; who comes back to there, or
        to a place that was never reached, misses nothing and gets nothing twice.
        """
        self.add()
        self.write(b"one\n")
        follower = Follower(self.store.follow(GUID, 0, heartbeat=10))
        self.assertEqual((follower.got, follower.end), ([b"one\n"], 4))
        self.clock.pump([9, 2])
        self.write(b"two\n")
        self.assertEqual((follower.got, follower.end), ([b"one\n", b"", b"two\n"], 8))
        back, beyond = Follower(self.store.follow(GUID, 4)), Follower(self.store.follow(GUID, 99))
        self.write(b"three\n")
        self.assertEqual((b"".join(back.got), b"".join(beyond.got)), (b"two\nthree\n", b"three\n"))
        for each in (follower, back, beyond):
            each.over.cancel()
            self.failureResultOf(each.over, CancelledError)

    def test_slow(self) -> None:
        """Who is slow gets from the disk what it missed, and is told what is there no more."""
        self.add()
        slow, quick = Follower(self.store.follow(GUID), resting=True), Follower(self.store.follow(GUID))
        for first in range(0, 6000, 400):
            self.write(numbered(first, first + 400))
        self.assertEqual(b"".join(quick.got), numbered(0, 6000))
        self.assertEqual(slow.got, [numbered(0, 400)])
        slow.go_on()
        kept = self.store.stored(GUID).kept
        missed = 600_000 - 40_000 - kept
        expected = numbered(0, 400) + b"--- %d bytes dropped here ---\n" % missed + numbered(6000 - kept // 100, 6000)
        self.assertEqual(b"".join(slow.got), expected)

    def test_waits_for_no_one(self) -> None:
        """Who has stopped reading does not hold up the end of the log for long."""
        self.add()
        follower = Follower(self.store.follow(GUID), resting=True)
        self.write(b"one\n")
        self.write(b"two\n")
        removed = self.run_(self.store.remove(GUID))
        self.clock.advance(0)
        self.assertNoResult(removed)
        self.clock.advance(PATIENCE)
        self.successResultOf(removed)
        self.assertEqual(os.listdir(self.folder), [])
        follower.go_on()
        self.successResultOf(follower.over)
        self.assertEqual(follower.got[0], b"one\n")

    def test_cancelled(self) -> None:
        """Who leaves, while it waits, leaves nothing behind."""
        self.add()
        follower = Follower(self.store.follow(GUID))
        follower.over.cancel()
        self.failureResultOf(follower.over, CancelledError)
        self.write(b"one\n")
        removed = self.run_(self.store.remove(GUID))
        self.clock.advance(0)
        self.successResultOf(removed)

    def test_grown_meanwhile(self) -> None:
        """What is written while a thread reads is not overlooked; nor is the end."""
        later = Later()
        self.done(self.store.stop())
        self.store = self.make(later)
        self.add()
        later.run()
        follower = Follower(self.store.follow(GUID))
        later.waiting, reading = [], later.waiting
        reading.pop()()
        self.write(b"one\n")
        later.run()
        self.assertEqual(follower.got, [b"one\n"])

        later.run()
        self.write(b"two\n")
        self.assertEqual(len(later.waiting), 2)
        stopped = self.run_(self.store.stop())
        later.run()
        self.successResultOf(stopped)
        self.successResultOf(follower.over)
        self.assertEqual(follower.got, [b"one\n", b"two\n"])

    def test_stopped(self) -> None:
        """At the end of the store all followers are at the end, and files stay."""
        self.add()
        self.write(b"one\n")
        follower = Follower(self.store.follow(GUID, 0))
        self.done(self.store.stop())
        self.successResultOf(follower.over)
        self.assertEqual(follower.got, [b"one\n"])
        self.assertEqual(os.listdir(self.folder), [f"{GUID}.log"])
