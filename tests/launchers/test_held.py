"""Tests of sockets that are kept for processors, and of the ports they are taken from."""

from __future__ import annotations

import os
import socket
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Unavailable
from proactor.launchers.held import HeldSocket
from proactor.launchers.ports import Ports


def listening() -> socket.socket:
    made = socket.create_server(("127.0.0.1", 0))
    made.setblocking(False)
    return made


def connects(port: int) -> bool:
    """Whether a client gets a connection."""
    client = socket.socket()
    client.settimeout(5)
    try:
        client.connect(("127.0.0.1", port))
    except ConnectionRefusedError:
        return False
    finally:
        client.close()
    return True


class HeldSocketTests(SynchronousTestCase):
    """Listening and parked."""

    def setUp(self) -> None:
        self.held = HeldSocket(listening())
        self.addCleanup(self.held.close)

    def test_listens(self) -> None:
        """Clients get a connection before anybody serves."""
        self.assertTrue(connects(self.held.port))
        self.assertEqual(self.held.address, "127.0.0.1")

    def test_parked(self) -> None:
        """Parked, clients are refused, and nobody else gets the port without asking for it."""
        self.held.park()
        self.held.park()
        self.assertFalse(connects(self.held.port))
        other = socket.socket()
        self.addCleanup(other.close)
        self.assertRaises(OSError, other.bind, ("127.0.0.1", self.held.port))

    def test_again(self) -> None:
        """It listens again on the same port, with a descriptor that is good."""
        port = self.held.port
        self.held.park()
        self.held.listen()
        self.held.listen()
        self.assertTrue(connects(port))
        self.assertGreaterEqual(self.held.fileno(), 0)

    def test_a_command_binds_it_itself(self) -> None:
        """Beside a parked one a program that allows the address to be used again can listen."""
        self.held.park()
        own = socket.create_server(("127.0.0.1", self.held.port))
        self.addCleanup(own.close)
        self.assertTrue(connects(self.held.port))

    def test_taken_meanwhile(self) -> None:
        """When another program listens there by now, that is said."""
        self.held.park()
        other = socket.create_server(("127.0.0.1", self.held.port))
        self.addCleanup(other.close)
        error = self.assertRaises(Unavailable, self.held.listen)
        self.assertIn(f"port {self.held.port} at 127.0.0.1 cannot be had again", str(error))

    def test_with_all_copies(self) -> None:
        """What others have of the socket is parked with it, and listens with it again; it stays the same one."""
        changes: list[int] = []
        self.held.changed = lambda: changes.append(self.held.fileno())
        copy = socket.socket(fileno=os.dup(self.held.fileno()))
        self.addCleanup(copy.close)
        self.held.park()
        self.assertFalse(connects(self.held.port))
        self.held.listen()
        self.assertTrue(connects(self.held.port))
        copy.accept()[0].close()
        self.assertEqual(changes, [])

    def test_without_that(self) -> None:
        """Where a socket cannot be made to listen no more, another one takes its place."""
        changes: list[int] = []
        self.held.changed = lambda: changes.append(self.held.fileno())
        with patch.object(socket.socket, "shutdown", side_effect=OSError):
            self.held.park()
        self.assertFalse(connects(self.held.port))
        self.assertEqual(changes, [self.held.fileno()])
        self.held.listen()
        self.assertTrue(connects(self.held.port))

    def test_lost(self) -> None:
        """A port that was lost to another program is had again when that has gone."""
        copy = socket.socket(fileno=os.dup(self.held.fileno()))
        with patch.object(socket.socket, "shutdown", side_effect=OSError):
            self.held.park()
        self.assertLess(self.held.fileno(), 0)
        self.assertRaises(Unavailable, self.held.listen)
        copy.close()
        changes: list[int] = []
        self.held.changed = lambda: changes.append(self.held.fileno())
        self.held.listen()
        self.assertTrue(connects(self.held.port))
        self.assertEqual(changes, [self.held.fileno()])

    def test_never_bound(self) -> None:
        """One that is taken up without its port has it as soon as it listens."""
        name = self.held.address, self.held.port
        self.held.close()
        unbound = HeldSocket(socket.socket(), name)
        self.addCleanup(unbound.close)
        unbound.listen()
        self.assertTrue(connects(name[1]))


class PortsTests(SynchronousTestCase):
    """Taking several, all or none."""

    def setUp(self) -> None:
        probe = listening()
        self.low = probe.getsockname()[1]
        probe.close()

    def test_take_and_give_back(self) -> None:
        """Ports that are given back can be taken again."""
        ports = Ports(self.low, self.low)
        (held,) = ports.take("127.0.0.1", 1)
        self.assertEqual(held.port, self.low)
        ports.give_back(held)
        (again,) = ports.take("127.0.0.1", 1)
        ports.give_back(again)

    def test_all_or_none(self) -> None:
        """Where there are not enough, none is taken."""
        ports = Ports(self.low, self.low)
        self.assertRaises(Unavailable, ports.take, "127.0.0.1", 2)
        (held,) = ports.take("127.0.0.1", 1)
        ports.give_back(held)
