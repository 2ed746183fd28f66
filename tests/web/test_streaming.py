"""Tests of answers that come piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from proactor.web.streaming import send


class Reader:
    """A request whose reader takes what it is sent, or not."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.channel: object | None = object()
        self.producer: Any = None

    def registerProducer(self, producer: object, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        assert self.channel is not None
        self.producer = None

    def write(self, data: bytes) -> None:
        self.written.append(data)


class SendTests(SynchronousTestCase):
    """As fast as it is taken."""

    def setUp(self) -> None:
        self.reader = Reader()
        self.asked = 0
        self.closed = False
        self.sent = Deferred.fromCoroutine(send(self.reader, self.pieces()))

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            for number in range(3):
                self.asked += 1
                self.more: Deferred[None] = Deferred()
                await self.more
                yield b"%d" % number
        finally:
            self.closed = True

    def test_all(self) -> None:
        """Each piece is written as it comes; at the end nothing is left registered."""
        for _ in range(3):
            self.more.callback(None)
        self.successResultOf(self.sent)
        self.assertEqual(self.reader.written, [b"0", b"1", b"2"])
        self.assertEqual((self.reader.producer, self.closed), (None, True))

    def test_slow_reader(self) -> None:
        """No piece is asked for before the last was taken."""
        self.reader.producer.pauseProducing()
        self.more.callback(None)
        self.assertEqual((self.reader.written, self.asked), ([b"0"], 1))
        self.reader.producer.resumeProducing()
        self.reader.producer.resumeProducing()
        self.assertEqual(self.asked, 2)
        self.sent.cancel()
        self.failureResultOf(self.sent, CancelledError)

    def test_hang_up(self) -> None:
        """When the reader has gone, what makes the pieces ends too."""
        self.reader.producer.stopProducing()
        self.reader.channel = None
        self.sent.cancel()
        self.failureResultOf(self.sent, CancelledError)
        self.assertTrue(self.closed)
