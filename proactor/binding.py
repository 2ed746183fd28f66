"""The socket at which the initiator is reached: bound before all else, or it is said what is in the way."""

from __future__ import annotations

import errno
import socket

from .config.settings import InitiatorSettings
from .errors import ProactorError
from .home.home import Home

_BACKLOG = 1024


def bound(settings: InitiatorSettings, home: str) -> socket.socket:
    """A socket that listens where the configuration says.

    :param home: the folder of the initiator that is to be.
    :raises ProactorError: there can be none; why, and what to do.
    """
    try:
        return _listening(settings.listen_addr, settings.listen_port)
    except OSError as e:
        # Another initiator on the same home before all, for its port is the same as a rule.
        Home.look(home)
        raise ProactorError(_why_not(settings, e)) from None


def _listening(address: str, port: int) -> socket.socket:
    infos = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, sockaddr = infos[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setblocking(False)
        listening.bind(sockaddr)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _why_not(settings: InitiatorSettings, error: OSError) -> str:
    where = f"{settings.listen_addr}:{settings.listen_port}"
    remedy = "choose other listen_addr and listen_port, or stop what listens there"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        remedy = "listen_addr is an address of this machine or a name for one: 127.0.0.1, localhost, 0.0.0.0 for all"
    elif error.errno == errno.EACCES:
        remedy = "choose a listen_port above 1023, or give the right to listen at this one"
    return f"cannot listen at {where}: {error.strerror or error}; {remedy}"
