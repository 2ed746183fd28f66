"""An initiator in memory, as far as peers need it: who is ready, and tokens."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from ..errors import ProactorError
from ..jobs.directory import Directory
from ..model import Job
from ..processor.peer_verifier import Trust
from ..tokens.exchange import subject_of
from ..tokens.issuing import TokenAuthority
from ..tokens.keyring import new_key
from ..web import calls
from ..web.answers import Answer, as_json
from ..web.callers import Anonymous
from ..web.calls import Call
from ..web.endpoints import listed

__all__ = ["MemoryInitiator"]

_THEN = datetime(2026, 1, 1, tzinfo=timezone.utc)
_OWN = "e" * 32

_log = Logger()


@define(eq=False)
class MemoryInitiator:
    """Tells who is ready, and hands out tokens that hold, by the very code of the real one.

    :ivar lifetime: for how long a token holds, in seconds.
    :ivar granted: who was given a token for whom, and for what; tokens: these tokens. One after the other.
    :ivar refused: for whom it gives none.
    """

    clock: IReactorTime
    url: str = "http://127.0.0.1:8080"
    lifetime: float = 60.0
    granted: list[tuple[str, str, str | None]] = field(factory=list)
    tokens: list[str] = field(factory=list)
    refused: set[str] = field(factory=set)
    directory: Directory = field(init=False)
    _authority: TokenAuthority = field(init=False)
    _jobs: dict[str, Job] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.directory = Directory(self.clock)
        self._authority = TokenAuthority.from_pem(_OWN, new_key(), self.now())

    def now(self) -> float:
        """The time of day, in seconds since the epoch: that of the clock, from a day on."""
        return _THEN.timestamp() + self.clock.seconds()

    def trust(self) -> Trust:
        """What a processor verifies tokens by."""
        return Trust(_OWN, {key["kid"]: key["x"] for key in self._authority.ring.published(self.now())})

    def token_of(self, guid: str) -> str:
        """A processor's own token."""
        return f"own-token-of-{guid}"

    def ready(self, guid: str, module: str, labels: Mapping[str, str], url: str, incarnation: int, ready: bool) -> None:
        """A processor is ready, or is not any more."""
        job = Job(guid, module, "memory", 0, url, _THEN, dict(labels), ready=ready, incarnation=incarnation)
        self._jobs[guid] = job
        self.directory.look(job)

    def resource(self) -> Resource:
        """What it answers by."""
        return _Root(self)

    async def answer(self, request: IRequest) -> Answer:
        """Answer a request of a processor's."""
        own = (request.getHeader("Authorization") or "").removeprefix("Bearer own-token-of-")
        if len(own) != 32:
            return as_json({"detail": "that is no token of a processor"}, 401)
        if request.path == b"/endpoints":
            return await listed(self.directory, _call(request))
        if request.path == b"/token":
            return self._grant(own, request)
        return as_json({"detail": "an initiator in memory has /endpoints and /token alone"}, 404)

    def _grant(self, own: str, request: IRequest) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.content.read().decode()).items()}
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange":
            return as_json({"error": "unsupported_grant_type"}, 400)
        audience, scope = form.get("audience", ""), form.get("scope")
        if audience in self.refused:
            return as_json({"detail": f"{audience} is called by others alone"}, 403)
        who = subject_of(self._jobs.get(own) or Job(own, "test", "memory", 0, "", _THEN))
        scopes = (scope or "").split()
        self.tokens.append(self._authority.issue_peer(who, audience, scopes, self.now(), self.lifetime))
        self.granted.append((own, audience, scope))
        told = {
            "access_token": self.tokens[-1],
            "issued_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "scope": scope or "",
        }
        return as_json(told)


def _call(request: IRequest) -> Call:
    headers = request.requestHeaders
    return Call(
        caller=Anonymous(),
        path={},
        query=calls.query(request.uri.partition(b"?")[2]),
        wait=calls.wait(headers),
        if_none_match=calls.if_none_match(headers),
        wants_delta=calls.wants_delta(headers),
    )


class _Root(Resource):
    """All that is asked comes here."""

    isLeaf = True

    def __init__(self, initiator: MemoryInitiator) -> None:
        super().__init__()
        self._initiator = initiator

    def render(self, request: Any) -> Any:
        """Answer, unless who asked hangs up."""
        work = Deferred.fromCoroutine(self._initiator.answer(request))
        gone: Deferred[None] = request.notifyFinish()
        gone.addErrback(lambda _: work.cancel())
        work.addCallbacks(_write, _failed, callbackArgs=(request,), errbackArgs=(request,))
        return NOT_DONE_YET


def _write(answer: Answer, request: IRequest) -> None:
    request.setResponseCode(answer.status)
    for name, value in answer.headers.items():
        request.setHeader(name.encode("ascii"), value.encode("utf-8"))
    request.setHeader(b"Content-Type", (answer.content_type or "text/plain").encode("ascii"))
    request.write(answer.body)
    request.finish()


def _failed(failure: Failure, request: IRequest) -> None:
    if getattr(request, "_disconnected", False):
        return
    if not failure.check(ProactorError):
        _log.failure("An initiator in memory", failure)
    body = json.dumps({"detail": failure.getErrorMessage()}).encode()
    _write(Answer(400 if failure.check(ProactorError) else 500, body, "application/json"), request)
