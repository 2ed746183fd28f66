"""Packets between the initiator and the guardian: lines of words, and descriptors that go with some of them.

A packet is one message of a UNIX socket that keeps them apart (SOCK_SEQPACKET, unix(7)): it comes whole or not at all.
Its descriptors (SCM_RIGHTS) belong to those of its lines that begin with ``@``, in order. Both sides use this module.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

__all__ = [
    "LOST",
    "MOST_BYTES",
    "MOST_LINES",
    "VERSION",
    "Line",
    "Packet",
    "Said",
    "close_files",
    "connected",
    "pack",
    "peer",
    "receive",
    "send",
]

VERSION = 1

MOST_LINES = 200
"""Lines in one packet. The kernel takes 253 descriptors with it."""
MOST_BYTES = 64 << 10
"""Of one packet."""

_WITH_FILE = "@"
_CREDENTIALS = struct.Struct("3i")
_FILE = struct.calcsize("i")

LOST = -1

Line = tuple[str, int | None]
"""A line, and the descriptor that goes with it, which can be ``LOST``: this process has no room for more of them."""
Packet = Sequence[Line]
Said = tuple[str, Callable[[], int] | None]
"""A line that is to be sent, and what gives the descriptor that goes with it then."""


def connected() -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def peer(connection: socket.socket) -> tuple[int, int]:
    """The process at the other end, and its uid, as they were when it connected or began to listen."""
    pid, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid


def pack(lines: Iterable[Line]) -> Iterator[Packet]:
    """Put lines into packets."""
    rest = iter(lines)
    while packet := list(islice(rest, MOST_LINES)):
        yield packet


def send(connection: socket.socket, packet: Packet) -> None:
    """Send one packet.

    :raises OSError: it cannot be sent; a ``BlockingIOError`` where it cannot be now.
    """
    data = "".join(f"{text}\n" if file is None else f"{_WITH_FILE}{text}\n" for text, file in packet).encode()
    files = [file for _, file in packet if file is not None]
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(files)}i", *files))] if files else []
    connection.sendmsg([data], ancillary)


def receive(connection: socket.socket) -> Packet | None:
    """Take one packet, whose descriptors are the caller's from now on; None at the end.

    :raises BlockingIOError: there is none now.
    """
    while True:
        try:
            data, ancillary, _, _ = connection.recvmsg(
                MOST_BYTES, socket.CMSG_SPACE(MOST_LINES * _FILE), socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            # It was closed with something unread. What it had sent before is still there.
            continue
        return _matched(data.decode("ascii", "replace").splitlines(), _files(ancillary)) if data else None


def _files(ancillary: Iterable[tuple[int, int, bytes]]) -> list[int]:
    files: list[int] = []
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            count = len(data) // _FILE
            files.extend(struct.unpack(f"{count}i", data[: count * _FILE]))
    return files


def _matched(lines: Sequence[str], files: list[int]) -> Packet:
    packet: list[Line] = []
    for line in lines:
        if line.startswith(_WITH_FILE):
            packet.append((line.removeprefix(_WITH_FILE), files.pop(0) if files else LOST))
        else:
            packet.append((line, None))
    for file in files:
        os.close(file)
    return packet


def close_files(packet: Packet) -> None:
    """Close the descriptors that came with lines which have no use for them."""
    for _, file in packet:
        if file is not None and file != LOST:
            os.close(file)
