"""The initiator, as a processor sees it: two requests, and what their answers mean."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from ..errors import Forbidden, Gone, Malformed, ProactorError, Refused, Unauthenticated, Unavailable
from ..extent import MOST_FETCHED
from ..tokens.bearer import is_token
from ..tracing import HEADER, trace_of
from .bodies import UNREACHABLE, innermost, read_body
from .peer_verifier import Trust, read_trust

__all__ = ["HTTP", "Client", "Fetched", "News", "read_news"]

TIMEOUT = 10.0

_ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,256}"')
#: Of what was preferred it heeds the ``wait`` (RFC 7240, 3).
_APPLIED = re.compile(r"(?:^|,)\s*wait\s*(?:[=,]|$)", re.IGNORECASE)
_Answer = tuple[int, Headers, bytes]


class HTTP(Protocol):
    """What is asked of the HTTP client: a ``treq.client.HTTPClient``, or what a test has in its place."""

    @property
    def request(self) -> Callable[..., Deferred[Any]]:
        """Send a request, by method and URL; fires with an ``IResponse``."""


@frozen
class News:
    """A configuration as the initiator gave it.

    :param etag: to be sent back as ``If-None-Match``.
    :param token: the one to use from now on.
    :param raw: the text of all options, steering ones included, the token and the revision not.
    :param trace: of the request that changed it (W3C Trace Context), where that had one.
    :param trust: by what the tokens of others are verified, where it says.
    """

    revision: int
    etag: str
    token: str = field(repr=False)
    raw: Mapping[str, str] = field(repr=False)
    trace: str | None = field(default=None, repr=False)
    trust: Trust | None = field(default=None, repr=False)


@frozen
class Fetched:
    """What a fetch came to.

    :param news: ``None``: the configuration is still the one that it was.
    :param holds: whether the initiator says that it holds answers until there is something new.
    """

    news: News | None
    holds: bool = False


def read_news(body: bytes, etag: str | None, guid: str) -> News:
    """Read the answer 200 to a fetch.

    :raises Malformed: it is not what an initiator answers to this processor.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("its answer is not JSON") from None
    if not isinstance(document, dict):
        raise Malformed("its answer is not a JSON object")
    revision, token = document.pop("revision", None), document.pop("token", None)
    trust = None if document.get("trust") is None else read_trust(document["trust"])
    document.pop("trust", None)
    if type(revision) is not int or revision < 0:
        raise Malformed("its answer has no revision")
    if not isinstance(token, str) or not is_token(token):
        raise Malformed("its answer has no token")
    if not all(isinstance(value, str) for value in document.values()):
        raise Malformed("its answer has an option that is not text")
    if document.get("guid") != guid:
        raise Malformed("its answer is for another guid")
    if etag is None or not _ETAG.fullmatch(etag):
        etag = f'"{revision}"'
    return News(revision=revision, etag=etag, token=token, raw=document, trust=trust)


def _timed_out(result: _Answer | Failure, timeout: float) -> _Answer | Failure:
    """Say so, whatever the cancelled request came to; one that came in at that moment counts."""
    if isinstance(result, Failure):
        raise Unavailable(f"it did not answer within {timeout:g} s")
    return result


def _refusal(status: int) -> ProactorError:
    if status == 401:
        return Unauthenticated("it answered 401: it does not take the token")
    if status == 403:
        return Forbidden("it answered 403: it does not take the token for this")
    if status == 410:
        return Gone("it answered 410: this copy is stale")
    if status in (408, 425, 429) or not 400 <= status < 500:
        return Unavailable(f"it answered {status}")
    return Refused(f"it answered {status}")


@define(eq=False)
class Client:
    """Requests to the initiator, each with the token of the moment and a time-out.

    Redirects are not followed. What goes wrong is a ``ProactorError`` that says so in words.

    :param url: the initiator's base URL, without a slash at its end.
    :param token: the bearer token; a fetch replaces it.
    """

    http: HTTP
    clock: IReactorTime
    url: str
    guid: str
    token: str = field(repr=False)

    async def fetch(self, etag: str, wait: int = 0) -> Fetched:
        """Ask for the configuration, which may be still the one with that ETag.

        :param wait: seconds for which the initiator may hold the answer until there is a new one (RFC 7240); 0: not.
        """
        headers = {"If-None-Match": etag, **({"Prefer": f"wait={wait}"} if wait else {})}
        status, answered, body = await self._request("GET", "", TIMEOUT + wait, headers=headers)
        holds = _APPLIED.search(",".join(answered.getRawHeaders("Preference-Applied", []))) is not None
        if status == 304:
            return Fetched(None, holds)
        if status != 200:
            raise _refusal(status)
        etags = answered.getRawHeaders("ETag", [])
        news = read_news(body, etags[0] if etags else None, self.guid)
        self.token = news.token
        return Fetched(evolve(news, trace=trace_of(next(iter(answered.getRawHeaders(HEADER, [])), None))), holds)

    async def acknowledge(self, ack: Mapping[str, Any]) -> None:
        """Tell what became of a revision."""
        status, _, _ = await self._request("POST", "/ack", TIMEOUT, json=ack)
        if not 200 <= status < 300:
            raise _refusal(status)

    async def _request(
        self, method: str, path: str, timeout: float, headers: Mapping[str, str] | None = None, **kwargs: Any
    ) -> _Answer:
        sent = {"Authorization": f"Bearer {self.token}", "Accept": "application/json", **(headers or {})}
        exchange = Deferred.fromCoroutine(
            self._exchange(method, f"{self.url}/config/{self.guid}{path}", headers=sent, **kwargs)
        )
        try:
            return await exchange.addTimeout(timeout, self.clock, _timed_out)
        except UNREACHABLE as error:
            cause = innermost(error)
            raise Unavailable(f"it gave no answer: {str(cause) or type(cause).__name__}") from error

    async def _exchange(self, method: str, url: str, **kwargs: Any) -> _Answer:
        response: IResponse = await self.http.request(method, url, allow_redirects=False, unbuffered=True, **kwargs)
        return response.code, response.headers, await read_body(response, MOST_FETCHED)
