"""The initiator, as far as peers need it: who is ready, and tokens for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from ..errors import Forbidden, Gone, Malformed, ProactorError, Refused, Unauthenticated, Unavailable
from ..option_types import is_number
from .http import Answered, Late, Request, Unreached, exchange
from .model import Peer, read_peer
from .outage import Outage

__all__ = ["Credentials", "Grant", "Initiator", "Told"]

TIMEOUT = 10.0
MOST_BODY = 16 << 20

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


class Credentials(Protocol):
    """Where the initiator is, and what it is shown: of the moment."""

    @property
    def url(self) -> str:
        """Its base URL, without a slash at its end."""

    @property
    def token(self) -> str:
        """The processor's own."""


@frozen
class Told:
    """Who is ready, as it was told.

    :param peers: all there are; or, where ``None``, ``changes`` has what is different from before.
    """

    etag: str
    peers: Sequence[Peer] | None = None
    changes: Mapping[str, Peer | None] = field(factory=dict)


@frozen
class Grant:
    """A token for a peer.

    :param lifetime: for how long it holds from now on, in seconds.
    """

    token: str = field(repr=False)
    lifetime: float


@define(eq=False)
class Initiator:
    """Requests to it. What goes wrong is a ``ProactorError`` that says so in words."""

    agent: IAgent
    clock: IReactorTime
    credentials: Credentials
    #: Of those who look who is ready.
    outage: Outage = field(factory=Outage)

    async def endpoints(self, query: str, etag: str | None, wait: int) -> Told | None:
        """Ask who is ready; ``None`` if it is still what has that ETag.

        :param wait: seconds for which the answer may be held until it is another.
        """
        headers = {} if etag is None else {"If-None-Match": etag, "A-IM": "merge-patch"}
        if wait:
            headers["Prefer"] = f"wait={wait}"
        answered = await self._ask("GET", f"/endpoints?{query}" if query else "/endpoints", headers, timeout=wait)
        if answered.status == 304:
            return None
        return _told(answered, etag)

    async def grant(self, audience: str, scope: str | None) -> Grant:
        """Ask for a token for one peer (RFC 8693).

        :param scope: what it is to be good for, words with spaces between them.
        """
        form = {"grant_type": _EXCHANGE, "audience": audience, **({"scope": scope} if scope else {})}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return _grant(await self._ask("POST", "/token", headers, urlencode(form).encode()))

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", timeout: float = 0
    ) -> Answered:
        sent = {"Authorization": f"Bearer {self.credentials.token}", "Accept": "application/json", **headers}
        raw = Headers({name: [value] for name, value in sent.items()})
        request = Request(method.encode(), f"{self.credentials.url}{path}".encode(), raw, body)
        try:
            return await exchange(self.agent, self.clock, request, TIMEOUT + timeout, MOST_BODY)
        except (Late, Unreached) as error:
            raise Unavailable(f"it gave no answer: {error}") from error


def _told(answered: Answered, known: str | None) -> Told:
    document = _document(answered)
    etag = answered.header("ETag")
    if etag is None:
        raise Malformed("its answer has no ETag")
    if answered.status == 226 and known is not None and answered.header("Delta-Base") == known:
        if not isinstance(document, dict):
            raise Malformed("what changed is not a JSON object")
        changes = {guid: None if record is None else read_peer(record) for guid, record in document.items()}
        return Told(etag, changes=changes)
    if answered.status != 200 or not isinstance(document, list):
        raise Malformed("its answer is no list of endpoints")
    return Told(etag, [read_peer(record) for record in document])


def _grant(answered: Answered) -> Grant:
    document = _document(answered)
    token, lifetime = document.get("access_token"), document.get("expires_in")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        raise Malformed("its answer has no token")
    if not is_number(lifetime) or lifetime <= 0:
        raise Malformed("its answer does not say for how long the token holds")
    return Grant(token, float(lifetime))


def _document(answered: Answered) -> Any:
    if not 200 <= answered.status < 300:
        raise _refusal(answered)
    try:
        return json.loads(answered.body)
    except (ValueError, RecursionError):
        raise Malformed("its answer is not JSON") from None


def _refusal(answered: Answered) -> ProactorError:
    """What an error means; what is wrong with what was asked is told as the initiator has it."""
    status, told = answered.status, f"it answered {answered.status}{_detail(answered.body)}"
    known: dict[int, type[ProactorError]] = {401: Unauthenticated, 403: Forbidden, 410: Gone}
    if status in known:
        return known[status](told)
    if status in (408, 425, 429) or not 400 <= status < 500:
        return Unavailable(told)
    return Refused(told)


def _detail(body: bytes) -> str:
    """The detail of a problem document (RFC 9457), or the description of an OAuth error (RFC 6749, 5.2)."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    detail = document.get("detail") or document.get("error_description") or document.get("error")
    return f": {' '.join(detail.split())[:200]}" if isinstance(detail, str) else ""
