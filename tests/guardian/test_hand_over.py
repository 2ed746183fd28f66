from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.guardian import hand_over
from proactor.guardian.hand_over import HandOver, connect, socket_of
from proactor.guardian_main.door import Door
from proactor.guardian_main.protocol import LOST

#: The number of a descriptor there: none that this process has given one already.
NUMBER = 400
HOLDS = f"import os, sys; n = int(sys.argv[1]); os.dup2(n, {NUMBER}); os.close(n); print(flush=True); sys.stdin.read()"


class SocketOfTests(SynchronousTestCase):
    """Sockets of a living process."""

    def setUp(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listening.close)
        self.name = self.listening.getsockname()
        self.process = self.start(self.listening)

    def start(self, *sockets: socket.socket) -> subprocess.Popen[bytes]:
        """A process that has them, the first of them as number ``NUMBER``."""
        files = [each.fileno() for each in sockets]
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", HOLDS, str(files[0])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=files,
        )
        self.addCleanup(self.end, process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        with process:
            process.kill()

    def fetched(self, fd: int, process: subprocess.Popen[bytes] | None = None) -> socket.socket:
        found = socket_of((process or self.process).pid, fd, self.name)
        assert found is not None
        self.addCleanup(found.close)
        return found

    def test_found(self) -> None:
        """It is the very socket, whose port is not given up when everybody else has closed it; nobody inherits it."""
        found = self.fetched(NUMBER)
        self.listening.close()
        self.end(self.process)
        with socket.create_connection(self.name) as client:
            client.sendall(b"x")
            with found.accept()[0] as served:
                self.assertEqual(served.recv(1), b"x")
        self.assertFalse(found.get_inheritable())

    def test_elsewhere(self) -> None:
        """It is found where it has another number, beside a connection that it has accepted."""
        client = socket.create_connection(self.name)
        served, _ = self.listening.accept()
        for each in (client, served):
            self.addCleanup(each.close)
        process = self.start(served, self.listening)
        for fd in (3, NUMBER, 1, 99):
            self.assertEqual(self.fetched(fd, process).getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), 1)

    def test_unchanged(self) -> None:
        """What blocks there still blocks."""
        self.listening.setblocking(True)
        self.fetched(NUMBER)
        self.assertTrue(os.get_blocking(self.listening.fileno()))

    def test_none(self) -> None:
        """Another address, or no process, has none; nothing is left open."""
        before = len(os.listdir("/proc/self/fd"))
        self.assertIsNone(socket_of(self.process.pid, NUMBER, ("127.0.0.1", 1)))
        self.assertIsNone(socket_of(self.process.pid, 0, ("127.0.0.1", 1)))
        self.end(self.process)
        self.assertIsNone(socket_of(self.process.pid, NUMBER, self.name))
        self.assertEqual(len(os.listdir("/proc/self/fd")), before - 2)

    def test_not_here(self) -> None:
        """A system that does not know this, or forbids it, has none."""
        self.patch(hand_over, "_PIDFD_GETFD", 100000)
        self.assertIsNone(socket_of(self.process.pid, NUMBER, self.name))
        with patch("os.pidfd_open", side_effect=AttributeError):
            self.assertIsNone(socket_of(self.process.pid, NUMBER, self.name))


class ConnectTests(SynchronousTestCase):
    """The way to a guardian."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()

    def test_nobody(self) -> None:
        """Where nobody is, or nobody is any more, that is nothing to speak of."""
        self.assertIsNone(connect(self.home))
        door = Door(str(self.home))
        with patch("os.unlink"):
            door.close()
        with capturedLogs() as events:
            self.assertIsNone(connect(self.home))
            self.assertIsNone(connect(self.home / "nowhere"))
        self.assertEqual(list(events), [])

    def test_found(self) -> None:
        """Who listens there is found, with the process."""
        door = Door(str(self.home))
        self.addCleanup(door.close)
        found = connect(self.home)
        assert found is not None
        connection, process = found
        self.addCleanup(connection.close)
        self.assertEqual(process.pid, os.getpid())
        accepted = door.accept()
        assert accepted is not None
        accepted.close()
        self.assertIsNone(door.accept())

    def test_not_ours(self) -> None:
        """Somebody else's is not spoken with, nor is what cannot be reached; that is logged."""
        door = Door(str(self.home))
        self.addCleanup(door.close)
        with capturedLogs() as events, patch("os.geteuid", return_value=-1):
            self.assertIsNone(connect(self.home))
            self.assertIsNone(door.accept())
        with capturedLogs() as more, patch("os.open", side_effect=PermissionError(13, "Permission denied")):
            self.assertIsNone(connect(self.home))
        self.assertIn("no guardian of ours", formatEvent(events[0]))
        self.assertIn("Permission denied", formatEvent(more[0]))

    def test_in_its_place(self) -> None:
        """A door takes the place of an earlier one, which is aware of that, and leaves the new one alone."""
        first, second = Door(str(self.home)), Door(str(self.home))
        self.assertEqual((first.is_anothers(), second.is_anothers()), (True, False))
        first.close()
        found = connect(self.home)
        assert found is not None
        found[0].close()
        second.close()
        self.assertEqual(list(self.home.iterdir()), [])

    def test_no_door(self) -> None:
        """Where there can be none, nothing is left open."""
        before = len(os.listdir("/proc/self/fd"))
        self.assertRaises(OSError, Door, str(self.home / "nowhere"))
        (self.home / "guardian.sock").mkdir()
        self.assertRaises(OSError, Door, str(self.home))
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class HandOverTests(SynchronousTestCase):
    """What a guardian gives."""

    def setUp(self) -> None:
        self.hand_over = HandOver()

    def test_whole(self) -> None:
        """It is whole at its end; what is new in it is passed over, and its end comes once."""
        kept = socket.create_server(("127.0.0.1", 0))
        name = kept.getsockname()
        self.hand_over.heard([("hello 1", None), ("mark A=1", None), ("new", os.dup(0)), ("keep a", kept.detach())])
        self.assertNoResult(self.hand_over.over)
        self.hand_over.heard([("keep b", LOST), ("done", None)])
        self.successResultOf(self.hand_over.over)
        self.hand_over.end()
        self.assertTrue(self.hand_over.goes_on)
        self.assertEqual((self.hand_over.marks, self.hand_over.missing), (["A=1"], ["b"]))
        with self.hand_over.sockets["a"] as found:
            self.assertEqual(found.getsockname(), name)

    def test_another_version(self) -> None:
        """One of another version does not go on."""
        self.hand_over.heard([("hello 2", None), ("done", None)])
        self.assertEqual((self.hand_over.is_whole, self.hand_over.goes_on), (True, False))

    def test_cut_off(self) -> None:
        """One that is cut off, or has no time for us, does not go on."""
        self.hand_over.heard([("hello 1", None)])
        self.hand_over.end()
        busy = HandOver()
        busy.heard([("busy", None)])
        for each in (self.hand_over, busy):
            self.successResultOf(each.over)
            self.assertFalse(each.goes_on)
