from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.logstore.entry import Entry
from proactor.logstore.files import Files
from proactor.logstore.rotation import Rotation
from proactor.logstore.turn import Attended
from proactor.logstore.workers import Workers

DONE = Attended()


class WorkersTests(SynchronousTestCase):
    """Who is attended to, and when."""

    def setUp(self) -> None:
        self.begun: list[tuple[str, Callable[[], bool], Deferred[Any]]] = []
        self.workers = Workers(self.in_thread, most=2)
        self.entries = {name: Entry(name, Rotation(Files(Path(f"{name}.log")))) for name in "abcd"}

    def in_thread(self, function: Callable[..., Any], /, *args: Any, **_kwargs: Any) -> Deferred[Any]:
        """A thread that is done when the test says so."""
        [name] = [name for name, entry in self.entries.items() if entry.log.attend == function]
        done: Deferred[Any] = Deferred()
        self.begun.append((name, args[0], done))
        return done

    def add(self, names: str) -> None:
        for name in names:
            self.workers.add(self.entries[name])

    def names(self) -> str:
        return "".join(name for name, _, _ in self.begun)

    def done(self, name: str, attended: Attended = DONE) -> None:
        [one] = [each for each in self.begun if each[0] == name]
        self.begun.remove(one)
        one[2].callback(attended)

    def test_few_at_once(self) -> None:
        """A few at a time, the others in their order, each once."""
        self.add("abcdcd")
        self.assertEqual(self.names(), "ab")
        self.assertTrue(self.begun[0][1]())
        self.done("b")
        self.assertEqual(self.names(), "ac")
        self.done("a")
        self.assertEqual(self.names(), "cd")
        self.assertFalse(self.begun[0][1]())
        self.done("c")
        self.done("d")
        self.assertEqual(self.names(), "")

    def test_again(self) -> None:
        """One that is not done, or that grew meanwhile, is attended to again, after the others, by one at a time."""
        self.add("abca")
        self.done("a")
        self.assertEqual(self.names(), "bc")
        self.done("b", Attended(more=True))
        self.assertEqual(self.names(), "ca")
        self.done("c")
        self.assertEqual(self.names(), "ab")

    def test_trouble(self) -> None:
        """Trouble with one is told once of each kind, with the reason, and does not spread."""
        full = Attended(trouble=OSError(errno.ENOSPC, "No space left on device", "x.old"))
        with capturedLogs() as events:
            for _ in range(2):
                self.add("a")
                self.done("a", full)
            self.add("a")
            self.done("a", Attended(trouble=OSError(errno.EIO, "Input/output error")))
        told = [formatEvent(event) for event in events]
        self.assertEqual(len(told), 2)
        self.assertIn("a cannot be kept as it should be: No space left on device (x.old)", told[0])
        self.assertIn("Input/output error (a.log)", told[1])

    def test_failed(self) -> None:
        """An error of ours is logged, and the others are attended to."""
        self.add("abc")
        self.begun.pop(0)[2].errback(LookupError("oops"))
        self.assertEqual(self.names(), "bc")
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
        self.add("a")
        self.done("b")
        self.assertEqual(self.names(), "ca")

    def test_closing(self) -> None:
        """One whose end has come is not begun with."""
        self.add("abc")
        self.entries["c"].closing = self.entries["d"].closing = True
        self.add("d")
        self.done("a")
        self.assertEqual(self.names(), "b")

    def test_stopped(self) -> None:
        """At the end those in hand are waited for, and nothing is begun."""
        self.successResultOf(Workers(self.in_thread).stop())
        self.add("abc")
        stopped = self.workers.stop()
        self.assertTrue(self.begun[0][1]())
        self.add("d")
        self.done("a", Attended(more=True))
        self.assertNoResult(stopped)
        self.done("b")
        self.successResultOf(stopped)
        self.assertEqual(self.names(), "")
