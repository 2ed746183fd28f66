"""Callers who never stop calling, and note what becomes of each call."""

from __future__ import annotations

from collections import Counter

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from .support import PATIENCE

#: What becomes of a call.
ANSWERED, REFUSED, CUT = "answered", "refused", "cut"


class _Request(Protocol):
    """One request on a connection of its own; what came back when that is closed."""

    def __init__(self, request: bytes) -> None:
        self.over: Deferred[bytes] = Deferred()
        self._request = request
        self._received = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self._received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(self._received)


async def call(port: int, path: str, method: str = "GET") -> tuple[str, str]:
    """Call a processor of this machine; what became of it, and the body of the answer."""
    request = _Request(f"{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port, timeout=PATIENCE)
    try:
        await connectProtocol(endpoint, request)
    except ConnectError:
        return REFUSED, ""
    head, _, body = (await request.over.addTimeout(PATIENCE, reactor)).partition(b"\r\n\r\n")
    return (ANSWERED if head.startswith(b"HTTP/1.0 200 ") else CUT), body.decode()


class Callers:
    """Several, who call one processor again and again.

    :ivar came: how often what became of a call.
    :ivar bodies: which answers there were.
    """

    def __init__(self, port: int, path: str = "/healthz", count: int = 1, pause: float = 0.0) -> None:
        self.came: Counter[str] = Counter()
        self.bodies: Counter[str] = Counter()
        self._stopping = False
        self._loops = [Deferred.fromCoroutine(self._loop(port, path, pause)) for _ in range(count)]

    async def _loop(self, port: int, path: str, pause: float) -> None:
        while not self._stopping:
            outcome, body = await call(port, path)
            self.came[outcome] += 1
            if outcome == ANSWERED:
                self.bodies[body] += 1
            await deferLater(reactor, pause)

    async def stop(self) -> None:
        """Have each finish the call that it makes, and make no other."""
        self._stopping = True
        for loop in self._loops:
            await loop

    def cancel(self) -> None:
        """Have nothing left of them."""
        self._stopping = True
        for loop in self._loops:
            loop.addErrback(lambda failure: failure.trap(CancelledError))
            loop.cancel()
