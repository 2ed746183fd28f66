"""Many simulated processors in one thread: each a socket on which it fetches, holds, acknowledges, and holds again."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto
from itertools import islice

from attrs import define, field

from .running import Unexpected

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\nContent-Length: "
_ETAG = b'\r\nETag: "'
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
    """One processor. Its requests are made once, but for the revision in them: it is to cost little.

    :param revision: the newest that it has.
    :param got: when it got that.
    :param body: what it got.
    """

    guid: str
    token: str = field(repr=False)
    revision: int
    socket: socket.socket | None = None
    doing: Doing = Doing.ACKNOWLEDGING
    got: float = 0.0
    body: bytes = field(default=b"", repr=False)
    _received: bytes = field(default=b"", repr=False)
    _hold: bytes = field(default=b"", repr=False)
    _acknowledge: bytes = field(default=b"", repr=False)

    def prepare(self, port: int) -> None:
        """Make its requests."""
        common = (
            f" HTTP/1.1\r\nAuthorization: Bearer {self.token}\r\nAccept: application/json\r\n"
            f"Accept-Encoding: gzip\r\nHost: 127.0.0.1:{port}\r\n"
        )
        hold = f'GET /config/{self.guid}{common}Prefer: wait=300\r\nIf-None-Match: "'
        acknowledge = f"POST /config/{self.guid}/ack{common}Content-Type: application/json\r\nContent-Length: "
        self._hold, self._acknowledge = hold.encode(), acknowledge.encode()

    def acknowledge(self, declared: bytes = b"") -> None:
        """Send what it says of a revision, as a processor does at its start and after each change."""
        body = b'{"revision": %d, "status": "applied"%b}' % (self.revision, declared)
        self._send(b"%b%d\r\n\r\n%b" % (self._acknowledge, len(body), body))
        self.doing = Doing.ACKNOWLEDGING

    def hold(self) -> None:
        """Send what is held until the configuration changes."""
        self._send(b'%b%d"\r\n\r\n' % (self._hold, self.revision))
        self.doing = Doing.HOLDING

    def _send(self, data: bytes) -> None:
        assert self.socket is not None
        # A socket's buffer has room for it: what came before was read before it was answered.
        if self.socket.send(data) != len(data):
            raise Unexpected(f"{self.guid}: the request was not taken whole")

    def receive(self) -> bool:
        """Read what there is; whether an answer is complete.

        :raises Unexpected: it is a refusal, or the connection is closed.
        """
        assert self.socket is not None
        data = self.socket.recv(65536)
        answer = self._received + data
        end = answer.find(_HEAD_END)
        if not data or (end >= 0 and answer[9:12] not in (b"200", b"204")):
            raise Unexpected(f"{self.guid}: was answered {answer[:300]!r}")
        body = end + len(_HEAD_END)
        if end < 0 or len(answer) < body + int(_value(answer, end, _LENGTH, b"\r") or 0):
            self._received = answer
            return False
        self._received = b""
        revision = _value(answer, end, _ETAG, b'"')
        if revision:
            # Behind the dot is what the keys are at: who has no use for them asks by the revision alone.
            self.revision, self.body = int(revision.partition(b".")[0]), answer[body:]
        return True


def _value(answer: bytes, end: int, name: bytes, stop: bytes) -> bytes:
    start = answer.find(name, 0, end)
    return b"" if start < 0 else answer[start + len(name) : answer.index(stop, start + len(name))]


@define(eq=False)
class Fleet:
    """All of them.

    :param port: the initiator's.
    :param linger: how long each takes to take up a configuration before it acknowledges it, in seconds.
    """

    holders: list[Holder]
    port: int
    linger: float = 0.0
    _poll: select.epoll = field(factory=select.epoll)
    _by_descriptor: dict[int, Holder] = field(factory=dict)
    #: Those that take up what they got, first come first.
    _lingering: deque[Holder] = field(factory=deque)

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
        holder.prepare(self.port)
        holder.acknowledge(b', "options": []')

    def run(
        self,
        holding: int,
        patience: float,
        held: Callable[[Holder], None] = lambda _: None,
    ) -> None:
        """Answer what comes, until so many times a holder began to hold.

        :param held: told of each that was acknowledged and holds again.
        :raises Unexpected: one is refused, or it takes more than ``patience`` seconds.
        """
        until = time.monotonic() + patience
        while holding:
            for holder in self._answered(until):
                if holder.doing is Doing.HOLDING:
                    holder.got = time.monotonic()
                    self._lingering.append(holder)
                else:
                    holder.hold()
                    held(holder)
                    holding -= 1
            while self._lingering and self._lingering[0].got + self.linger <= time.monotonic():
                self._lingering.popleft().acknowledge()

    def _answered(self, until: float) -> Iterator[Holder]:
        ready = self._poll.poll(min(self.linger, 0.01) if self._lingering else 1.0, _BATCH)
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


def fleet(tickets: Iterable[tuple[str, str, int]], port: int, linger: float = 0.0) -> Fleet:
    """Holders, by guid, token and revision."""
    return Fleet([Holder(guid, token, revision) for guid, token, revision in tickets], port, linger)
