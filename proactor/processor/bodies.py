"""Bodies of answers, read up to a limit, and what goes wrong on the way to one."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import RequestGenerationFailed, RequestTransmissionFailed, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse

from ..errors import TooLarge

__all__ = ["NOT_CONNECTED", "UNREACHABLE", "innermost", "read_body"]

#: No connection came about: nothing was sent.
NOT_CONNECTED = (ConnectError, DNSLookupError)
#: There was no answer, or no whole one.
UNREACHABLE = (
    *NOT_CONNECTED,
    ConnectionClosed,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
    CancelledError,
)


def innermost(error: BaseException) -> BaseException:
    """Find the cause in what Twisted's HTTP client wraps around it."""
    reasons = getattr(error, "reasons", None)
    return innermost(reasons[-1].value) if reasons else error


class _Body(Protocol):
    """Collects a body, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self.read: Deferred[bytes] = Deferred(lambda _read: self._hang_up())

    def dataReceived(self, data: bytes) -> None:
        if self.read.called:
            return
        self._data += data
        if len(self._data) > self._limit:
            self.read.errback(Failure(TooLarge(f"its answer has more than {self._limit} bytes")))
            self._hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.read.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.read.callback(bytes(self._data))
        else:
            self.read.errback(reason)

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


def read_body(response: IResponse, limit: int) -> Deferred[bytes]:
    """Read an answer's body.

    :return: fails with ``TooLarge`` when it has more than ``limit`` bytes.
    """
    body = _Body(limit)
    response.deliverBody(body)
    return body.read
