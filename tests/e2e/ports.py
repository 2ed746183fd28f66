"""Ports that nobody else has, nor is about to have: the suite runs in several processes at once, and so do suites.

Whether anybody listens at a port is seen without listening there, which would be in the way of who is about to. And
those that a test was given and does not use yet are a lock on so many bytes of a file, which ends with the process.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections import deque
from functools import cache
from pathlib import Path
from random import SystemRandom
from tempfile import gettempdir

#: Benchmarks have those from there on (benchmarks/running.py), and the system gives those from 32768 on to clients.
_LOW, _HIGH = 10000, 20000
#: So many ranges stay a process's own: a test takes fewer.
_KEPT = 12

_random = SystemRandom()
_kept: deque[range] = deque()


@cache
def _locks() -> int:
    path = Path(gettempdir()) / f"proactor-test-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _is_locked(ports: range) -> bool:
    """Whether they could be locked. Two of one process do not lock one another out."""
    if any(ports.start < other.stop and other.start < ports.stop for other in _kept):
        return False
    try:
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, len(ports), ports.start)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _unlock(ports: range) -> None:
    fcntl.lockf(_locks(), fcntl.LOCK_UN, len(ports), ports.start)


def is_free(address: str, port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as sock:
        # Who says so too may bind it meanwhile, and listen.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, port))
        except OSError:
            return False
        return True


def free_ports(count: int, address: str = "127.0.0.1") -> int:
    """The first of so many free ports in a row, which no other call is given for as long as a test lasts."""
    while True:
        first = _random.randrange(_LOW, _HIGH - count)
        ports = range(first, first + count)
        if not _is_locked(ports):
            continue
        if all(is_free(address, port) for port in ports):
            break
        _unlock(ports)
    _kept.append(ports)
    if len(_kept) > _KEPT:
        _unlock(_kept.popleft())
    return first
