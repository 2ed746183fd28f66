from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proactor.guardian.hand_over import connect
from proactor.guardian_main import serving as module
from proactor.guardian_main.door import Door
from proactor.guardian_main.guard import Guard
from proactor.guardian_main.logs import BLIND, Logs
from proactor.guardian_main.processes import Process
from proactor.guardian_main.protocol import Line, close_files, connected, receive, send
from proactor.guardian_main.report import report, speak_as, speak_to
from proactor.guardian_main.serving import Serving

GUID, OTHER = "a" * 32, "b" * 32


class ServingCase(SynchronousTestCase):
    """The guardian's service without its process, step by step, in a time of its own."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()
        self.time = 100.0
        self.said: list[str] = []
        self.hushed = 0
        self.spoken_to: list[int] = []
        self.patch(module, "report", lambda level, message: self.said.append(f"{level} {message}"))
        self.patch(module, "hush", self.hush)
        self.patch(module, "speak_to", self.speak_to)
        # What would wait does not.
        self.patch(Serving, "_pause", lambda _: 0.0)
        self.guard = Guard()
        self.first, self.serving = self.serve(Door(str(self.home)))

    def serve(self, door: Door | None, most: int = 1 << 20, logs: Logs | None = None) -> tuple[socket.socket, Serving]:
        ours, theirs = connected()
        for end in (ours, theirs):
            end.setblocking(False)
            self.addCleanup(end.close)
        if door is not None:
            self.addCleanup(self.close, door)
        return ours, Serving(self.guard, door, theirs, most, lambda: self.time, logs)

    def close(self, door: Door) -> None:
        with contextlib.suppress(OSError):
            door.close()

    def hush(self) -> None:
        self.hushed += 1

    def speak_to(self, file: int) -> None:
        self.spoken_to.append(file)
        os.close(file)

    def tell(self, *lines: Line, to: socket.socket | None = None) -> None:
        """Say something, and have it heard."""
        send(self.first if to is None else to, lines)
        self.serving.step()

    def heard(self, connection: socket.socket) -> list[str]:
        """What an initiator was told; its descriptors are closed."""
        found: list[str] = []
        with contextlib.suppress(BlockingIOError):
            while packet := receive(connection):
                close_files(packet)
                found.extend(text for text, _ in packet)
        return found

    def come(self, *lines: Line) -> socket.socket:
        """Come in as another initiator, and say something."""
        found = connect(self.home)
        assert found is not None
        connection, _ = found
        self.addCleanup(connection.close)
        if lines:
            send(connection, lines)
        self.steps(2)
        return connection

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.serving.step()

    def kept(self) -> Sequence[str]:
        return [text.removeprefix("keep ") for text, _ in self.serving._kept.lines()]

    def leave(self) -> None:
        """Have the first initiator gone, and something living on."""
        self.tell(("adopt yes", None))
        self.first.close()
        self.serving.step()

    def watch(self) -> int:
        """Tell of a process that lives."""
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        looked = Process.look(child.pid)
        assert looked is not None
        self.tell((f"watch {child.pid} {looked.start} 5", None))
        return child.pid


class ServingTests(ServingCase):
    """What is kept, and who gets it."""

    def test_kept(self) -> None:
        """Sockets are kept by guid: another takes the place of the first, and what is let go is closed."""
        files = len(os.listdir("/proc/self/fd"))
        self.tell((f"keep {GUID}", 0), (f"keep {OTHER}", 0), (f"keep {GUID}", 1))
        self.assertEqual((sorted(self.kept()), len(os.listdir("/proc/self/fd"))), ([GUID, OTHER], files + 2))
        self.tell((f"drop {GUID}", None), (f"drop {GUID}", None), (f"keep {OTHER}", None))
        self.assertEqual((self.kept(), len(os.listdir("/proc/self/fd")), self.said), ([], files, []))

    def test_no_room(self) -> None:
        """Without room for a socket the others are kept, and it is said once; there is room for who comes in."""
        self.first, self.serving = self.serve(None, most=12)
        files = len(os.listdir("/proc/self/fd"))
        self.tell((f"keep {GUID}", 0), (f"keep {OTHER}", 0))
        self.first.send(f"@keep {OTHER}\n".encode())
        self.serving.step()
        self.assertEqual((self.kept(), len(os.listdir("/proc/self/fd"))), ([], files))
        self.assertEqual(len(self.said), 1)
        self.assertIn(f"No descriptor is left to keep the socket of {GUID}", self.said[0])

    def test_first(self) -> None:
        """The first initiator is answered as any other, and takes nothing over."""
        self.tell(("hello 1", None))
        self.assertEqual(self.heard(self.first), ["hello 1", "done"])
        self.assertEqual(self.spoken_to, [])

    def test_next(self) -> None:
        """The next one is given the sockets and the marks, is written to, and is obeyed from then on."""
        self.tell(("mark A=1 5", None), (f"keep {GUID}", 0))
        self.leave()
        self.assertEqual((len(self.said), self.hushed), (1, 1))
        self.assertIn("its processes live on, 1 socket kept for the next one", self.said[0])
        second = self.come(("hello 1", 2), (f"keep {OTHER}", 0))
        self.assertEqual(self.heard(second), ["hello 1", "mark A=1", f"keep {GUID}", "done"])
        self.assertEqual((len(self.spoken_to), sorted(self.kept())), (1, [GUID, OTHER]))
        self.tell((f"drop {GUID}", None), to=second)
        self.assertEqual(self.kept(), [OTHER])

    def test_next_is_killed(self) -> None:
        """One that is killed before it has said what is to be leaves everything too; one that said it does not."""
        self.watch()
        self.leave()
        self.come(("hello 1", None)).close()
        self.serving.step()
        self.assertEqual(self.hushed, 2)
        third = self.come(("hello 1", None))
        self.tell(("adopt no", None), to=third)
        third.close()
        self.assertTrue(self.serving.run())

    def test_gone_unheard(self) -> None:
        """What an initiator said right before it was killed counts, though it never took what it was answered."""
        send(self.first, [("hello 1", None), ("adopt yes", None)])
        send(self.first, [(f"keep {GUID}", 0)])
        self.first.close()
        self.steps(3)
        self.assertEqual((self.kept(), self.hushed), ([GUID], 1))

    def test_not_read(self) -> None:
        """An initiator that does not take what it is told does not hold up the guardian for ever."""
        self.patch(module, "_HEARING", 0.01)
        self.tell(*((f"mark {number:0100} 5", None) for number in range(150)))
        for _ in range(50):
            self.tell(("hello 1", None))
        self.tell((f"keep {GUID}", 0))
        self.assertEqual(self.kept(), [GUID])

    def test_stop(self) -> None:
        """A stop closes what was kept, and is seen to be under way by who waits for it, until it is over."""
        self.tell((f"keep {GUID}", 0), ("adopt yes", None), ("stop 1", None))
        self.first.shutdown(socket.SHUT_WR)
        self.assertTrue(self.serving.run())
        self.assertEqual((self.kept(), list(self.home.iterdir())), ([], []))
        self.assertRaises(BlockingIOError, receive, self.first)

    def test_leave(self) -> None:
        """What is left on purpose is left, whatever a death would have meant."""
        self.tell(("adopt no", None), ("leave", None))
        self.first.close()
        self.serving.step()
        self.assertEqual(self.hushed, 1)

    def test_no_door(self) -> None:
        """Where nobody can come everything is left at once."""
        self.first, self.serving = self.serve(None)
        self.tell(("adopt yes", None))
        self.first.close()
        self.assertFalse(self.serving.run())

    def test_another_version(self) -> None:
        """One of another version is given everything and left."""
        self.tell((f"keep {GUID}", 0))
        self.leave()
        second = self.come(("hello 2", None))
        self.assertEqual(self.heard(second), ["hello 1", f"keep {GUID}", "done"])
        self.assertFalse(self.serving.run())

    def test_not_understood(self) -> None:
        """What is not understood is said, and leaves nothing open; a word that is new is passed over."""
        files = len(os.listdir("/proc/self/fd"))
        self.tell(("", 0), ("drop", 0), ("linger soon", None), ("watch 1", 0))
        self.assertEqual(len(self.said), 3)
        self.tell(("keep", 0), ("hello", 0), ("new words", 0))
        self.assertEqual((len(self.said), len(os.listdir("/proc/self/fd"))), (3, files))


class WaitingTests(ServingCase):
    """How long it waits, and for whom."""

    def is_over(self) -> bool:
        self.serving.step()
        return self.serving._ends_all is not None

    def later(self, seconds: float) -> bool:
        """Let time pass; tells whether it is over then."""
        over = False
        for _ in range(round(seconds / 0.5)):
            self.time += 0.5
            over = over or self.is_over()
        return over

    def test_in_vain(self) -> None:
        """It waits as long as it was told to when nobody is left, and then everything is left as it is."""
        self.tell(("linger 20", None))
        self.leave()
        self.assertFalse(self.later(19))
        self.assertTrue(self.later(2))
        self.assertFalse(self.serving.run())
        self.assertEqual(list(self.home.iterdir()), [])

    def test_as_long_as_it_takes(self) -> None:
        """As long as somebody is left it waits; from their end on, its time runs."""
        pid = self.watch()
        self.tell(("linger 20", None))
        self.leave()
        self.assertFalse(self.later(500))
        os.kill(pid, 9)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self.assertFalse(self.later(19))
        self.assertTrue(self.later(3))

    def test_replaced(self) -> None:
        """When nobody will come to it any more, for another is where it was, it ends."""
        self.watch()
        self.leave()
        self.assertFalse(self.later(5))
        self.addCleanup(self.close, Door(str(self.home)))
        self.assertTrue(self.later(1))
        self.assertFalse(self.serving.run())
        self.assertEqual(len(list(self.home.iterdir())), 1)

    def test_not_told_of(self) -> None:
        """What the next initiator does not tell of is looked at, and what has ended of that is forgotten."""
        pid = self.watch()
        self.leave()
        second = self.come(("hello 1", None), ("adopt no", None))
        self.assertEqual(self.guard.untold, 1)
        self.later(5)
        self.assertEqual(self.guard.untold, 1)
        os.kill(pid, 9)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self.later(2)
        self.assertEqual(self.guard.untold, 0)
        second.close()

    def test_busy(self) -> None:
        """Who comes while there is an initiator is told so, in a moment: it could be about to go."""
        second = self.come(("hello 1", 0))
        self.assertEqual(self.heard(second), [])
        self.time += 1
        self.serving.step()
        self.assertEqual(self.heard(second), ["busy"])
        self.assertIsNone(receive(second))

    def test_about_to_go(self) -> None:
        """Who comes before it was seen that the other has gone is served."""
        self.tell(("adopt yes", None))
        second = self.come(("hello 1", None))
        self.first.close()
        self.serving.step()
        self.assertEqual(self.heard(second), ["hello 1", "done"])

    def test_mute(self) -> None:
        """Who says nothing is sent away in a moment, and who says something else at once; nothing is left open."""
        files = len(os.listdir("/proc/self/fd"))
        mute, rude, gone = self.come(), self.come((f"keep {GUID}", 0)), self.come()
        self.assertIsNone(receive(rude))
        gone.close()
        self.serving.step()
        self.time += 1
        self.serving.step()
        self.assertIsNone(receive(mute))
        for each in (mute, rude):
            each.close()
        self.assertEqual((self.kept(), len(os.listdir("/proc/self/fd"))), ([], files))

    def test_crowd(self) -> None:
        """Only so many are let in at a time; the others wait."""
        crowd = [self.come() for _ in range(12)]
        self.assertEqual(len(self.serving._guests), 8)
        self.time += 1
        self.steps(12)
        self.assertEqual(len(self.serving._guests), 4)
        for each in crowd:
            each.close()

    def test_ends_with_guests(self) -> None:
        """Who came in vain sees that it is over."""
        second = self.come(("hello 1", 0))
        self.tell(("stop 1", None))
        self.first.shutdown(socket.SHUT_WR)
        self.assertTrue(self.serving.run())
        self.assertEqual(self.heard(second), ["busy"])


class PauseTests(SynchronousTestCase):
    """How long it waits for something to happen."""

    def test_pause(self) -> None:
        """For ever in the service of an initiator; else until the next look; shortly, when there is somebody."""
        guard, time = Guard(), 100.0
        home = self.mktemp()
        os.mkdir(home)
        door = Door(home)
        ours, theirs = connected()
        self.addCleanup(door.close)
        self.addCleanup(theirs.close)
        self.patch(module, "report", lambda *_: None)
        self.patch(module, "hush", lambda: None)
        serving = Serving(guard, door, theirs, 100, lambda: time)
        self.assertIsNone(serving._pause())
        send(ours, [("adopt yes", None)])
        serving.step()
        ours.close()
        serving.step()
        self.assertEqual(serving._pause(), 1000.0)
        time += 0.4
        self.assertAlmostEqual(serving._pause() or 0.0, 600.0)
        found = connect(Path(home))
        assert found is not None
        serving.step()
        self.assertEqual(serving._pause(), 50.0)
        found[0].close()
        serving.step()


class ReportTests(SynchronousTestCase):
    """What it says."""

    def test_format(self) -> None:
        """A line as in the initiator's log, where it was last told to write to; nothing where nobody hears it."""
        saved = os.dup(1), os.dup(2)
        read, write = os.pipe()
        try:
            speak_to(write)
            report("INFO", "It is so")
            text = os.read(read, 1000).decode()
            os.close(read)
            report("WARNING", "Nobody hears it")
        finally:
            for place, file in enumerate(saved, 1):
                os.dup2(file, place)
                os.close(file)
        pattern = rf"[-0-9]{{10}} [:0-9]{{8}},[0-9]{{3}} INFO   \|{os.getpid()}\|proactor\.guardian\|It is so\n"
        self.assertRegex(text, pattern)

    def test_json(self) -> None:
        """As an object where that is the format of the log, with the fields that all lines have."""
        self.addCleanup(speak_as, "text")
        self.addCleanup(os.dup2, os.dup(2), 2)
        read, write = os.pipe()
        os.dup2(write, 2)
        os.close(write)
        speak_as("json")
        report("INFO", 'It is "so"\n')
        with open(read, "rb") as written:
            record = json.loads(written.readline())
        self.assertEqual(
            [record[name] for name in ("level", "pid", "namespace", "message")],
            ["INFO", os.getpid(), "proactor.guardian", 'It is "so"\n'],
        )
        self.assertRegex(record["time"], r"^[-0-9]{10}T[:0-9]{8}\.[0-9]{3}Z$")


