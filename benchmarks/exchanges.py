"""Requests over many connections at once, each of which waits for its answer: the same client for any protocol."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Sequence

from attrs import define, field

from .running import Unexpected

#: How long all may take, in seconds.
_PATIENCE = 300.0


@define(eq=False)
class Connection:
    """One of them.

    :param request: what is sent, again and again.
    :param size: of an answer that is whole, by what has come of it; 0: it is not whole.
    """

    address: tuple[str, int]
    request: bytes
    size: Callable[[bytes], int]
    sock: socket.socket = field(init=False)
    came: bytes = field(default=b"", init=False)
    began: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self.sock = socket.create_connection(self.address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> None:
        """Send the next."""
        self.began = time.monotonic()
        self.sock.sendall(self.request)

    def answered(self) -> bool:
        """Read; whether the answer is whole."""
        data = self.sock.recv(1 << 16)
        if not data:
            raise Unexpected("the connection was closed")
        self.came += data
        size = self.size(self.came)
        if size:
            self.came = self.came[size:]
        return size > 0


def http_size(accepted: bytes) -> Callable[[bytes], int]:
    """Of answers of HTTP, which must have this status."""

    def size(came: bytes) -> int:
        head, end, _ = came.partition(b"\r\n\r\n")
        if not end:
            return 0
        if accepted not in head[:16]:
            raise Unexpected(f"answered {came[:500]!r}")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        whole = len(head) + 4 + int(length)
        return whole if len(came) >= whole else 0

    return size


def redis_size(came: bytes) -> int:
    """Of answers of Redis that are one bulk string (RESP2)."""
    head, end, _ = came.partition(b"\r\n")
    if not end:
        return 0
    if head[:1] != b"$":
        raise Unexpected(f"answered {came[:500]!r}")
    whole = len(head) + 2 + int(head[1:]) + 2
    return whole if len(came) >= whole else 0


def redis_command(*words: bytes) -> bytes:
    """A command of Redis (RESP)."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def exchange_all(connections: Sequence[Connection], count: int) -> tuple[float, list[float]]:
    """Make so many requests, each connection at its own pace; how long all took, and each, in seconds."""
    took: list[float] = []
    with selectors.DefaultSelector() as selector:
        for each in connections:
            selector.register(each.sock, selectors.EVENT_READ, each)
        began, left = time.monotonic(), count
        for each in connections[:count]:
            each.ask()
            left -= 1
        while len(took) < count:
            for key, _ in selector.select(_PATIENCE):
                each = key.data
                if each.answered():
                    took.append(time.monotonic() - each.began)
                    if left:
                        left -= 1
                        each.ask()
            if time.monotonic() - began > _PATIENCE:
                raise Unexpected(f"{len(took)} of {count} answered within {_PATIENCE:g} s")
        return time.monotonic() - began, took
