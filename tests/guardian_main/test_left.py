from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from proactor.guardian_main.processes import Process

from .support import POLITE, InitiatorCase, read_all

GUID = "0" * 32


class LeftTests(InitiatorCase):
    """What lives on without an initiator, and the next one."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()
        self.begin_in_home(adopt=True)

    def begin_in_home(self, adopt: bool) -> dict[str, int]:
        """Start the next initiator; gives the ports that it has taken over."""
        self.begin(self.home)
        ports: dict[str, int] = self.order("take_over")
        self.order("adopt", adopt)
        self.order("begin")
        return ports

    def call(self, port: int, says: str) -> socket.socket:
        """Connect, and say something."""
        client = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(client.close)
        client.sendall(says.encode())
        return client

    def left(self) -> int:
        """Kill the initiator; gives the guardian's number, when nobody else knows any more."""
        guardian: int = self.order("guardians")
        self.initiator.kill()
        report = read_all(self.err)
        self.assertIn(" live on", report)
        return guardian

    def end(self, pid: int) -> None:
        os.killpg(pid, signal.SIGKILL)

    def test_sockets(self) -> None:
        """Who connects while there is no initiator waits, and is served by the next one."""
        pid = self.start(POLITE)
        ports = self.order("listen", 3)
        guardian = self.left()
        for guid, port in ports.items():
            self.call(port, guid)
        self.assertEqual(self.begin_in_home(adopt=True), ports)
        self.assertEqual(self.order("guardians"), guardian)
        for guid in ports:
            self.assertEqual(self.order("accept", guid), guid)
        self.assertIsNotNone(Process.look(pid))
        self.end(pid)
