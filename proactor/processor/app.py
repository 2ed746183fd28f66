"""The HTTP side of a processor: its own routes, those that all have, and the one rule before them."""

# mypy: allow-untyped-calls
# (what is inherited from Twisted here has no annotations)

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from klein import Klein
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from werkzeug.exceptions import BadHost, HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect

from ..peers.errors import DeadlineExceeded, NoPeer, NoToken, PeerError
from ..wire import vouch
from ..wire.problems import Problem, write_problem
from .access import admitted
from .callers import ANYONE, ICaller
from .inbox import Inbox
from .incoming import answering

if TYPE_CHECKING:
    from .base import Processor

__all__ = ["Root", "answer_http_errors"]

_log = Logger(namespace="proactor.processor")


def answer_http_errors(app: Klein) -> None:
    """Have werkzeug's errors, such as 404, and those of calls to peers answered, where the application does not."""
    app.handle_errors(HTTPException)(_http_error)
    app.handle_errors(PeerError)(_peer_error)


def _http_error(self: object, request: IRequest, failure: Failure) -> bytes:
    error = failure.value
    assert isinstance(error, HTTPException)
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    if isinstance(error, RequestRedirect):
        headers["Location"] = error.new_url
    return write_problem(request, Problem(error.code or 500, headers=headers))


def _peer_error(self: object, request: IRequest, failure: Failure) -> bytes:
    """Say that others are to blame (RFC 9110, 15.6.3 to 15.6.5)."""
    status = 504 if failure.check(DeadlineExceeded) else 503 if failure.check(NoPeer, NoToken) else 502
    _log.warn("{method} {path}: {reason}", method=_text(request.method), path=_text(request.path), reason=failure.value)
    headers = {"Retry-After": "1"} if status == 503 else {}
    return write_problem(request, Problem(status, str(failure.value), headers=headers))


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace")


def _is_utf8(segments: Iterable[bytes]) -> bool:
    try:
        b"/".join(segments).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _json(request: IRequest, document: dict[str, Any]) -> bytes:
    request.setHeader(b"Content-Type", b"application/json")
    request.setHeader(b"Cache-Control", b"no-store")
    return json.dumps(document).encode("ascii") + b"\n"


class _Standard:
    """The routes that every processor has."""

    app = Klein()

    def __init__(self, processor: Processor) -> None:
        self._processor = processor

    @app.route("/healthz", methods=["GET"])
    def healthz(self, request: IRequest) -> bytes:
        """Say that it is alive, who it is and what it runs."""
        config = self._processor.config
        return _json(request, {"status": "ok", "guid": config.guid, "revision": config.revision})

    @app.route("/config", methods=["GET"])
    def config(self, request: IRequest) -> bytes:
        """Show the configuration, secrets left out."""
        config = self._processor.config
        return _json(request, {**config.public_items(), "revision": config.revision})


answer_http_errors(_Standard.app)

_STANDARD_PATHS = (b"/healthz", b"/config")


class Root(Resource):
    """Where every request comes in."""

    isLeaf = True

    def __init__(self, processor: Processor) -> None:
        super().__init__()
        self._processor = processor
        self._standard: IResource = _Standard(processor).app.resource()
        self._own: IResource = processor.app.resource()
        self._inbox = Inbox(processor) if processor.handlers else None
        self._now = processor.reactor.seconds

    def render(self, request: Any) -> Any:
        """Answer, or refuse, before any route is looked for."""
        found = admitted(request, self._processor.verifier, self._processor.config.allow_from)
        if isinstance(found, Problem):
            return write_problem(request, found)
        request.setComponent(ICaller, found)
        if found is not ANYONE:
            vouch(request)
        return answering(request, self._now, lambda: self._routed(request))

    def _routed(self, request: Any) -> Any:
        # Klein logs such a path as if it were our own fault, and lets the error of such a Host out.
        if not _is_utf8(request.postpath):
            return write_problem(request, Problem(400, "the path is not UTF-8"))
        try:
            return self._resource(request.path).render(request)
        except BadHost:
            return write_problem(request, Problem(400, "the Host is no name that a host can have"))

    def _resource(self, path: bytes) -> IResource:
        if path == b"/message" and self._inbox is not None:
            return self._inbox
        return self._standard if path in _STANDARD_PATHS else self._own
