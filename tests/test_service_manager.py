"""What a service manager is told, by its own protocol."""

from __future__ import annotations

import contextlib
import os
import socket

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.service_manager import ServiceManager, without_ours


class ServiceManagerTests(SynchronousTestCase):
    """A socket stands for systemd's."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.addCleanup(self.socket.close)

    def bind(self, address: str) -> str:
        self.socket.bind(address)
        return address

    def manager(self, **more: str) -> ServiceManager:
        # An address may have 108 bytes at most.
        name = f"\0proactor-test-{os.getpid()}-{id(self)}"
        self.bind(name)
        return ServiceManager.of(self.clock, {"NOTIFY_SOCKET": f"@{name[1:]}", **more}, os.getpid())

    def heard(self) -> list[str]:
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.socket.recv(1000).decode())
        return found

    def test_told(self) -> None:
        """It hears when we serve and when we stop."""
        manager = self.manager()
        manager.ready()
        self.assertEqual(self.heard(), [f"READY=1\nMAINPID={os.getpid()}"])
        self.clock.advance(1000)
        self.successResultOf(manager.stopping())
        self.assertEqual(self.heard(), ["STOPPING=1"])

    def test_watchdog(self) -> None:
        """It hears twice in the time that it gives us, until we stop."""
        manager = self.manager(WATCHDOG_USEC="10000000", WATCHDOG_PID=str(os.getpid()))
        manager.ready()
        self.heard()
        self.clock.pump([0.5] * 20)
        self.assertGreaterEqual(len(self.heard()), 2)
        self.successResultOf(manager.stopping())
        self.heard()
        self.clock.advance(100)
        self.assertEqual((self.heard(), self.clock.getDelayedCalls()), ([], []))

    def test_anothers_watchdog(self) -> None:
        """What is for another process, or says nothing, is not heeded."""
        for more in ({"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}):
            self.assertEqual(ServiceManager.of(self.clock, more, os.getpid()).watchdog, 0.0)

    def test_nobody(self) -> None:
        """Without one nobody is told, and nothing is said of that."""
        manager = ServiceManager.of(self.clock, {}, os.getpid())
        with capturedLogs() as events:
            manager.ready()
            self.successResultOf(manager.stopping())
        self.assertEqual((list(events), self.clock.getDelayedCalls()), ([], []))

    def test_gone(self) -> None:
        """One that does not listen any more is no reason to fail."""
        manager = ServiceManager(self.clock, os.path.join(self.mktemp(), "none"))
        with capturedLogs() as events:
            manager.ready()
        (event,) = events
        self.assertIn("is not told: No such file or directory", formatEvent(event))

    def test_not_for_children(self) -> None:
        """What is meant for us alone goes to nobody whom we start."""
        environment = {"PATH": "/bin", "NOTIFY_SOCKET": "x", "WATCHDOG_USEC": "1", "LISTEN_FDS": "1"}
        self.assertEqual(without_ours(environment), {"PATH": "/bin"})