class LookedAt(Logs):
    """Logs that are none, and how often they were looked at.

    :ivar looks: of each look, whether there was no initiator.
    """

    def __init__(self, reading: int) -> None:
        super().__init__("/nowhere")
        self.looks: list[bool] = []
        self.told: list[str] = []
        self._reading = reading

    def obey(self, word: str, words: Sequence[str]) -> None:
        self.told.append(f"{word} {' '.join(words)}")

    def fileno(self) -> int:
        return self._reading

    @property
    def any(self) -> bool:
        return True

    def look(self, alone: bool) -> float:
        self.looks.append(alone)
        return BLIND


class LogTests(ServingCase):
    """When logs are looked at."""

    def begin(self, reading: int) -> LookedAt:
        logs = LookedAt(reading)
        self.first, self.serving = self.serve(Door(str(self.home)), logs=logs)
        return logs

    def test_told(self) -> None:
        """What is said of logs is passed on; without any it is passed over."""
        self.tell((f"cut {GUID} 100", None), (f"uncut {GUID}", None))
        self.assertEqual(self.said, [])
        logs = self.begin(-1)
        self.tell((f"cut {GUID} 100", None), (f"uncut {GUID}", None))
        self.assertEqual((logs.told, self.said), ([f"cut {GUID} 100", f"uncut {GUID}"], []))

    def test_grown(self) -> None:
        """They are looked at when one has grown, and not again before it is worth it; with an initiator or without."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        logs = self.begin(reading)
        self.steps(2)
        os.write(writing, b"x")
        self.steps(3)
        self.leave()
        self.time += BLIND
        self.steps(2)
        self.assertEqual(logs.looks, [False, True])

    def test_blind(self) -> None:
        """Where nobody tells of that, they are looked at now and then."""
        logs = self.begin(-1)
        self.steps(3)
        self.time += BLIND
        self.steps(3)
        self.assertEqual(logs.looks, [False, False])


class LogPauseTests(SynchronousTestCase):
    """How long the guardian waits when nothing happens."""

    def pause(self, reading: int, next_logs: float) -> float | None:
        ours, theirs = connected()
        for end in (ours, theirs):
            self.addCleanup(end.close)
        serving = Serving(Guard(), None, theirs, 1 << 20, lambda: 100.0, LookedAt(reading))
        serving._next_logs = next_logs
        return serving._pause()

    def test_logs(self) -> None:
        """It waits for logs that grow for ever, until it is worth a look, or until it has to look for itself."""
        self.assertIsNone(self.pause(5, 0.0))
        self.assertEqual(self.pause(5, 100.25), 250.0)
        self.assertEqual(self.pause(-1, 100.5), 500.0)
        self.assertEqual(self.pause(-1, 99.0), 0.0)
