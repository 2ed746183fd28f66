from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from proactor.guardian.guardian import Guardian
from proactor.guardian.packets import Link
from proactor.guardian_main.door import Door
from proactor.guardian_main.processes import Process
from proactor.guardian_main.protocol import Line, close_files, receive, send
from proactor.launchers.command import MARK

GUID, OTHER = "a" * 32, "b" * 32


class MemoryProcess:
    """The transport of a process that is not there, and its end of the connection."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.connection = connection
        self.signals: list[str] = []
        self.reaped = False

    def signalProcess(self, name: str) -> None:
        if self.reaped:
            raise ProcessExitedAlready
        self.signals.append(name)


class MemoryReactor(Clock):
    """A clock, readers and writers that are looked at when it is said so, and processes that are values.

    :ivar refusal: with what the next starts fail, if it is set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Link] = set()
        self.writers: set[Link] = set()
        self.started: list[tuple[Any, MemoryProcess]] = []
        self.argv: Sequence[str] = ()
        self.refusal: OSError | None = None

    def addReader(self, reader: Link) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: Link) -> None:
        self.readers.discard(reader)

    def addWriter(self, writer: Link) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: Link) -> None:
        self.writers.discard(writer)

    def turn(self) -> None:
        """Look at all that could be read or written."""
        for reader in list(self.readers):
            reader.doRead()
        for writer in list(self.writers):
            writer.doWrite()

    def spawnProcess(
        self, protocol: Any, executable: str, argv: Sequence[str], env: Mapping[str, str], childFDs: Mapping[int, int]
    ) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.argv = argv
        process = MemoryProcess(1000 + len(self.started), socket.socket(fileno=os.dup(childFDs[0])))
        process.connection.setblocking(False)
        self.started.append((protocol, process))
        protocol.makeConnection(process)

    @property
    def last(self) -> MemoryProcess:
        return self.started[-1][1]

    def end(self) -> None:
        """Have the last process end."""
        protocol, process = self.started[-1]
        process.connection.close()
        protocol.processEnded(Failure(ProcessTerminated(signal=9)))


