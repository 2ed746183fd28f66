# mypy: allow-untyped-calls

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from contextlib import ExitStack
from ipaddress import ip_address
from unittest import skipUnless

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from proactor.wire.sockdiag import Ends, connection_uid, is_loopback, pack_query, parse_reply, peer_uid

from ..support.examples import examples

PEER, LOCAL = ("127.0.0.1", 40000), ("127.0.0.1", 8080)
PORT = 77  # of our netlink socket
UID = 1234


def ends(source: tuple[str, int] = PEER, destination: tuple[str, int] = LOCAL) -> Ends:
    found = Ends.of(source, destination)
    assert found is not None
    return found


def padded(host: str) -> bytes:
    return ip_address(host).packed.ljust(16, b"\0")


def reply(
    source: tuple[str, int] = PEER,
    destination: tuple[str, int] = LOCAL,
    *,
    family: int = socket.AF_INET,
    kind: int = 20,
    state: int = 1,
    inode: int = 5,
    sequence: int = 1,
    port: int = PORT,
    length: int = 88,
) -> bytes:
    """Return what the kernel says of a socket with these ends (include/uapi/linux/inet_diag.h)."""
    return (
        struct.pack("=IHHII", length, kind, 0, sequence, port)
        + struct.pack("=BBBB", family, state, 0, 0)
        + struct.pack(">HH", source[1], destination[1])
        + padded(source[0])
        + padded(destination[0])
        + struct.pack("=III", 1, 2, 3)
        + struct.pack("=IIIII", 0, 0, 0, UID, inode)
    )


class AddressTests(SynchronousTestCase):
    """What counts as this machine, and as one connection."""

    def test_loopback(self) -> None:
        """Only addresses do, and only the loopback ones, however they are written."""
        for host in ("127.0.0.1", "127.255.3.4", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::1%lo"):
            self.assertTrue(is_loopback(host), host)
        for host in (
            "localhost",
            "",
            "0.0.0.0",
            "::",
            "10.0.0.1",
            "::ffff:10.0.0.1",
            "::2",
            "127.1",
            "127.0.0.1 ",
            "1::1",
        ):
            self.assertFalse(is_loopback(host), host)

    @given(st.text())
    @examples(100)
    def test_any_host(self, host: str) -> None:
        """No text raises."""
        self.assertIn(is_loopback(host), (True, False))

    def test_mapped(self) -> None:
        """An IPv4 connection is one, however its ends are written."""
        self.assertEqual(ends(("::ffff:127.0.0.1", 40000), ("127.0.0.1", 8080)), ends())

    def test_no_connection(self) -> None:
        """Two families, a name or a port out of range make none."""
        for source, destination in [
            (("127.0.0.1", 1), ("::1", 2)),
            (("localhost", 1), ("127.0.0.1", 2)),
            (("127.0.0.1", 0), ("127.0.0.1", 2)),
            (("127.0.0.1", 1), ("127.0.0.1", 65536)),
        ]:
            self.assertIsNone(Ends.of(source, destination))
            self.assertIsNone(peer_uid(source, destination))


class QueryTests(SynchronousTestCase):
    """What the kernel is asked."""

    def test_query(self) -> None:
        """It is asked for the one TCP socket whose source is the peer, with no cookie known."""
        self.assertEqual(
            pack_query(ends(), 9),
            struct.pack("=IHHII", 72, 20, 1, 9, 0)
            + struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 2)
            + struct.pack(">HH", 40000, 8080)
            + padded("127.0.0.1") * 2
            + struct.pack("=I", 0)
            + b"\xff" * 8,
        )

    def test_query_of_ipv6(self) -> None:
        """IPv6 is asked for as such, and IPv4 that is mapped into it as IPv4."""
        query = pack_query(ends(("::1", 1), ("::1", 2)), 1)
        self.assertEqual((query[16], query[28:60]), (socket.AF_INET6, padded("::1") * 2))
        mapped = pack_query(ends(("::ffff:127.0.0.1", 40000), ("::ffff:127.0.0.1", 8080)), 9)
        self.assertEqual(mapped, pack_query(ends(), 9))


