"""What lived on without an initiator, and how the next one gets at it: the guardian's sockets, or a processor's own."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..guardian_main.door import address
from ..guardian_main.processes import Process
from ..guardian_main.protocol import LOST, VERSION, Packet, close_files, peer

__all__ = ["HandOver", "connect", "socket_of"]

_NOBODY = frozenset({errno.ENOENT, errno.ECONNREFUSED})
_PIDFD_GETFD = 438
"""The number of pidfd_getfd(2), on nearly every architecture. Since Linux 5.6."""

_log = Logger(namespace="proactor.guardian")


def connect(home: Path) -> tuple[socket.socket, Process] | None:
    """Find the guardian that waits in a home, if there is one: the connection, and its process."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.setblocking(False)
    try:
        _connect(connection, home)
        pid, uid = peer(connection)
        process = Process.look(pid)
    except OSError as error:
        if error.errno not in _NOBODY:
            _log.warn("{home}: the guardian cannot be reached: {reason}", home=home, reason=error.strerror)
    else:
        if uid == os.geteuid() and process is not None:
            return connection, process
        _log.warn("{home}: who answers there is no guardian of ours: pid {pid}, uid {uid}", home=home, pid=pid, uid=uid)
    connection.close()
    return None


def _connect(connection: socket.socket, home: Path) -> None:
    folder = os.open(home, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(address(folder))
    finally:
        os.close(folder)


@define(eq=False)
class HandOver:
    """What a guardian gives, packet by packet.

    :ivar over: fires when it has given all, or will give no more.
    :ivar version: its version of the protocol, when it is known.
    :ivar is_whole: whether it has given all.
    :ivar marks: what the processes of earlier initiators have in their environment.
    """

    over: Deferred[None] = field(factory=Deferred)
    version: str | None = None
    is_busy: bool = False
    is_whole: bool = False
    marks: list[str] = field(factory=list)
    sockets: dict[str, socket.socket] = field(factory=dict)
    missing: list[str] = field(factory=list)

    @property
    def goes_on(self) -> bool:
        """Whether it is in our service now."""
        return self.is_whole and self.version == str(VERSION)

    def heard(self, packet: Packet) -> None:
        """Take what came."""
        for text, file in packet:
            word, _, rest = text.partition(" ")
            if word == "keep":
                self._keep(rest, file)
                continue
            close_files([(text, file)])
            if word == "hello":
                self.version = rest
            elif word == "mark":
                self.marks.append(rest)
            elif word in {"busy", "done"}:
                self.is_busy, self.is_whole = word == "busy", word == "done"
                self.end()

    def end(self) -> None:
        """It will give no more."""
        if not self.over.called:
            self.over.callback(None)

    def _keep(self, guid: str, file: int | None) -> None:
        if file is None or file == LOST:
            self.missing.append(guid)
            return
        self.sockets[guid] = socket.socket(fileno=file)


def socket_of(pid: int, fd: int, name: tuple[object, ...]) -> socket.socket | None:
    """Get the socket that a living process has bound to an address, for our own use beside its: pidfd_getfd(2).

    Nothing about it is changed: to block or not, for one, is the same for both.

    :param fd: the descriptor that it probably has there; where it has not, its other ones are tried.
    :param name: the address, as ``getsockname`` gives it.
    :return: None where there is none, or where the system does not allow or does not know that.
    """
    try:
        pin = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
    try:
        for number in (fd, *_sockets(pid, fd)):
            found = _fetched(pin, number)
            if found is not None and _is_bound_to(found, name):
                return found
    finally:
        os.close(pin)
    return None


def _sockets(pid: int, but: int) -> Iterator[int]:
    """The descriptors of a process that are sockets, in order."""
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):
        for number in sorted(map(int, os.listdir(folder))):
            with suppress(OSError):
                if number != but and os.readlink(f"{folder}/{number}").startswith("socket:"):
                    yield number


def _fetched(pin: int, number: int) -> socket.socket | None:
    library = ctypes.CDLL(None, use_errno=True)
    copy = library.syscall(ctypes.c_long(_PIDFD_GETFD), pin, number, ctypes.c_uint(0))
    if copy < 0:
        return None
    try:
        found = socket.socket(fileno=copy)
    except OSError:
        # No socket at all.
        os.close(copy)
        return None
    return found


def _is_bound_to(found: socket.socket, name: tuple[object, ...]) -> bool:
    with suppress(OSError):
        # A connection that it accepted has that name too.
        if found.type == socket.SOCK_STREAM and found.getsockname() == name and not _is_connected(found):
            return True
    found.close()
    return False


def _is_connected(found: socket.socket) -> bool:
    try:
        found.getpeername()
    except OSError:
        return False
    return True
