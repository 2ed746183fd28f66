"""An answer that comes piece by piece, as fast as its reader takes it and no faster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


@implementer(IPushProducer)
class _Gate:
    """Open while the reader takes what it is sent."""

    def __init__(self) -> None:
        self._waiting: Deferred[None] | None = None
        self._closed = False

    def pauseProducing(self) -> None:
        """Close."""
        self._closed = True

    def resumeProducing(self) -> None:
        """Open, and let go on who waits."""
        self._closed = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def stopProducing(self) -> None:
        """The reader has gone; whoever waits is cancelled by that."""

    async def passed(self) -> None:
        """Wait until it is open."""
        if self._closed:
            self._waiting = Deferred()
            await self._waiting


async def send(request: Any, pieces: AsyncIterator[bytes]) -> None:
    """Write pieces to a request as they come; one that its reader has not taken yet holds up the next."""
    gate = _Gate()
    request.registerProducer(gate, True)
    try:
        async for piece in pieces:
            request.write(piece)
            await gate.passed()
    finally:
        # There is no channel any more when the reader hung up.
        if request.channel is not None:
            request.unregisterProducer()
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
