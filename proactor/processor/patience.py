"""Requests with a token that come before a process knows which tokens hold: they wait until it does.

Its socket is listened to before it is launched, and is known to its peers: they are to wait for one that is started
again, and not to be refused by it.
"""

# mypy: allow-untyped-calls
# (what is inherited from Twisted here has no annotations)

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from .peer_verifier import PeerVerifier

__all__ = ["PATIENCE", "Patient"]

#: How long such a request waits, in seconds.
PATIENCE = 5.0


class Patient(Resource):
    """Holds them back from a resource.

    :param inner: what answers, whatever is known.
    :param verifier: knows which tokens hold.
    """

    isLeaf = True

    def __init__(self, inner: Resource, verifier: PeerVerifier, clock: IReactorTime) -> None:
        super().__init__()
        self._inner, self._verifier, self._clock = inner, verifier, clock

    def render(self, request: Any) -> Any:
        """Answer, now or as soon as that is known."""
        if not self._verifier.is_waiting or not request.requestHeaders.hasHeader(b"Authorization"):
            return self._inner.render(request)
        known = self._verifier.known().addTimeout(PATIENCE, self._clock)
        request.notifyFinish().addErrback(lambda _left: known.cancel())
        known.addErrback(Failure.trap, DeferredTimeout)
        known.addCallback(lambda _: request.render(self._inner))
        known.addErrback(self._failed, request)
        return NOT_DONE_YET

    def _failed(self, failure: Failure, request: Any) -> None:
        """It hung up, or it cannot be answered."""
        if failure.check(CancelledError) is None:
            request.processingFailed(failure)
