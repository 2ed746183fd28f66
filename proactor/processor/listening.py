"""The socket that a processor serves on: inherited, or bound by itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from ..errors import Unavailable
from .arguments import Arguments, UsageError

__all__ = ["Listen", "listener"]

#: Begins to accept; what it returns has the address.
Listen = Callable[[IProtocolFactory], IListeningPort]


def listener(reactor: Any, arguments: Arguments, listen_addr: str) -> Listen:
    """Give the function that begins to accept.

    :raises UsageError: the inherited descriptor is not the socket that the arguments promise.
    """
    if arguments.fd is None:
        return lambda factory: _bind(reactor, arguments.port, listen_addr, factory)
    fd, family = arguments.fd, _family(arguments.fd, arguments.port)
    return lambda factory: _adopt(reactor, fd, family, factory)


def _family(fd: int, port: int) -> int:
    """Check an inherited socket; give its address family."""
    try:
        inherited = socket.socket(fileno=fd)
    except OSError as error:
        raise UsageError(f"--fd {fd}: {error.strerror}; a listening TCP socket is right") from None
    try:
        listening = inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        is_inet = inherited.family in (socket.AF_INET, socket.AF_INET6)
        if not listening or not is_inet or inherited.type != socket.SOCK_STREAM:
            raise UsageError(f"--fd {fd}: that is no listening TCP socket")
        bound = inherited.getsockname()[1]
        if bound != port:
            raise UsageError(f"--fd {fd}: that listens on port {bound}, not on {port}")
        return inherited.family
    finally:
        inherited.detach()


def _adopt(reactor: Any, fd: int, family: int, factory: IProtocolFactory) -> IListeningPort:
    os.set_blocking(fd, False)  # else the reactor hangs in accept when the queue is empty
    port: IListeningPort = reactor.adoptStreamPort(fd, family, factory)  # a duplicate of it
    os.close(fd)
    return port


def _bind(reactor: Any, number: int, listen_addr: str, factory: IProtocolFactory) -> IListeningPort:
    try:
        port: IListeningPort = reactor.listenTCP(number, factory, interface=listen_addr)
    except CannotListenError as error:
        reason = getattr(error.socketError, "strerror", None) or error.socketError
        raise Unavailable(f"cannot listen on {listen_addr}:{number}: {reason}") from None
    return port
