"""Listening sockets for processors, out of a range of ports.

The initiator binds before it launches and keeps the socket: there is no race for the port, and who connects while
the processor starts, or starts again, waits in the backlog and is not refused.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any

from ..errors import ProactorError, Refused, Unavailable, UsedUp
from ..home.disk import reason as reason_of

__all__ = ["BACKLOG", "PortRange", "bind_alone", "share"]

BACKLOG = 1024
"""Connections that may wait for a processor; the kernel cuts it to ``net.core.somaxconn``."""

_TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})
_SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_RETRIES = 8
"""Ports of other programs that one call tries again before it goes on to ports that nobody had."""


def _listen(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    """Give a socket that listens already: ``bind`` alone may succeed on a port where ``listen`` does not."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def share(bound: socket.socket, shared: bool) -> None:
    """Let others that say SO_REUSEADDR too bind the same port and listen, or not, while this socket does not.

    Linux asks it of both sockets when the other one begins to listen; see socket(7). What is accepted inherits it, and
    without it is in the way of who listens there next.
    """
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(shared))


def bind_alone(sock: socket.socket, name: tuple[Any, ...]) -> None:
    """Bind a socket so that nobody else can listen there, though this one does not listen.

    :raises OSError: it cannot be bound.
    """
    share(sock, False)
    try:
        sock.bind(name)
    except OSError:
        # What is left of connections that there were (TIME_WAIT) is in the way.
        share(sock, True)
        sock.bind(name)
        share(sock, False)


class PortRange:
    """The ports of one address that processors may have.

    :param address: an IPv4 or IPv6 address of this machine, or one that stands for all of them.
    :param low: the first port.
    :param high: the last port, which is one of them.
    :raises Refused: that is no address, or no range.
    """

    def __init__(self, address: str, low: int, high: int) -> None:
        if not 1 <= low <= high <= 65535:
            raise Refused(f"ports {low}-{high}: must be a range within 1-65535")
        try:
            infos = socket.getaddrinfo(address, low, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except (socket.gaierror, UnicodeError):
            raise Refused(f"{address!r}: must be an IPv4 or IPv6 address to listen at") from None
        self._family = infos[0][0]
        sockaddr: tuple[Any, ...] = infos[0][4]
        self._host: str = sockaddr[0]
        self._scope: tuple[int, ...] = sockaddr[2:]  # flow and scope, of IPv6 alone
        self._low = low
        self._high = high
        self._next = low  # the ports from here on were never tried
        self._held: set[int] = set()
        self._released: list[int] = []  # a heap, as is the next
        self._foreign: list[int] = []

    def __repr__(self) -> str:
        return f"PortRange({self._host!r}, {self._low}, {self._high})"

    def bind(self) -> socket.socket:
        """Give a socket that listens on the lowest port that can be had, and hold that port.

        Ports that other programs have are passed over and tried again at later calls. The socket does not block
        and is not inherited on ``exec``.

        :raises UsedUp: there is none.
        :raises Unavailable: the system is out of descriptors or memory.
        :raises ProactorError: nothing can be bound at this address.
        """
        refused: list[int] = []
        try:
            for port in self._candidates():
                refused.append(port)
                sock = self._try(port)
                if sock is not None:
                    self._held.add(refused.pop())
                    return sock
        finally:
            for port in refused:
                heappush(self._foreign, port)
        raise self.used_up(0, 1)

    def used_up(self, room: int, wanted: int) -> UsedUp:
        """What is told where fewer ports are left than are wanted.

        :param room: how many are; none of them is held.
        """
        where = f"{self._low}-{self._high} at {self._host}"
        who = f"{len(self._held)} are processors', {len(self._foreign)} other programs'"
        remedy = "start the initiator with child_port_min and child_port_max further apart"
        if not room:
            return UsedUp(f"no port is left in {where}: {who}; delete some jobs, or {remedy}", 0)
        said = f"ports {where} leave room for {room}: {who}, and {wanted} more are wanted"
        return UsedUp(f"{said}; want fewer, delete some, or {remedy}", room)

    def claim(self, port: int) -> socket.socket:
        """Hold a port that a processor has already; a socket for it, which does not listen, and lets no other.

        It is not even bound where another program has the port now.

        :raises ProactorError: nothing can be bound at this address.
        """
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        self._held.add(port)
        try:
            bind_alone(sock, self.name(port))
        except OSError as error:
            if error.errno not in _TAKEN:
                sock.close()
                raise self._cannot(error) from error
        return sock

    def hold(self, port: int) -> None:
        """Hold a port of which there is a socket."""
        self._held.add(port)

    def name(self, port: int) -> tuple[Any, ...]:
        """The address of a port, for a socket."""
        return (self._host, port, *self._scope)

    def release(self, port: int) -> None:
        """Give back a port whose socket is closed.

        :raises KeyError: it was not held.
        """
        self._held.remove(port)
        if self._low <= port < self._next:
            heappush(self._released, port)

    def _candidates(self) -> Iterator[int]:
        """Take out the ports to try, lowest first; of many foreign ones, most wait until there is nothing else."""
        retries = _RETRIES
        while self._released or (self._foreign and retries):
            if self._foreign and retries and not (self._released and self._released[0] < self._foreign[0]):
                retries -= 1
                yield heappop(self._foreign)
            else:
                yield heappop(self._released)
        while self._next <= self._high:
            self._next += 1
            if self._next - 1 not in self._held:
                yield self._next - 1
        while self._foreign:
            yield heappop(self._foreign)

    def _try(self, port: int) -> socket.socket | None:
        try:
            return _listen(self._family, self.name(port))
        except OSError as error:
            if error.errno in _TAKEN:
                return None
            if error.errno in _SHORTAGE:
                raise Unavailable(f"no listening socket at {self._host}: {reason_of(error)}") from error
            raise self._cannot(error) from error

    def _cannot(self, error: OSError) -> ProactorError:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return ProactorError(f"cannot listen at {self._host}: {reason}; choose an address that this machine has")