class ReplyTests(SynchronousTestCase):
    """What is made of the answer."""

    def assert_told(self, data: bytes, uid: int | None, asked: Ends | None = None) -> None:
        self.assertEqual(parse_reply(data, asked or ends(), 1, PORT), uid)

    def test_told(self) -> None:
        """A full answer about this connection tells the uid."""
        self.assert_told(reply(), UID)
        self.assert_told(reply(("::1", 5), ("::1", 6), family=socket.AF_INET6), UID, ends(("::1", 5), ("::1", 6)))

    def test_dual_stack(self) -> None:
        """So does that of an IPv6 socket that speaks IPv4."""
        peer, local = ("::ffff:127.0.0.1", 40000), ("::ffff:127.0.0.1", 8080)
        self.assert_told(reply(peer, local, family=socket.AF_INET6), UID)

    def test_not_told(self) -> None:
        """Anything about another connection, or a socket that is not established or not held, tells nothing."""
        for data in [
            reply(LOCAL, PEER),
            reply(("127.0.0.2", 40000)),
            reply(("127.0.0.1", 40001)),
            reply(PEER, ("127.0.0.1", 8081)),
            reply(PEER, ("0.0.0.0", 0)),
            reply(family=socket.AF_INET6),
            reply(family=socket.AF_UNIX),
            reply(state=10),
            reply(state=6),
            reply(inode=0),
            reply(kind=2),
            reply(kind=3),
            reply(sequence=2),
            reply(port=PORT + 1),
            reply(length=87),
            reply(length=89),
            b"",
        ]:
            self.assert_told(data, None)

    @given(st.binary(max_size=120))
    @examples(200)
    def test_any_reply(self, data: bytes) -> None:
        """No bytes raise, and none by chance tell a uid."""
        self.assert_told(data, None)

    @given(st.integers(0, 87))
    @examples(100)
    def test_cut_short(self, size: int) -> None:
        """An answer that lacks its end tells nothing."""
        self.assert_told(reply()[:size], None)

    @given(st.integers(0, 87), st.integers(1, 255))
    @examples(300)
    def test_one_byte_off(self, at: int, change: int) -> None:
        """An answer with one byte changed tells the same or nothing, but for the uid itself."""
        data = bytearray(reply())
        data[at] ^= change
        told = parse_reply(bytes(data), ends(), 1, PORT)
        if not 80 <= at < 84:
            self.assertIn(told, (UID, None))
        if 4 <= at < 6 or 8 <= at < 18 or 20 <= at < 28 or 40 <= at < 44:
            self.assertIsNone(told)


class Transport(StringTransport):
    """A connection between two addresses."""

    def __init__(self, local: IAddress, peer: IAddress) -> None:
        super().__init__(hostAddress=local, peerAddress=peer)


@skipUnless(sys.platform == "linux", "sock_diag is Linux's")
class KernelTests(SynchronousTestCase):
    """What the kernel tells of real connections."""

    def connect(self, listen: str, connect: str) -> tuple[socket.socket, socket.socket, socket.socket]:
        """Return listener, client and accepted socket."""
        families = [socket.AF_INET6 if ":" in host else socket.AF_INET for host in (listen, connect)]
        with ExitStack() as stack:
            listener, client = (stack.enter_context(socket.socket(family)) for family in families)
            if families[0] == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind((listen, 0))
            listener.listen()
            client.connect((connect, listener.getsockname()[1]))
            accepted = stack.enter_context(listener.accept()[0])
            self.addCleanup(stack.pop_all().close)
        return listener, client, accepted

    def test_own(self) -> None:
        """The uid at the other end of a connection of our own is ours, whichever way the ends speak IPv4 or IPv6."""
        for listen, connect in [
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("::", "127.0.0.1"),
            ("0.0.0.0", "::ffff:127.0.0.1"),
            ("::", "::ffff:127.0.0.1"),
        ]:
            _, client, accepted = self.connect(listen, connect)
            local, peer = accepted.getsockname()[:2], accepted.getpeername()[:2]
            self.assertEqual(peer_uid(local, peer), os.getuid(), (listen, connect))
            client.close()
            self.assertIsNone(peer_uid(local, peer), "closed")

    def test_listener(self) -> None:
        """A listening socket at that port is not the connection that was asked for."""
        listener, _, _ = self.connect("127.0.0.1", "127.0.0.1")
        self.assertIsNone(peer_uid(("127.0.0.1", 9), listener.getsockname()))

    def test_transport(self) -> None:
        """A transport whose ends are both of this machine is asked about."""
        _, _, accepted = self.connect("::1", "::1")
        local, peer = accepted.getsockname()[:2], accepted.getpeername()[:2]
        transport = Transport(IPv6Address("TCP", *local), IPv6Address("TCP", *peer))
        self.assertEqual(connection_uid(transport), os.getuid())

    def test_no_descriptor_left(self) -> None:
        """Asking leaves no descriptor open."""
        before = len(os.listdir("/proc/self/fd"))
        peer_uid(LOCAL, PEER)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class DenyTests(SynchronousTestCase):
    """Where the kernel cannot be asked, nobody is known."""

    def test_not_loopback(self) -> None:
        """A connection with an end elsewhere, or without TCP, is not asked about."""
        here, there = IPv4Address("TCP", *LOCAL), IPv4Address("TCP", "192.0.2.1", 40000)
        unix = UNIXAddress("/s")
        for local, peer in [(here, there), (there, here), (unix, unix), (here, unix)]:
            self.assertIsNone(connection_uid(Transport(local, peer)))

    def test_no_answer(self) -> None:
        """Without netlink, or without an answer of it in time, there is no uid."""
        for error in (OSError(errno.EAFNOSUPPORT, "no netlink"), PermissionError(), TimeoutError()):
            self.assertIsNone(peer_uid(LOCAL, PEER, ask=Answer(error)))

    def test_answer_to_another_question(self) -> None:
        """An answer is taken only as one to what was asked."""
        self.assertEqual(peer_uid(LOCAL, PEER, ask=Answer(reply())), UID)
        self.assertIsNone(peer_uid(LOCAL, PEER, ask=Answer(reply(sequence=2))))
        self.assertIsNone(peer_uid(PEER, LOCAL, ask=Answer(reply())))


class Answer:
    """Answers every question alike."""

    def __init__(self, answer: bytes | OSError) -> None:
        self.answer = answer

    def __call__(self, query: bytes) -> tuple[bytes, int]:
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer, PORT
