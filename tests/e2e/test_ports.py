"""The tests' own ports: no test is in the way of another one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from . import ports

#: Lock all but five ports, and keep them until the end of the input.
OTHER = """\
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX, 5000, 10000)
    fcntl.lockf(file, fcntl.LOCK_EX, 4995, 15005)
    print("locked", flush=True)
    sys.stdin.read()
"""


class PortTests(SynchronousTestCase):
    """What :func:`ports.free_ports` promises."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.locks = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        self.addCleanup(os.close, self.locks)
        self.patch(ports, "_locks", lambda: self.locks)
        self.patch(ports, "_kept", type(ports._kept)())

    def test_listened_at(self) -> None:
        """Where somebody listens it is not free; and looking is not in the way of who is about to listen."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            self.assertFalse(ports.is_free("127.0.0.1", port))
        looked: list[int] = []

        class Looking(socket.socket):
            def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
                super().bind(address)
                replaced.restore()
                with socket.create_server(("127.0.0.1", port)):
                    looked.append(port)

        replaced = self.patch(socket, "socket", Looking)
        self.assertTrue(ports.is_free("127.0.0.1", port))
        self.assertEqual(looked, [port])

    def test_of_others(self) -> None:
        """What another process was given is not given here as long as that lives."""
        self.patch(ports, "is_free", lambda address, port: True)
        argv = [sys.executable, "-S", "-c", OTHER, str(self.path)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            self.assertEqual(other.stdout.readline(), b"locked\n")
            self.assertEqual(ports.free_ports(5), 15000)
            other.stdin.close()

    def test_own(self) -> None:
        """The next range of the same process is another one."""
        self.patch(ports, "is_free", lambda address, port: True)
        self.patch(ports, "_KEPT", 40)
        given = sorted(ports.free_ports(200) for _ in range(20))
        self.assertTrue(all(b - a >= 200 for a, b in pairwise(given)))
