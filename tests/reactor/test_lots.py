from __future__ import annotations

import socket
from typing import Any

from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proactor.reactor.lots import LOT, take_up_in_lots


class Reader:
    """Counts how often it is told that it may read, and leaves what there is."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._theirs.send(b"x")
        self.told = 0

    def fileno(self) -> int:
        return self._ours.fileno()

    def doRead(self) -> None:
        self.told += 1

    def logPrefix(self) -> str:
        return "reader"

    def connectionLost(self, reason: object) -> None:
        raise AssertionError(reason)

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


class LotsTests(SynchronousTestCase):
    """An epoll reactor of the test's own."""

    def setUp(self) -> None:
        try:
            from twisted.internet.epollreactor import EPollReactor  # noqa: PLC0415
        except ImportError:
            raise SkipTest("there is no epoll here") from None
        self.reactor: Any = EPollReactor()
        self.addCleanup(self.close)

    def close(self) -> None:
        for waker in list(self.reactor._internalReaders):
            self.reactor.removeReader(waker)
            waker.connectionLost(None)
        self.reactor._poller.close()

    def readers(self, count: int) -> list[Reader]:
        made = [Reader() for _ in range(count)]
        for reader in made:
            self.reactor.addReader(reader)
            self.addCleanup(reader.close)
            self.addCleanup(self.reactor.removeReader, reader)
        return made

    def test_lots(self) -> None:
        """Of many that are ready so many are taken up at a time, and in a few times all are."""
        self.assertTrue(take_up_in_lots(self.reactor))
        readers = self.readers(LOT * 2 + 10)
        self.reactor.doIteration(0)
        self.assertEqual(sum(reader.told for reader in readers), LOT)
        for _ in range(2):
            self.reactor.doIteration(0)
        self.assertEqual({reader.told > 0 for reader in readers}, {True})

    def test_few(self) -> None:
        """Few are all taken up at once."""
        take_up_in_lots(self.reactor)
        readers = self.readers(10)
        self.reactor.doIteration(0)
        self.assertEqual([reader.told for reader in readers], [1] * 10)

    def test_other_reactors(self) -> None:
        """A reactor without epoll is left as it is."""
        self.assertFalse(take_up_in_lots(MemoryReactor()))
