from __future__ import annotations

import errno
import random
import resource
import socket
from contextlib import ExitStack, closing

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proactor.errors import ProactorError, Refused, Unavailable
from proactor.launchers.sockets import PortRange

from ..support.examples import examples

COUNT = 6


def occupy(port: int, *, listen: bool = True, reuse: bool = False) -> socket.socket:
    """Take a port as another program does."""
    sock = socket.socket()
    try:
        if reuse:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        if listen:
            sock.listen()
    except OSError:
        sock.close()
        raise
    return sock


def free_run(count: int = COUNT) -> int:
    """Find the first of so many free ports in a row, below those that the kernel gives to outgoing connections."""
    while True:
        low = random.randrange(10000, 30000)
        with ExitStack() as stack:
            try:
                for port in range(low, low + count):
                    stack.enter_context(occupy(port))
            except OSError:
                continue
            return low


class Ports(RuleBasedStateMachine):
    """A range beside other programs, against the plainest model: the lowest port that nobody has."""

    def __init__(self) -> None:
        super().__init__()
        self.low = free_run()
        self.every = range(self.low, self.low + COUNT)
        self.ports = PortRange("127.0.0.1", self.low, self.low + COUNT - 1)
        self.ours: dict[int, socket.socket] = {}
        self.foreign: dict[int, socket.socket] = {}

    def free(self) -> list[int]:
        return [port for port in self.every if port not in self.ours and port not in self.foreign]

    @precondition(lambda self: self.free())
    @rule()
    def bind(self) -> None:
        """There is one: it is the lowest."""
        expected = self.free()[0]
        sock = self.ports.bind()
        self.ours[sock.getsockname()[1]] = sock
        assert sock.getsockname() == ("127.0.0.1", expected)

    @precondition(lambda self: not self.free())
    @rule()
    def used_up(self) -> None:
        """There is none: that is said."""
        try:
            self.ports.bind().close()
        except Unavailable:
            return
        raise AssertionError("a port out of nowhere")

    @precondition(lambda self: self.ours)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """One goes back."""
        port = data.draw(st.sampled_from(sorted(self.ours)))
        self.ours.pop(port).close()
        self.ports.release(port)

    @precondition(lambda self: self.free())
    @rule(data=st.data(), listen=st.booleans())
    def intrude(self, data: st.DataObject, listen: bool) -> None:
        """Another program takes one."""
        port = data.draw(st.sampled_from(self.free()))
        self.foreign[port] = occupy(port, listen=listen)

    @precondition(lambda self: self.foreign)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Another program ends."""
        self.foreign.pop(data.draw(st.sampled_from(sorted(self.foreign)))).close()

    @invariant()
    def listening(self) -> None:
        """Each that was given listens."""
        for sock in self.ours.values():
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1

    def teardown(self) -> None:
        for sock in [*self.ours.values(), *self.foreign.values()]:
            sock.close()


class PortRangeTests(SynchronousTestCase):
    """The ports that processors may have."""

    def bound(self, ports: PortRange) -> socket.socket:
        sock = ports.bind()
        self.addCleanup(sock.close)
        return sock

    def occupied(self, port: int, *, listen: bool = True, reuse: bool = False) -> socket.socket:
        sock = occupy(port, listen=listen, reuse=reuse)
        self.addCleanup(sock.close)
        return sock

    def test_model(self) -> None:
        """Whatever comes and goes, the lowest port that nobody has is given, and the end of them is said."""
        run_state_machine_as_test(Ports, settings=examples(40, stateful_step_count=25))

    def test_socket(self) -> None:
        """The socket takes connections at once, blocks as programs expect, and is nobody's inheritance."""
        low = free_run()
        sock = self.bound(PortRange("127.0.0.1", low, low))
        self.assertTrue(sock.getblocking())
        self.assertFalse(sock.get_inheritable())
        self.assertEqual(sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR), 1)
        with closing(socket.create_connection(sock.getsockname())) as client:
            accepted, peer = sock.accept()
            accepted.close()
            self.assertEqual(peer, client.getsockname())

    def test_bound_by_another(self) -> None:
        """A port on which another program listens, reusing it as we do, is passed over."""
        low = free_run(2)
        self.occupied(low, reuse=True)
        self.assertEqual(self.bound(PortRange("127.0.0.1", low, low + 1)).getsockname()[1], low + 1)

    def test_every_address(self) -> None:
        """A port that is taken at one address of the machine is taken for all of them."""
        low = free_run(2)
        self.occupied(low)
        self.assertEqual(self.bound(PortRange("0.0.0.0", low, low + 1)).getsockname(), ("0.0.0.0", low + 1))

    def test_many_foreign(self) -> None:
        """Many ports of others cost a call few tries, yet none is forgotten."""
        low = free_run(20)
        others = [self.occupied(low + offset) for offset in range(15)]
        ports = PortRange("127.0.0.1", low, low + 19)
        self.assertEqual([self.bound(ports).getsockname()[1] - low for _ in range(5)], [15, 16, 17, 18, 19])
        others[12].close()
        self.assertEqual(self.bound(ports).getsockname()[1] - low, 12)
        error = self.assertRaises(Unavailable, ports.bind)
        self.assertIn("6 are processors', 14 other programs'", str(error))

    def test_ipv6(self) -> None:
        """IPv6 addresses are addresses."""
        low = free_run()
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            raise SkipTest("no IPv6 here") from error
        self.assertEqual(self.bound(PortRange("::1", low, low)).getsockname()[:2], ("::1", low))

    def test_not_ours(self) -> None:
        """An address that this machine does not have is said at the first port of whatever range, each time."""
        ports = PortRange("192.0.2.1", 49152, 65535)
        for _ in range(2):
            error = self.assertRaises(ProactorError, ports.bind)
            self.assertNotIsInstance(error, Unavailable)
            self.assertIn("192.0.2.1", str(error))
            self.assertEqual(error.__cause__.errno, errno.EADDRNOTAVAIL)

    def test_no_descriptors(self) -> None:
        """Out of descriptors is for now, not for ever, and takes no port away."""
        low = free_run()
        ports = PortRange("127.0.0.1", low, low)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            error = self.assertRaises(Unavailable, ports.bind)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assertIn("Too many open files", str(error))
        self.assertEqual(self.bound(ports).getsockname()[1], low)

    def test_not_held(self) -> None:
        """Only what was given can be given back, and once."""
        low = free_run()
        ports = PortRange("127.0.0.1", low, low)
        self.assertRaises(KeyError, ports.release, low)
        ports.bind().close()
        ports.release(low)
        self.assertRaises(KeyError, ports.release, low)

    def test_no_address(self) -> None:
        """A name is no address: nothing here waits for a name server."""
        for address in ("localhost", "", "1.2.3.4.5", "a" * 100 + ".example", "\ud800"):
            self.assertIn("IPv4 or IPv6", str(self.assertRaises(Refused, PortRange, address, 1, 2)))

    def test_no_range(self) -> None:
        """A range that is none is refused with its numbers."""
        for low, high in ((0, 10), (10, 9), (1, 65536)):
            self.assertIn(f"{low}-{high}", str(self.assertRaises(Refused, PortRange, "127.0.0.1", low, high)))

    def test_repr(self) -> None:
        """It tells what it is."""
        self.assertEqual(repr(PortRange("127.0.0.1", 1, 2)), "PortRange('127.0.0.1', 1, 2)")
