"""The body of an answer, piece by piece, as fast as its reader takes it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse

__all__ = ["Body"]

#: So much waits for the reader; then the connection is read no more.
_HIGH = 256 << 10


class Body(Protocol):
    """A body that is read by ``async for``; :meth:`close` hangs up."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._paused = self._closed = False
        self._end: Failure | None = None
        self._waiting: Deferred[None] | None = None

    @classmethod
    def of(cls, response: IResponse) -> Body:
        """The body of an answer whose head has come."""
        body = cls()
        response.deliverBody(body)
        return body

    def dataReceived(self, data: bytes) -> None:
        """Keep it for the reader."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _HIGH and not self._paused:
            self._paused = True
            self._transport.pauseProducing()
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nothing more comes."""
        self._end = reason
        self._wake()

    def close(self) -> None:
        """Hang up, if it is not over."""
        if self._end is None and not self._closed:
            self._closed = True
            if self._paused:
                self._transport.resumeProducing()
            self._transport.loseConnection()

    @property
    def _transport(self) -> Any:
        return self.transport

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def _forget(self, _waiting: Deferred[None]) -> None:
        self._waiting = None

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """What comes, until it is over.

        :raises Exception: the connection was lost, as Twisted says it.
        """
        while True:
            if self._pieces:
                yield self._taken()
            elif self._end is not None:
                if not self._end.check(ResponseDone, PotentialDataLoss):
                    self._end.raiseException()
                return
            else:
                self._waiting = Deferred(self._forget)
                await self._waiting

    def _taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self._transport.resumeProducing()
        return data
