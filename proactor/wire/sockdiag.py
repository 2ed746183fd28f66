"""Whose socket is at the other end of a TCP connection on this machine: asked of the kernel, sock_diag(7).

What cannot be told for certain is not told at all: no Linux, no answer, another connection's answer, a socket that
is not established or that no process holds any more (its uid reads as root's).
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from attrs import frozen
from twisted.internet import address
from twisted.internet.interfaces import ITransport

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG, which the socket module does not name
_SOCK_DIAG_BY_FAMILY = 20  # the type of the question and of its answer
_NLM_F_REQUEST = 1
_TCP_ESTABLISHED = 1
_FAMILIES: Final[Mapping[int, int]] = {4: socket.AF_INET, 6: socket.AF_INET6}  # by version of the address
_SIZES: Final[Mapping[int, int]] = {socket.AF_INET: 4, socket.AF_INET6: 16}  # of an address, by family

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBBxI")  # inet_diag_req_v2 up to its id: family, protocol, extensions, states
_MESSAGE = struct.Struct("=BBBB")  # inet_diag_msg up to its id: family, state, timer, retransmits
_PORTS = struct.Struct(">HH")  # inet_diag_sockid: source and destination port,
_ADDRESS_SIZE = 16  # then both addresses, an IPv4 one padded,
_SCOPE = struct.Struct("=I8s")  # then interface and cookie
_OWNER = struct.Struct("=IIIII")  # the rest of inet_diag_msg: expires, two queue lengths, uid, inode
_ANY_COOKIE = b"\xff" * 8

_MOST = 8192  # bytes of a reply
_TIMEOUT = 0.1  # seconds; the kernel answers before send() returns, so that this is never waited out
_SEQUENCE = 1  # of the one question that a socket of ours asks

_Address = IPv4Address | IPv6Address


@frozen
class Ends:
    """Both ends of a TCP connection, seen from one of its sockets, in one family."""

    source: _Address
    source_port: int
    destination: _Address
    destination_port: int

    @classmethod
    def of(cls, source: tuple[str, int], destination: tuple[str, int]) -> Ends | None:
        """Return the ends as values; None unless they are two addresses of one family and two ports."""
        try:
            ends = cls(_address(source[0]), source[1], _address(destination[0]), destination[1])
        except ValueError:
            return None
        ports = ends.source_port, ends.destination_port
        fitting = ends.source.version == ends.destination.version and all(0 < port < 65536 for port in ports)
        return ends if fitting else None


def _address(host: str) -> _Address:
    """Return an address without its zone, and an IPv4-mapped one as what it maps (RFC 4291, 2.5.5.2)."""
    value = ip_address(host.partition("%")[0])
    return (value.ipv4_mapped or value) if isinstance(value, IPv6Address) else value


def is_loopback(host: str) -> bool:
    """Tell whether that is an address, not a name, of this machine alone: 127.0.0.0/8, ::1."""
    try:
        return _address(host).is_loopback
    except ValueError:
        return False


def connection_uid(transport: ITransport) -> int | None:
    """Return whose process is at the other end of an accepted connection; None unless both ends are loopback.

    It asks, and so does not wait: call it at accept, while the peer is still there to be asked about.
    """
    local, peer = transport.getHost(), transport.getPeer()
    tcp = address.IPv4Address, address.IPv6Address
    if not (isinstance(local, tcp) and isinstance(peer, tcp)):
        return None
    if not (is_loopback(local.host) and is_loopback(peer.host)):
        return None
    return peer_uid((local.host, local.port), (peer.host, peer.port))


def ask_kernel(query: bytes) -> tuple[bytes, int]:
    """Return the kernel's reply to a question, and the netlink port that asked (netlink(7)).

    :raise OSError: there is no netlink, or no reply.
    """
    if sys.platform != "linux":
        raise OSError(errno.EAFNOSUPPORT, "netlink is Linux's")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as netlink:
        netlink.settimeout(_TIMEOUT)
        netlink.connect((0, 0))  # with the kernel alone: no process can answer in its place
        netlink.send(query)
        return netlink.recv(_MOST), netlink.getsockname()[0]


def peer_uid(
    local: tuple[str, int], peer: tuple[str, int], *, ask: Callable[[bytes], tuple[bytes, int]] = ask_kernel
) -> int | None:
    """Return the uid of the socket at the other end of a TCP connection of this machine, None if in doubt.

    :param local: host and port of the accepted socket's own end.
    :param peer: of its other end.
    :param ask: whom to ask.
    """
    ends = Ends.of(peer, local)
    if ends is None:
        return None
    try:
        reply, port = ask(pack_query(ends, _SEQUENCE))
    except OSError:
        return None  # no answer is an answer here
    return parse_reply(reply, ends, _SEQUENCE, port)


def pack_query(ends: Ends, sequence: int) -> bytes:
    """Return the question for the one socket that has these ends (inet_diag_req_v2)."""
    family = _FAMILIES[ends.source.version]
    body = (
        _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 1 << _TCP_ESTABLISHED)
        + _PORTS.pack(ends.source_port, ends.destination_port)
        + ends.source.packed.ljust(_ADDRESS_SIZE, b"\0")
        + ends.destination.packed.ljust(_ADDRESS_SIZE, b"\0")
        + _SCOPE.pack(0, _ANY_COOKIE)
    )
    length = _HEADER.size + len(body)
    return _HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, sequence, 0) + body


def parse_reply(reply: bytes, ends: Ends, sequence: int, port: int) -> int | None:
    """Return the uid that a reply (inet_diag_msg) tells; None unless it is about that very connection.

    :param sequence: of the question.
    :param port: the netlink port that asked it.
    """
    try:
        length, kind, _flags, answered, receiver = _HEADER.unpack_from(reply)
        at = _HEADER.size
        family, state, _timer, _retransmits = _MESSAGE.unpack_from(reply, at)
        at += _MESSAGE.size
        told = _parse_ends(reply, at, family)
        at += _PORTS.size + 2 * _ADDRESS_SIZE + _SCOPE.size
        *_ignored, uid, inode = _OWNER.unpack_from(reply, at)
    except (struct.error, ValueError):
        return None
    complete = at + _OWNER.size <= length <= len(reply)
    ours = (kind, answered, receiver) == (_SOCK_DIAG_BY_FAMILY, sequence, port)
    held = state == _TCP_ESTABLISHED and inode != 0
    return int(uid) if complete and ours and told == ends and held else None


def _parse_ends(reply: bytes, at: int, family: int) -> Ends | None:
    """Return the ends that a socket says it has; a dual-stack one writes IPv4 as mapped IPv6."""
    source_port, destination_port = _PORTS.unpack_from(reply, at)
    size = _SIZES.get(family)
    if size is None:
        return None
    at += _PORTS.size
    source, destination = (ip_address(reply[start : start + size]) for start in (at, at + _ADDRESS_SIZE))
    return Ends.of((str(source), source_port), (str(destination), destination_port))
