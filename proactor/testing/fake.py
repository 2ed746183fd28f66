"""A peer that says what a test has it say, and remembers what it was asked."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

__all__ = ["Asked", "FakePeer"]


@frozen
class Asked:
    """One request; the names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """What the body says, of one that is JSON."""
        return json.loads(self.body)


def _nothing(_: Asked) -> Any:
    return {}


@define(eq=False)
class FakePeer:
    """A peer.

    :param answer: gives what is answered: what goes as JSON with 200, or a pair of a status and that; or a Deferred.
    :ivar asked: what it was asked, one after the other.
    """

    guid: str
    url: str
    answer: Callable[[Asked], Any] = _nothing
    asked: list[Asked] = field(factory=list)

    def resource(self) -> Resource:
        """What it answers by."""
        return _Root(self)


class _Root(Resource):
    """All that is asked comes here."""

    isLeaf = True

    def __init__(self, peer: FakePeer) -> None:
        super().__init__()
        self._peer = peer

    def render(self, request: Any) -> Any:
        """Remember, and answer."""
        headers = {
            name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()
        }
        asked = Asked(request.method.decode(), request.uri.decode(), headers, request.content.read())
        self._peer.asked.append(asked)
        answered: Deferred[Any] = maybeDeferred(self._peer.answer, asked)
        request.notifyFinish().addErrback(lambda _: answered.cancel())
        answered.addCallbacks(self._say, lambda _: None, callbackArgs=(request,))
        return NOT_DONE_YET

    def _say(self, said: Any, request: IRequest) -> None:
        status, document = said if isinstance(said, tuple) else (200, said)
        request.setResponseCode(status)
        request.setHeader(b"Content-Type", b"application/json")
        request.write(json.dumps(document).encode())
        request.finish()
