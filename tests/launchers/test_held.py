"""Tests of sockets that are kept for processors, and of the ports they are taken from."""

from __future__ import annotations

import errno
import os
import socket
from unittest.mock import patch

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proactor.errors import Unavailable
from proactor.launchers.held import HeldSocket
from proactor.launchers.ports import Ports
from proactor.launchers.sockets import PortRange


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

    def test_blocks(self) -> None:
        """Each process finds a socket that blocks, as any program expects, whatever the last one made of it."""
        for make in (self.held.listen, self.held.park, self.held.listen):
            os.set_blocking(self.held.fileno(), False)
            make()
        self.assertTrue(os.get_blocking(self.held.fileno()))

    def test_parked(self) -> None:
        """Parked, clients are refused, and nobody else can listen there, however they ask for it."""
        self.held.park()
        self.held.park()
        self.assertFalse(connects(self.held.port))
        for address in ("127.0.0.1", "0.0.0.0"):
            self.assertFalse(self.can_be_had(address), address)

    def can_be_had(self, address: str = "127.0.0.1") -> bool:
        """Whether a server of another program can listen there."""
        try:
            socket.create_server((address, self.held.port)).close()
        except OSError as e:
            self.assertEqual(e.errno, errno.EADDRINUSE)
            return False
        return True

    def test_parked_with_connections(self) -> None:
        """So it is beside connections that were accepted, live or over, and it listens again."""
        served = socket.socket(fileno=os.dup(self.held.fileno()))
        self.addCleanup(served.close)
        clients = [socket.create_connection(("127.0.0.1", self.held.port)) for _ in range(2)]
        accepted = [served.accept()[0] for _ in clients]
        for each in (*clients, *accepted):
            self.addCleanup(each.close)
        accepted[0].close()
        clients[0].close()
        self.held.park()
        self.assertFalse(self.can_be_had())
        self.held.listen()
        self.assertTrue(connects(self.held.port))

    def test_anew_beside_connections(self) -> None:
        """And so is one that is bound anew where connections were, which are not quite over."""
        client = socket.create_connection(("127.0.0.1", self.held.port))
        served = socket.socket(fileno=os.dup(self.held.fileno()))
        served.accept()[0].close()
        client.close()
        served.close()
        name = self.held.address, self.held.port
        self.held.close()
        self.held = HeldSocket(PortRange("127.0.0.1", 1, 2).claim(name[1]), name)
        self.addCleanup(self.held.close)
        self.assertFalse(self.held.is_lost)
        self.assertFalse(self.can_be_had())
        self.held.listen()
        self.assertTrue(connects(name[1]))

    def test_again(self) -> None:
        """It listens again on the same port, with a descriptor that is good."""
        port = self.held.port
        self.held.park()
        self.held.listen()
        self.held.listen()
        self.assertTrue(connects(port))
        self.assertGreaterEqual(self.held.fileno(), 0)

    def test_a_command_binds_it_itself(self) -> None:
        """Beside one that is lent a program that allows the address to be used again can listen, and until it is taken
        back.
        """
        self.held.lend()
        self.held.lend()
        own = socket.create_server(("127.0.0.1", self.held.port))
        self.assertTrue(connects(self.held.port))
        self.held.take_back()
        self.assertTrue(connects(self.held.port))
        own.close()
        self.assertFalse(self.can_be_had())
        self.held.lend()
        self.assertTrue(self.can_be_had())

    def test_taken_over(self) -> None:
        """Another initiator that takes it over has it lent, or kept from others, as it was; another address too."""
        for make, can_be_had in ((self.held.lend, True), (self.held.park, False)):
            make()
            next_one = HeldSocket(socket.socket(fileno=os.dup(self.held.fileno())))
            self.assertEqual(self.can_be_had(), can_be_had)
            next_one.close()
            self.assertEqual(self.can_be_had(), can_be_had)

    def test_ipv6(self) -> None:
        """It is the same by the other protocol."""
        try:
            held = HeldSocket(socket.create_server(("::1", 0), family=socket.AF_INET6))
        except OSError:
            raise SkipTest("there is no IPv6 here") from None
        self.addCleanup(held.close)
        held.park()
        with self.assertRaises(OSError):
            socket.create_server(("::1", held.port), family=socket.AF_INET6)
        held.listen()
        socket.create_connection(("::1", held.port)).close()

    def test_not_lent(self) -> None:
        """To take back what listens is to do nothing."""
        self.held.take_back()
        self.assertTrue(connects(self.held.port))

    def test_taken_meanwhile(self) -> None:
        """When another program listens there by now, that is said, with what names it; without it, it is had again."""
        self.held.lend()
        other = socket.create_server(("127.0.0.1", self.held.port))
        self.addCleanup(other.close)
        error = self.assertRaises(Unavailable, self.held.listen)
        port = self.held.port
        self.assertEqual(
            str(error),
            f"port {port} at 127.0.0.1 cannot be had again: Address already in use "
            f"(ss -ltnp sport = :{port} says by whom)",
        )
        other.close()
        self.assertFalse(self.can_be_had())
        self.held.listen()
        self.assertTrue(connects(port))

    def test_lent_when_lost(self) -> None:
        """What another program has cannot be lent."""
        name = self.held.address, self.held.port
        lost = HeldSocket(socket.socket(), name)
        self.addCleanup(lost.close)
        self.assertTrue(lost.is_lost)
        self.assertRaises(Unavailable, lost.lend)
        self.held.close()
        lost.lend()
        self.assertFalse(lost.is_lost)

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

    def test_two_initiators(self) -> None:
        """What one has parked another one with the same range passes over."""
        ours, theirs = Ports(self.low, self.low), Ports(self.low, self.low)
        (held,) = ours.take("127.0.0.1", 1)
        held.park()
        self.assertRaises(Unavailable, theirs.take, "127.0.0.1", 1)
        held.listen()
        self.assertTrue(connects(self.low))
        ours.give_back(held)

    def test_two_initiators_from_the_beginning(self) -> None:
        """So it is with one that was taken up, and has not listened yet."""
        ours, theirs = Ports(self.low, self.low), Ports(self.low, self.low)
        held = ours.claim("127.0.0.1", self.low, None)
        self.assertRaises(Unavailable, theirs.take, "127.0.0.1", 1)
        self.assertTrue(theirs.claim("127.0.0.1", self.low, None).is_lost)
        held.listen()
        self.assertTrue(connects(self.low))
        ours.give_back(held)

    def test_all_or_none(self) -> None:
        """Where there are not enough, none is taken."""
        ports = Ports(self.low, self.low)
        self.assertRaises(Unavailable, ports.take, "127.0.0.1", 2)
        (held,) = ports.take("127.0.0.1", 1)
        ports.give_back(held)