class GuardianCase(SynchronousTestCase):
    """A guardian in memory."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.guardian = self.make()
        self.pid = os.getpid()
        looked = Process.look(self.pid)
        assert looked is not None
        self.watching = f"watch {self.pid} {looked.start} 2.5"
        self.told = [f"mark {MARK}={self.guardian.mark[MARK]} 10.0", "adopt no", "linger 30.0"]
        self.hello = ["hello 1", *self.told]
        self.addCleanup(self.close)

    def make(self, **more: Any) -> Guardian:
        return Guardian(self.reactor, random=lambda: 0.5, **more)  # type: ignore[arg-type]

    def close(self) -> None:
        for link in list(self.reactor.readers):
            link.close()
        for _, process in self.reactor.started:
            process.connection.close()

    def lines(self, connection: socket.socket | None = None) -> list[Line]:
        """Give what a guardian was told since the last time; the descriptors are closed at the end."""
        lines: list[Line] = []
        with contextlib.suppress(BlockingIOError):
            while packet := receive(self.reactor.last.connection if connection is None else connection):
                self.addCleanup(close_files, packet)
                lines.extend(packet)
        return lines

    def heard(self, connection: socket.socket | None = None) -> list[str]:
        """Give what a guardian was told since the last time, but for descriptors."""
        return [text for text, _ in self.lines(connection)]

    def is_at_end(self) -> bool:
        """Whether it was told that this is the end."""
        return receive(self.reactor.last.connection) is None

    def listening(self) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        return listening


class GuardianTests(GuardianCase):
    """The initiator's side."""

    def test_told(self) -> None:
        """It tells what it is told, in order, and in full: the mark, processes, and those that there are no more."""
        self.guardian.start()
        self.assertEqual(self.heard(), self.hello)
        self.guardian.watch(self.pid, 2.5)
        self.guardian.unwatch(self.pid)
        self.assertEqual(self.heard(), [self.watching, f"unwatch {self.pid}"])

    def test_logs(self) -> None:
        """It tells of logs, what is said of one last counts, and another guardian is told of those that there are."""
        self.guardian.start()
        self.guardian.cut(GUID, 1000)
        self.guardian.cut(GUID, 2000)
        self.guardian.cut(OTHER, 1000)
        self.guardian.leave_uncut(OTHER)
        self.guardian.leave_uncut(OTHER)
        said = [f"cut {GUID} 1000", f"cut {GUID} 2000", f"cut {OTHER} 1000", f"uncut {OTHER}"]
        self.assertEqual(self.heard(), [*self.hello, *said])
        self.reactor.end()
        self.reactor.advance(1)
        self.assertEqual(self.heard(), [*self.hello, f"cut {GUID} 2000"])

    def test_before_start(self) -> None:
        """What it is told before it is started is not lost."""
        self.guardian.watch(self.pid, 2.5)
        self.guardian.adopt = True
        self.assertIsNone(self.guardian.pid)
        self.guardian.start()
        self.assertEqual(self.heard(), [*self.hello[:2], "adopt yes", self.hello[3], self.watching])
        self.assertEqual(self.guardian.pid, 1000)

    def test_gone(self) -> None:
        """A process that has gone is nobody's; one that was not watched is no trouble."""
        process = subprocess.Popen(["true"])
        process.wait()
        self.guardian.start()
        self.guardian.watch(process.pid, 1)
        self.guardian.unwatch(process.pid)
        self.assertEqual(self.heard(), self.hello)

    def test_somebody_elses(self) -> None:
        """A process whose start time is known may be any, and is told of unseen."""
        self.guardian.start()
        self.guardian.watch(1 << 30, 1, start=7)
        self.assertEqual(self.heard()[-1], f"watch {1 << 30} 7 1")

    def test_no_secret_in_arguments(self) -> None:
        """The mark is nobody's business, and each guardian's own."""
        self.guardian.start()
        self.assertNotIn(self.guardian.mark[MARK], " ".join(self.reactor.argv))
        self.assertNotEqual(self.guardian.mark, self.make().mark)

    def test_adopt(self) -> None:
        """Whether the next initiator is to have it all can be set at any time."""
        guardian = self.make(adopt=True, linger=5.0)
        guardian.start()
        self.assertEqual(self.heard()[2:], ["adopt yes", "linger 5.0"])
        self.assertTrue(guardian.adopt)
        guardian.adopt = False
        self.assertEqual((self.heard(), guardian.adopt), (["adopt no"], False))

    def test_sockets(self) -> None:
        """A socket is told of with its descriptor, and again when it is another one."""
        first, second = self.listening(), self.listening()
        self.guardian.start()
        self.heard()
        self.guardian.keep(GUID, first.fileno)
        self.guardian.keep(GUID, second.fileno)
        self.guardian.let_go(GUID)
        self.guardian.let_go(GUID)
        lines = self.lines()
        self.assertEqual([text for text, _ in lines], [f"keep {GUID}", f"keep {GUID}", f"drop {GUID}"])
        for (_, file), kept in zip(lines, (first, second), strict=False):
            assert file is not None
            self.assertTrue(os.path.sameopenfile(file, kept.fileno()))
            self.assertFalse(os.get_inheritable(file))

    def test_again(self) -> None:
        """When it dies another is started, which is told what is so now, with the sockets of now; that is logged."""
        sockets = [self.listening(), self.listening()]

        def current() -> int:
            return sockets[-1].fileno()

        self.guardian.start()
        self.guardian.watch(self.pid, 2.5)
        self.guardian.watch(1, 2.5)
        self.guardian.keep(GUID, current)
        self.guardian.keep(OTHER, current)
        with capturedLogs() as events:
            self.reactor.end()
        self.assertEqual([event["log_level"].name for event in events], ["warn"])
        self.guardian.unwatch(1)
        self.guardian.let_go(OTHER)
        sockets.pop()
        self.assertIsNone(self.guardian.pid)
        self.reactor.advance(0.05)
        self.assertEqual(len(self.reactor.started), 2)
        lines = self.lines()
        self.assertEqual([text for text, _ in lines], [*self.hello, self.watching, f"keep {GUID}"])
        assert lines[-1][1] is not None
        self.assertTrue(os.path.sameopenfile(lines[-1][1], current()))

    def delays(self, count: int) -> list[float]:
        """Give the waits before so many restarts."""
        found = []
        for _ in range(count):
            self.reactor.end()
            (call,) = self.reactor.getDelayedCalls()
            found.append(call.getTime() - self.reactor.seconds())
            self.reactor.advance(found[-1])
        return found

    def test_backoff(self) -> None:
        """One that dies over and over is started ever more seldom; after a good run it is as new."""
        self.guardian.start()
        for expected, found in zip([0.05, 0.1, 0.2, 0.4], self.delays(4), strict=True):
            self.assertAlmostEqual(found, expected)
        self.assertAlmostEqual(max(self.delays(20)), 15)
        self.reactor.advance(60)
        self.assertAlmostEqual(self.delays(1)[0], 0.05)

    def test_no_start(self) -> None:
        """One that cannot be started is tried again, and leaves nothing open."""
        self.reactor.refusal = BlockingIOError(11, "Resource temporarily unavailable")
        before = os.listdir("/proc/self/fd")
        with capturedLogs() as events:
            self.guardian.start()
        self.assertIn("Resource temporarily unavailable", events[0]["reason"])
        self.assertEqual((os.listdir("/proc/self/fd"), self.reactor.readers), (before, set()))
        self.reactor.refusal = None
        self.reactor.advance(0.05)
        self.assertEqual(len(self.reactor.started), 1)

    def test_started_twice(self) -> None:
        """There is one: who is about to be started again is not started beside it."""
        self.guardian.start()
        self.reactor.end()
        self.guardian.start()
        self.assertEqual((len(self.reactor.started), self.reactor.getDelayedCalls()), (2, []))

    def test_deaf(self) -> None:
        """One that closes the connection and lives is ended, for another to take its place."""
        self.guardian.start()
        self.reactor.last.connection.close()
        self.reactor.turn()
        self.assertEqual(self.reactor.last.signals, ["KILL"])
        self.assertEqual(len(self.reactor.started), 1)
        self.guardian.watch(self.pid, 2.5)
        self.reactor.end()
        self.reactor.advance(0.05)
        self.assertEqual(self.heard(), [*self.hello, self.watching])

    def test_no_proc(self) -> None:
        """Where there is no /proc that is said, and nothing is started or found."""
        with patch.object(os.path, "exists", return_value=False), capturedLogs() as events:
            self.guardian.start()
            guardian = self.make(home=Path(self.mktemp()))
            self.assertEqual(self.successResultOf(Deferred.fromCoroutine(guardian.take_over())), {})
        self.assertEqual([event["log_level"].name for event in events], ["warn"])
        self.assertEqual(self.reactor.started, [])

    def test_stop(self) -> None:
        """A stop is over when the process is, and no other is started."""
        self.guardian.start()
        stopped = self.guardian.stop()
        self.assertNoResult(stopped)
        self.assertEqual(self.heard(), [*self.hello, "stop 1.0"])
        self.assertTrue(self.is_at_end())
        self.reactor.end()
        self.successResultOf(stopped)
        self.assertEqual((self.reactor.getDelayedCalls(), self.reactor.last.signals), ([], []))

    def test_stop_in_vain(self) -> None:
        """One that does not come to its end is killed."""
        self.guardian.start()
        stopped = self.guardian.stop()
        self.reactor.advance(10)
        self.assertEqual(self.reactor.last.signals, ["KILL"])
        self.reactor.end()
        self.successResultOf(stopped)

    def test_stop_between(self) -> None:
        """A stop while there is none, or none yet, is over at once."""
        self.successResultOf(self.guardian.stop())
        self.guardian.start()
        self.reactor.end()
        self.successResultOf(self.guardian.stop())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stop_as_it_ends(self) -> None:
        """A stop while it ends by itself waits for that."""
        self.guardian.start()
        self.reactor.last.reaped = True
        stopped = self.guardian.stop()
        self.reactor.last.connection.close()
        self.reactor.turn()
        self.assertNoResult(stopped)
        self.reactor.advance(10)
        self.reactor.end()
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_leave(self) -> None:
        """What is left to the next initiator is left with a word, and its guardian is no concern of ours any more."""
        self.guardian.start()
        self.successResultOf(self.guardian.leave())
        self.assertEqual(self.heard(), [*self.hello, "leave"])
        self.assertTrue(self.is_at_end())
        self.guardian.unwatch(self.pid)
        self.successResultOf(self.guardian.stop())
        self.reactor.end()
        self.assertEqual((self.reactor.getDelayedCalls(), self.reactor.readers), ([], set()))

    def test_leave_none(self) -> None:
        """Where there is no guardian there is nobody to be told."""
        self.successResultOf(self.guardian.leave())

    def test_leave_in_vain(self) -> None:
        """A guardian that does not listen is left after some time."""
        self.guardian.start()
        kept = self.listening()
        for _ in range(2000):
            self.guardian.keep(GUID, kept.fileno)
        left = self.guardian.leave()
        self.assertNoResult(left)
        self.reactor.advance(10)
        self.successResultOf(left)
        self.assertEqual((self.reactor.readers, self.reactor.writers), (set(), set()))


