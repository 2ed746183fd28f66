from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.logstore.echo import BATCH, CHUNK, LAG, REST, SLICE, Echo
from proactor.logstore.files import Files
from proactor.logstore.lines import CONTINUED, LINE_MAX
from proactor.logstore.reading import Cursor, end_of
from proactor.logstore.rotation import Rotation
from proactor.logstore.threads import InThread

from .support import Later, at_once, numbered


class EchoCase(SynchronousTestCase):
    """Logs in a folder, and what was shown of them."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.lines: list[tuple[str, bytes]] = []
        self.logs: dict[str, Rotation] = {}
        self.echo = self.make(lambda key, line: self.lines.append((key, line)))

    def make(self, on_line: Callable[[str, bytes], None], in_thread: InThread = at_once) -> Echo:
        echo = Echo(self.clock, in_thread, on_line)
        self.addCleanup(self.stopped, echo)
        return echo

    def stopped(self, echo: Echo) -> None:
        echo.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def write(self, key: str, data: bytes) -> None:
        log = self.log(key)
        with log.files.live.open("ab") as file:
            file.write(data)
        self.echo.grown(key)

    def log(self, key: str) -> Rotation:
        return self.logs.setdefault(key, Rotation(Files(self.folder / f"{key}.log")))

    def add(self, key: str, echo: Echo | None = None) -> None:
        (self.echo if echo is None else echo).add(key, Cursor(self.log(key), 0))

    def came(self, seconds: float = 0) -> list[tuple[str, bytes]]:
        """Let time pass, and give what was shown meanwhile."""
        self.clock.advance(seconds)
        lines, self.lines[:] = list(self.lines), []
        return lines


class LineTests(EchoCase):
    """What is shown."""

    def test_grows(self) -> None:
        """Lines are shown as they come; what has no end waits, what is no text too is passed on as it is."""
        self.add("a")
        self.write("a", b"one\ntw")
        self.assertEqual(self.came(), [("a", b"one")])
        self.write("a", b"o\n\n%s {0} \xff\0\nthree")
        self.assertEqual(self.came(), [("a", b"two"), ("a", b""), ("a", b"%s {0} \xff\0")])
        self.assertEqual(self.came(1), [])

    def test_long(self) -> None:
        """A line that is too long for one piece is shown in pieces, to its last byte."""
        self.add("a")
        self.write("a", b"x" * 100_000 + b"\nnext\n")
        lines = [line for _, line in self.came()]
        self.assertEqual(b"".join(line.removesuffix(CONTINUED) for line in lines[:-1]), b"x" * 100_000)
        self.assertEqual([line.endswith(CONTINUED) for line in lines], [True] * (100_000 // LINE_MAX) + [False] * 2)

    def test_unknown(self) -> None:
        """What is not shown grows unseen; it is at its end already, and can be removed."""
        self.write("a", b"one\n")
        self.successResultOf(self.echo.drain("a", 100))
        self.echo.remove("a")
        self.assertEqual(self.came(), [])

    def test_drained(self) -> None:
        """What is there at a moment can be waited for, with a last line that has no end; what comes later is not."""
        self.add("a")
        self.write("a", b"one\nlast")
        drained = self.echo.drain("a", 8)
        self.write("a", b" more\n")
        self.assertNoResult(drained)
        self.assertEqual(self.came(), [("a", b"one"), ("a", b"last")])
        self.successResultOf(drained)
        self.write("a", b"two\n")
        self.assertEqual(self.came(), [("a", b" more"), ("a", b"two")])
        drained = self.echo.drain("a", end_of(self.log("a")))
        self.came()
        self.successResultOf(drained)

    def test_removed(self) -> None:
        """Of what is removed no more is read, and nobody waits for it."""
        self.add("a")
        self.came()
        self.write("a", b"one\n")
        drained = self.echo.drain("a", 4)
        self.echo.remove("a")
        self.successResultOf(drained)
        self.add("a")
        self.assertEqual(self.came(), [("a", b"one"), ("a", b"one")])

    def test_callback_fails(self) -> None:
        """An exception of who shows costs one line, and is not hidden."""

        def picky(key: str, line: bytes) -> None:
            if line == b"bad":
                raise LookupError(key)
            self.lines.append((key, line))

        self.write("a", b"one\nbad\ntwo\n")
        self.add("a", self.make(picky))
        self.assertRaises(LookupError, self.clock.advance, 0)
        self.assertEqual(self.came(REST), [("a", b"one"), ("a", b"two")])

    def test_unreadable(self) -> None:
        """A log that cannot be read is told of once, holds nobody up, and does no harm to others."""
        self.log("a").files.live.mkdir()
        self.log("a").loaded = True
        self.log("b")
        self.write("b", b"fine\n")
        with capturedLogs() as events:
            self.add("a")
            self.add("b")
            drained = self.echo.drain("a", 100)
            self.assertEqual(self.came(), [("b", b"fine")])
            self.echo.grown("a")
            self.came()
        self.successResultOf(drained)
        self.assertEqual([formatEvent(event) for event in events], ["The log of a cannot be shown: Is a directory"])

    def test_thread_fails(self) -> None:
        """Should the thread fail as a whole, that is logged, and it is tried again with the next that comes."""
        failing = [LookupError("oops")]

        def flaky(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Deferred[Any]:
            return fail(failing.pop()) if failing else at_once(function, *args, **kwargs)

        echo = self.make(lambda key, line: self.lines.append((key, line)), flaky)
        self.write("a", b"one\n")
        self.add("a", echo)
        self.came()
        echo.grown("a")
        self.assertEqual(self.came(), [("a", b"one")])
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_stopped(self) -> None:
        """After the stop nothing is shown any more, not even of what a thread reads at that moment."""
        later = Later()
        echo = self.make(lambda key, line: self.lines.append((key, line)), later)
        self.write("a", b"one\n")
        self.add("a", echo)
        drained = echo.drain("a", 4)
        self.came()
        echo.stop()
        self.successResultOf(drained)
        later.run()
        self.assertEqual(self.came(1), [])


class PaceTests(EchoCase):
    """How much is shown, and how much of the reactor's time that takes."""

    def test_behind(self) -> None:
        """Who is too far behind goes on nearer to the end, and how much that leaves out is shown."""
        self.write("a", numbered(0, 10_000))
        self.add("a")
        lines = [line for _, line in self.came()]
        said = b"--- %d bytes skipped here ---" % (1_000_000 - 100 * (len(lines) - 1))
        self.assertEqual(lines[0], said)
        self.assertEqual(b"".join(line + b"\n" for line in lines[1:]), numbered(10_001 - len(lines), 10_000))
        self.assertTrue(LAG // 2 - 100 <= 100 * len(lines) <= LAG)

    def test_in_turns(self) -> None:
        """A log with much in it takes turns with the others; little is read at once, however many there are."""
        sizes: list[int] = []

        def measured(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Deferred[Any]:
            took = function(*args, **kwargs)
            sizes.append(sum(len(taken.data) for _, taken in took))
            return succeed(took)

        self.echo = self.make(lambda key, line: self.lines.append((key, line)), measured)
        self.write("big", numbered(0, 2000))
        for number in range(20):
            self.write(f"{number}", numbered(0, 300))
        self.write("small", b"here\n")
        self.add("big")
        for number in range(20):
            self.add(f"{number}")
        self.add("small")
        lines = self.came()
        self.assertEqual(len(lines), 2000 + 20 * 300 + 1)
        self.assertTrue(lines.index(("small", b"here")) <= 21 * (CHUNK // 100 + 1))
        self.assertEqual([line for key, line in lines if key == "19"], numbered(0, 300).splitlines())
        self.assertTrue(max(sizes) < BATCH + CHUNK)

    def test_in_slices(self) -> None:
        """However many lines there are, others who use the reactor get three quarters of its time."""
        handed: list[float] = []

        def slow(_key: str, _line: bytes) -> None:
            self.clock.rightNow += SLICE / 10
            handed.append(self.clock.seconds())

        self.write("a", b"\n" * 1000)
        self.add("a", self.make(slow))
        while self.clock.getDelayedCalls():
            self.clock.advance(REST / 100)
        self.assertEqual(len(handed), 1000)
        rests = [b - a for a, b in pairwise(handed) if b - a > SLICE / 5]
        self.assertTrue(90 <= len(rests) <= 101)
        self.assertTrue(min(rests) >= REST)

    def test_while_reading(self) -> None:
        """What comes while a thread reads is read next; one that left meanwhile is not read any more."""
        later = Later()
        self.echo = self.make(lambda key, line: self.lines.append((key, line)), later)
        for key in "abcdefg":
            self.write(key, b"x" * (CHUNK - 1) + b"\n")
            self.add(key)
        self.came()
        self.write("a", b"more\n")
        self.echo.remove("g")
        drained = self.echo.drain("a", CHUNK + 5)
        self.assertEqual(len(later.waiting), 1)
        later.run()
        self.assertNoResult(drained)
        while later.waiting or self.clock.getDelayedCalls():
            self.clock.advance(REST)
            later.run()
        self.successResultOf(drained)
        shown = [(key, len(line)) for key, line in self.came()]
        self.assertEqual(sorted(shown), sorted([(key, CHUNK - 1) for key in "abcdef"] + [("a", 4)]))
