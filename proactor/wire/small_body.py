"""The body of an answer, of which no more than a little is wanted."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss


class SmallBody(Protocol):
    """Takes it, up to a limit; of what is larger, or breaks off, nothing. Hangs up when it is not wanted any more."""

    def __init__(self, most: int) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self._hang_up())
        self._most = most
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        """Take some more."""
        self._data += data
        if len(self._data) > self._most:
            self._data = b""
            self._hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Give what there is."""
        if not self.whole.called:
            self.whole.callback(self._data if reason.check(ResponseDone, PotentialDataLoss) else b"")

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