class TakeOverTests(GuardianCase):
    """A guardian that waits in the home, and what becomes of it."""

    def setUp(self) -> None:
        super().setUp()
        self.home = Path(self.mktemp())
        self.home.mkdir()
        self.door = Door(str(self.home))
        self.addCleanup(self.door.close)
        self.guardian = self.make(home=self.home, stderr=0)

    def begin(self) -> tuple[Deferred[Mapping[str, socket.socket]], socket.socket]:
        """Begin to take over; gives the guardian's end of the connection as well."""
        taking = Deferred.fromCoroutine(self.guardian.take_over())
        connection = self.door.accept()
        assert connection is not None
        self.addCleanup(connection.close)
        ((text, file),) = self.lines(connection)
        self.assertEqual(text, "hello 1")
        assert file is not None
        self.assertTrue(os.path.sameopenfile(file, 0))
        return taking, connection

    def taken_over(self) -> tuple[Mapping[str, socket.socket], socket.socket]:
        """Take over from one that has a socket, and an initiator before it."""
        taking, connection = self.begin()
        send(connection, [("hello 1", None), ("mark A=1", None), (f"keep {GUID}", self.listening().fileno())])
        self.reactor.turn()
        self.assertNoResult(taking)
        send(connection, [("done", None)])
        self.reactor.turn()
        sockets = self.successResultOf(taking)
        for kept in sockets.values():
            self.addCleanup(kept.close)
        return sockets, connection

    def told_all(self, guardian: Guardian) -> list[str]:
        return ["mark A=1 10.0", f"mark {MARK}={guardian.mark[MARK]} 10.0", "adopt no", "linger 30.0", f"keep {GUID}"]

    def test_format(self) -> None:
        """It is told the format of our log: one that goes on in our service, and one that is started."""
        self.guardian = self.make(home=self.home, fmt="json")
        taking = Deferred.fromCoroutine(self.guardian.take_over())
        connection = self.door.accept()
        assert connection is not None
        ((text, _),) = self.lines(connection)
        self.assertEqual(text, "hello 1 json")
        connection.close()
        self.reactor.turn()
        self.successResultOf(taking)
        self.guardian.start()
        self.assertEqual(self.reactor.argv[-2:], (str(self.home.absolute()), "json"))
        self.assertEqual(self.heard()[0], "hello 1 json")

    def test_goes_on(self) -> None:
        """It goes on in our service, told what is so now; no other is started."""
        sockets, connection = self.taken_over()
        self.assertEqual((list(sockets), self.guardian.pid), ([GUID], os.getpid()))
        self.assertEqual(self.heard(connection), [])
        self.guardian.start()
        self.assertEqual(self.heard(connection), self.told_all(self.guardian))
        self.guardian.let_go(GUID)
        self.assertEqual(self.heard(connection), [f"drop {GUID}"])
        self.assertEqual(self.reactor.started, [])

    def test_ends(self) -> None:
        """When it ends another is started, which is told what the first had told us, too."""
        _, connection = self.taken_over()
        self.guardian.start()
        connection.close()
        self.reactor.turn()
        self.assertIsNone(self.guardian.pid)
        self.reactor.advance(0.05)
        self.assertEqual(self.heard(), ["hello 1", *self.told_all(self.guardian)])
        self.assertEqual(self.guardian.pid, 1000)

    def test_ends_before_the_start(self) -> None:
        """So it is where it ends between."""
        _, connection = self.taken_over()
        connection.close()
        self.reactor.turn()
        self.guardian.start()
        self.assertEqual((len(self.reactor.started), self.reactor.getDelayedCalls()), (1, []))
        self.assertEqual(self.heard(), ["hello 1", *self.told_all(self.guardian)])

    def test_stop(self) -> None:
        """A stop is over when it has closed the connection; one that does not is ended."""
        _, connection = self.taken_over()
        stopped = self.guardian.stop()
        self.assertEqual(self.heard(connection), ["stop 1.0"])
        self.assertIsNone(receive(connection))
        with patch.object(Process, "signal") as signalled:
            self.reactor.advance(10)
        signalled.assert_called_once_with(signal.SIGKILL)
        self.assertNoResult(stopped)
        connection.close()
        self.reactor.turn()
        self.successResultOf(stopped)

    def test_nobody(self) -> None:
        """Where nobody waits there is nothing to take over."""
        self.door.close()
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(self.guardian.take_over())), {})
        self.door = Door(str(self.home))

    def test_no_home(self) -> None:
        """Nor is there without a home."""
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(self.make().take_over())), {})

    def test_busy(self) -> None:
        """One that has an initiator is left alone, and that is logged."""
        taking, connection = self.begin()
        send(connection, [("busy", None)])
        with capturedLogs() as events:
            self.reactor.turn()
            self.assertEqual(self.successResultOf(taking), {})
        self.assertIn("has an initiator that lives", formatEvent(events[0]))
        self.assertIsNone(self.guardian.pid)

    def test_cut_off(self) -> None:
        """What one gave that dies over it is kept on, by another."""
        taking, connection = self.begin()
        send(connection, [("hello 1", None), (f"keep {GUID}", self.listening().fileno())])
        connection.close()
        self.reactor.turn()
        sockets = self.successResultOf(taking)
        self.addCleanup(sockets[GUID].close)
        self.guardian.start()
        self.assertEqual(self.heard()[-1], f"keep {GUID}")

    def test_another_version(self) -> None:
        """One of another version gives what it has, and another takes its place."""
        taking, connection = self.begin()
        send(connection, [("hello 2", None), (f"keep {GUID}", self.listening().fileno()), ("done", None)])
        self.reactor.turn()
        sockets = self.successResultOf(taking)
        self.addCleanup(sockets[GUID].close)
        self.assertIsNone(self.guardian.pid)
        self.assertIsNone(receive(connection))
        self.guardian.start()
        self.assertEqual(self.heard()[-1], f"keep {GUID}")

    def test_silent(self) -> None:
        """One that does not answer in time is ended."""
        taking, connection = self.begin()
        with patch.object(Process, "signal") as signalled, capturedLogs() as events:
            self.reactor.advance(5)
            self.assertEqual(self.successResultOf(taking), {})
        signalled.assert_called_once_with(signal.SIGKILL)
        self.assertIn("does not answer within 5 s", formatEvent(events[0]))
        self.assertIsNone(receive(connection))

    def test_no_room(self) -> None:
        """Sockets for which there is no room are missed, and that is logged."""
        taking, connection = self.begin()
        send(connection, [("hello 1", None)])
        connection.send(b"@keep a\n@keep b\n")
        send(connection, [("done", None)])
        with capturedLogs() as events:
            self.reactor.turn()
            self.assertEqual(self.successResultOf(taking), {})
        self.assertIn("for 2 sockets", formatEvent(events[0]))
