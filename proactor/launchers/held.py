"""A processor's socket, kept for it while its processes come and go."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..errors import Unavailable
from .sockets import BACKLOG, bind_alone, share


def is_listening(bound: socket.socket) -> bool:
    """Whether a socket takes connections (socket(7), SO_ACCEPTCONN)."""
    return bool(bound.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _nothing() -> None:
    pass


class HeldSocket:
    """A port that listens, so that clients wait, or is parked: kept from others, and connections are refused.

    Bound alone would not keep it from others: on Linux, who says SO_REUSEADDR, as most servers do, can listen beside a
    socket that said so too and does not listen. So a parked one does not say it, unless it is lent.

    :param bound: a socket that listens, or is bound alone; it is this object's from now on. One that is not even bound
        has lost its port to another program, and may have it again.
    :param name: the address that it is to be bound to; its own, where it is.
    :ivar changed: called when another socket has taken its place.
    """

    def __init__(self, bound: socket.socket, name: tuple[Any, ...] | None = None) -> None:
        self._socket = bound
        self._family = bound.family
        self._name = bound.getsockname() if name is None else name
        self._listens = is_listening(bound)
        self.changed: Callable[[], None] = _nothing

    @property
    def address(self) -> str:
        """The address that it is bound to."""
        return str(self._name[0])

    @property
    def port(self) -> int:
        """The port that it is bound to."""
        return int(self._name[1])

    def fileno(self) -> int:
        """The descriptor of the socket as it is now; it may be another after it was parked or listens again."""
        return self._socket.fileno()

    @property
    def is_lost(self) -> bool:
        """Whether another program has the port."""
        return self._socket.fileno() < 0 or self._socket.getsockname() != self._name

    def listen(self) -> None:
        """Let clients connect and wait, also where they do already: who serves them is another one from now on.

        :raises Unavailable: another program has taken the port meanwhile.
        """
        if not self._listens:
            self._have_again()
            share(self._socket, True)
            try:
                self._socket.listen(BACKLOG)
            except OSError as e:
                share(self._socket, False)
                raise self._taken(e) from None
            self._listens = True
        # O_NONBLOCK is the socket's and not a process's: it may be there of the last one, and no program expects it.
        self._socket.setblocking(True)

    def park(self) -> None:
        """Have clients refused, and keep the port: nobody is going to serve them; nothing where it is so already."""
        if self._listens:
            self._listens = False
            share(self._socket, False)
            if not self._silenced():
                self._socket.close()
                with suppress(Unavailable):
                    self._socket = self._bound()
                self.changed()
        self.take_back()

    def lend(self) -> None:
        """Let a program listen at the port with a socket of its own, which has to say SO_REUSEADDR.

        :raises Unavailable: another program has taken the port meanwhile.
        """
        self.park()
        self._have_again()
        share(self._socket, True)

    def take_back(self) -> None:
        """Keep a port that was lent from everybody again; nothing where it was not."""
        if not self._listens and self._socket.fileno() >= 0:
            share(self._socket, False)

    def close(self) -> None:
        """Give the port up."""
        self._socket.close()
        self.changed = _nothing

    def _have_again(self) -> None:
        if self.is_lost:
            bound = self._bound()
            self._socket.close()
            self._socket = bound
            self.changed()

    def _bound(self) -> socket.socket:
        bound = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            bind_alone(bound, self._name)
        except OSError as e:
            bound.close()
            raise self._taken(e) from None
        return bound

    def _silenced(self) -> bool:
        """Stop the socket from listening, with all copies of it that others have; whether that can be done here."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # Linux alone has this.
            return False
        with suppress(OSError):
            # It is bound still, but to a port that the system had chosen.
            bind_alone(self._socket, self._name)
        return True

    def _taken(self, error: OSError) -> Unavailable:
        reason = os.strerror(error.errno) if error.errno else str(error)
        who = f" (ss -ltnp sport = :{self.port} says by whom)" if error.errno == errno.EADDRINUSE else ""
        return Unavailable(f"port {self.port} at {self.address} cannot be had again: {reason}{who}")
