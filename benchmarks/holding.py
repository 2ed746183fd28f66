"""Many simulated processors in one thread: each a socket on which it fetches, holds, acknowledges, and holds again."""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto
from itertools import islice

from attrs import define, field

from .running import Unexpected

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)\r\n", re.IGNORECASE)
_ETAG = re.compile(rb'\r\nETag: *"(\d+)"\r\n', re.IGNORECASE)
#: Connections to one address and port that come from one source address; each needs a port of its own there.
_PER_ADDRESS = 10_000
#: How many connect at once: of the unauthenticated ones an initiator bears with 256.
_AT_ONCE = 64
_BATCH = 256


class Doing(Enum):
    """What a holder waits for."""

    ACKNOWLEDGING = auto()
    HOLDING = auto()


@define(eq=False)
class Holder:
    """One processor.

    :param revision: the newest that it has.
    :param got: when it got that.
    """

    guid: str
    token: str = field(repr=False)
    revision: int
    socket: socket.socket | None = None
    doing: Doing = Doing.ACKNOWLEDGING
    got: float = 0.0
    body: bytes = b""
    _received: bytes = b""

    def acknowledge(self, port: int, first: bool = False) -> None:
        """Send what it says of a revision, as a processor does at its start and after each change."""
        declared = ', "options": []' if first else ""
        body = f'{{"revision": {self.revision}, "status": "applied"{declared}}}'
        more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._send("POST", "/ack", port, more, body)
        self.doing = Doing.ACKNOWLEDGING

    def hold(self, port: int) -> None:
        """Send what is held until the configuration changes."""
        self._send("GET", "", port, f'If-None-Match: "{self.revision}"\r\nPrefer: wait=300\r\n')
        self.doing = Doing.HOLDING

    def _send(self, method: str, path: str, port: int, more: str, body: str = "") -> None:
        assert self.socket is not None
        head = (
            f"{method} /config/{self.guid}{path} HTTP/1.1\r\n{more}Authorization: Bearer {self.token}\r\n"
            f"Accept: application/json\r\nAccept-Encoding: gzip\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        )
        data = (head + body).encode()
        # A socket's buffer has room for it: what came before was read before it was answered.
        if self.socket.send(data) != len(data):
            raise Unexpected(f"{self.guid}: the request was not taken whole")

    def receive(self) -> bool:
        """Read what there is; whether an answer is complete.

        :raises Unexpected: it is a refusal, or the connection is closed.
        """
        assert self.socket is not None
        data = self.socket.recv(65536)
        self._received += data
        head, end, rest = self._received.partition(_HEAD_END)
        if not data or (end and head[9:12] not in (b"200", b"204")):
            raise Unexpected(f"{self.guid}: was answered {self._received[:300]!r}")
        length = _LENGTH.search(head + b"\r\n")
        if not end or len(rest) < (int(length[1]) if length else 0):
            return False
        etag = _ETAG.search(head + b"\r\n")
        if etag is not None:
            self.revision, self.body = int(etag[1]), rest
        self._received = b""
        return True


@define(eq=False)
class Fleet:
    """All of them.

    :param port: the initiator's.
    """

    holders: list[Holder]
    port: int
    _poll: select.epoll = field(factory=select.epoll)
    _by_descriptor: dict[int, Holder] = field(factory=dict)

    def connect(self, patience: float) -> None:
        """Have all of them connect, acknowledge what they were started with, and hold.

        :raises Unexpected: one is refused, or it takes too long.
        """
        waiting = iter(enumerate(self.holders))
        for number, holder in islice(waiting, _AT_ONCE):
            self._connect(number, holder)

        def held(_: Holder) -> None:
            for number, holder in islice(waiting, 1):
                self._connect(number, holder)

        self.run(len(self.holders), patience, held=held)

    def _connect(self, number: int, holder: Holder) -> None:
        source = f"127.1.{number // _PER_ADDRESS}.1"
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10, source_address=(source, 0))
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        holder.socket = connection
        self._by_descriptor[connection.fileno()] = holder
        self._poll.register(connection, select.EPOLLIN)
        holder.acknowledge(self.port, first=True)

    def run(
        self,
        holding: int,
        patience: float,
        got: Callable[[Holder], None] = lambda _: None,
        held: Callable[[Holder], None] = lambda _: None,
    ) -> None:
        """Answer what comes, until so many times a holder began to hold.

        :param got: told of each that got a configuration; held: of each that was acknowledged and holds again.
        :raises Unexpected: one is refused, or it takes more than ``patience`` seconds.
        """
        until = time.monotonic() + patience
        while holding:
            for holder in self._answered(until):
                if holder.doing is Doing.HOLDING:
                    holder.got = time.monotonic()
                    got(holder)
                    holder.acknowledge(self.port)
                else:
                    holder.hold(self.port)
                    held(holder)
                    holding -= 1

    def _answered(self, until: float) -> Iterator[Holder]:
        ready = self._poll.poll(1.0, _BATCH)
        for descriptor, _ in ready:
            holder = self._by_descriptor[descriptor]
            if holder.receive():
                yield holder
        if time.monotonic() > until:
            raise Unexpected("not all of them in time")

    def close(self) -> None:
        """Hang up, all of them."""
        for holder in self.holders:
            if holder.socket is not None:
                holder.socket.close()
        self._poll.close()


def fleet(tickets: Iterable[tuple[str, str, int]], port: int) -> Fleet:
    """Holders, by guid, token and revision."""
    return Fleet([Holder(guid, token, revision) for guid, token, revision in tickets], port)
