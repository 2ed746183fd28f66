"""The initiator's end of the connection to the guardian: packets on the reactor."""

from __future__ import annotations

import errno
import fcntl
import socket
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReactorTime, IReadWriteDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure
from zope.interface import implementer

from ..guardian_main.protocol import MOST_BYTES, MOST_LINES, Line, Packet, Said, close_files, receive, send

__all__ = ["Link", "LinkReactor"]

_SHORTAGE = frozenset({errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS})
"""What passes by itself: so many descriptors are under way at a time, in all (unix(7))."""
_SHORT_FOR = 0.05


class LinkReactor(IReactorFDSet, IReactorTime):
    """What is needed of the reactor."""


@implementer(IReadWriteDescriptor)
class Link:
    """Tells lines in order, at once if it can be, else by and by; never waits.

    :ivar heard: called with each packet; its descriptors are whose who is called.
    :ivar lost: called once when the other side has closed it.
    """

    def __init__(self, reactor: LinkReactor, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._reactor = reactor
        self._connection = connection
        self._queue: deque[Said] = deque()
        self._blocked = False
        self._later: IDelayedCall | None = None
        self._finished: Deferred[None] | None = None
        self.heard: Callable[[Packet], None] = close_files
        self.lost: Callable[[], None] = lambda: None
        reactor.addReader(self)

    def tell(self, text: str, fileno: Callable[[], int] | None = None) -> None:
        """Send a line.

        :param fileno: gives the descriptor that goes with it when it is sent; where that is not open, none does.
        """
        self.tell_all([(text, fileno)])

    def tell_all(self, lines: Iterable[Said]) -> None:
        """Send some lines, in one packet where it has room for them: who hears them is woken once."""
        self._queue.extend(lines)
        if not self._blocked:
            self.doWrite()

    def finish(self) -> Deferred[None]:
        """Say that this was all; fires when it is sent, or cannot be any more."""
        if not self._queue:
            self._end()
            return succeed(None)
        self._finished = Deferred()
        return self._finished

    def close(self) -> None:
        """Close it; what was not sent is lost. Nobody is called any more, but for who waits for it to finish."""
        if self._connection.fileno() < 0:
            return
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._give_up()
        self._connection.close()

    def fileno(self) -> int:
        """The descriptor."""
        return self._connection.fileno()

    def logPrefix(self) -> str:
        """What the reactor calls it."""
        return "guardian"

    def doRead(self) -> None:
        """Take what has come."""
        try:
            while self._connection.fileno() >= 0:
                packet = receive(self._connection)
                if packet is None:
                    self.connectionLost(Failure(CONNECTION_DONE))
                else:
                    self.heard(packet)
        except BlockingIOError:
            pass

    def doWrite(self) -> None:
        """Send what can be sent now."""
        try:
            while self._queue:
                self._send_some()
        except BlockingIOError:
            self._blocked = True
            self._reactor.addWriter(self)
            return
        except OSError as error:
            if error.errno in _SHORTAGE:
                self._wait()
            else:
                # It has gone: that is heard of.
                self._give_up()
            return
        self._go_on()

    def connectionLost(self, reason: Failure) -> None:
        """The other side has closed it; nothing where we have."""
        if self._connection.fileno() >= 0:
            self.close()
            self.lost()

    def _send_some(self) -> None:
        entries = self._next()
        packet: list[Line] = []
        for text, fileno in entries:
            file = None if fileno is None else fileno()
            packet.append((text, file if file is not None and _is_open(file) else None))
        send(self._connection, packet)
        for _ in entries:
            self._queue.popleft()

    def _next(self) -> list[Said]:
        """What the next packet has room for; one that is longer goes by itself."""
        entries: list[Said] = []
        size = 0
        for entry in islice(self._queue, MOST_LINES):
            size += len(entry[0]) + 2
            if entries and size > MOST_BYTES:
                break
            entries.append(entry)
        return entries

    def _wait(self) -> None:
        self._blocked = True
        self._reactor.removeWriter(self)
        self._later = self._reactor.callLater(_SHORT_FOR, self.doWrite)

    def _go_on(self) -> None:
        self._blocked = False
        self._reactor.removeWriter(self)
        if self._finished is not None:
            self._end()

    def _end(self) -> None:
        with suppress(OSError):  # the other side was faster
            self._connection.shutdown(socket.SHUT_WR)
        self._tell_finished()

    def _give_up(self) -> None:
        self._queue.clear()
        self._blocked = False
        self._reactor.removeWriter(self)
        self._tell_finished()

    def _tell_finished(self) -> None:
        finished, self._finished = self._finished, None
        if finished is not None:
            finished.callback(None)


def _is_open(file: int) -> bool:
    try:
        fcntl.fcntl(file, fcntl.F_GETFD)
    except (OSError, ValueError):
        return False
    return True
