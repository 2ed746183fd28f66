"""Requests to an initiator, each with a time-out, and what their answers mean."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import aclosing
from http import HTTPStatus
from json import dumps
from math import ceil, isfinite
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import RequestGenerationFailed, RequestTransmissionFailed, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from .bodies import Body
from .errors import ClientError, TimedOut, Unintelligible, Unreachable, Untrusted, problem

__all__ = ["HTTP", "Connection", "Query", "Reply", "path"]

Query = Iterable[tuple[str, str]]

#: An initiator says what there is not; without a reason, these are of a server that has other paths.
_ELSEWHERE = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
#: Seconds, as of a header.
_DIGITS = re.compile("[0-9]{1,9}")
#: What only asks what a change would come to.
_PLAN = ("plan", "1")
#: No answer is larger, but for a stream.
_MOST = 256 << 20
#: There was no connection: nothing was sent.
_UNSENT = (ConnectError, ConnectTimeout, DNSLookupError)
_UNREACHABLE = (
    *_UNSENT,
    ConnectionClosed,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
)


class HTTP(Protocol):
    """What is asked of the HTTP client: a ``treq.client.HTTPClient``, or what a test has in its place."""

    @property
    def request(self) -> Callable[..., Deferred[Any]]:
        """Send a request, by method and URL; fires with an ``IResponse``."""


def path(*parts: str) -> str:
    """The path of such parts, each quoted."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


@frozen
class Reply:
    """A whole answer, of a request that was not refused."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """What it says.

        :raises Unintelligible: it is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Unintelligible("the answer is not JSON: is this the URL of an initiator?") from None

    def header(self, name: str) -> str | None:
        """One header; its bytes may be any (RFC 9110, 5.5)."""
        values = self.headers.getRawHeaders(name.encode("ascii"), [])
        return values[0].decode("latin-1") if values else None


def _innermost(error: BaseException) -> BaseException:
    """Find the cause in what Twisted's HTTP client wraps around it."""
    reasons = getattr(error, "reasons", None)
    return _innermost(reasons[-1].value) if reasons else error


def _told(cause: BaseException) -> str:
    """What OpenSSL says: of its list of errors the words."""
    reasons = cause.args[0] if cause.args and isinstance(cause.args[0], list) else []
    return ", ".join(reason[-1] for reason in reasons) or "it is for another name"


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _DIGITS.fullmatch(text) else None


def _refusal(reply: Reply) -> ClientError:
    """What a refusal says, be it a problem document or not: then it may be a proxy's."""
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError):
        document = None
    is_document = isinstance(document, dict)
    if reply.status in _ELSEWHERE and not (is_document and document.get("detail")):
        return Unintelligible(f"the answer is {reply.status}, with no reason: is this the URL of an initiator?")
    if not is_document:
        known = reply.status in [each.value for each in HTTPStatus]
        document = {"title": HTTPStatus(reply.status).phrase if known else "", "status": reply.status}
    return problem(reply.status, document, _number(reply.header("Retry-After")), reply.header("Location"))


@define(eq=False)
class Connection:
    """An initiator by its URL, with the credential for it. Redirects are not followed: the token goes nowhere else.

    :param url: its base URL, without a slash at its end.
    :param timeout: seconds that an answer may take, on top of those that it was asked to wait.
    :ivar unanswered: how many requests that change something were sent and have no answer: they may have been done.
    """

    http: HTTP
    clock: IReactorTime
    url: str
    token: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    unanswered: int = field(default=0, init=False)

    async def ask(
        self,
        method: str,
        target: str,
        query: Query = (),
        *,
        json: Any = None,
        wait: float | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = 0.0,
    ) -> Reply:
        """Make a request, and read its answer.

        :param wait: seconds for which the initiator may hold the answer; whole ones, the next if it is none (RFC 7240).
        :param patience: seconds that it may take besides, without being asked to wait.
        :raises ClientError: there is no answer, or it is a refusal.
        :raises ValueError: one of these times is infinite, or no number; or one in ``json`` is.
        """
        if not isfinite(self.timeout + (wait or 0) + patience):
            raise ValueError(f"no time to wait for: timeout {self.timeout}, wait {wait}")
        held = ceil(wait or 0)
        limit = self.timeout + held + patience
        sent = {"Accept": "application/json", **({"Prefer": f"wait={held}"} if held > 0 else {}), **(headers or {})}
        query = list(query)
        body = None if json is None else dumps(json, allow_nan=False).encode()
        exchange = self._in_time(self._exchange(method, self._url(target, query), sent, body), limit)
        reply = await (exchange if method == "GET" or _PLAN in query else self._counted(exchange))
        if reply.status >= 400:
            raise _refusal(reply)
        return reply

    async def _counted(self, exchange: Coroutine[Any, Any, Reply]) -> Reply:
        self.unanswered += 1
        try:
            reply = await exchange
        except Unreachable as error:
            is_unsent = isinstance(error, Untrusted) or isinstance(_innermost(error.__cause__ or error), _UNSENT)
            self.unanswered -= is_unsent
            raise
        self.unanswered -= 1
        return reply

    async def stream(
        self, target: str, query: Query = (), *, headers: Mapping[str, str] | None = None, idle: float | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Read an answer as it comes. Whoever leaves before it ends closes it: ``contextlib.aclosing``.

        :param idle: seconds after which a stream that says nothing is taken for lost.
        :raises ClientError: there is no answer, it is a refusal, or the connection is lost.
        """
        # A refusal, which is no stream, is to be a document.
        sent = {"Accept": "*/*", **(headers or {})}
        sent["Accept"] += ", application/problem+json"
        opening = self._open("GET", self._url(target, query), sent, None)
        response = await self._in_time(opening, self.timeout)
        if response.code >= 400:
            body = await self._in_time(_whole(response), self.timeout)
            raise _refusal(Reply(response.code, response.headers, body))
        body = Body.of(response)
        try:
            async with aclosing(aiter(body)) as pieces:
                while (piece := await self._in_time(_next(pieces), idle)) is not None:
                    yield piece
        finally:
            body.close()

    def _url(self, target: str, query: Query) -> str:
        encoded = urlencode(list(query))
        return f"{self.url}{target}{'?' if encoded else ''}{encoded}"

    async def _open(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> IResponse:
        sent = dict(headers)
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        data = {} if body is None else {"data": body}
        response: IResponse = await self.http.request(
            method, url, headers=sent, allow_redirects=False, unbuffered=True, **data
        )
        return response

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        response = await self._open(method, url, headers, body)
        return Reply(response.code, response.headers, await _whole(response))

    async def _in_time(self, work: Any, seconds: float | None) -> Any:
        """Wait for a part of an exchange.

        :raises Unreachable: it does not come, in words.
        """
        given_up: list[bool] = []
        working = Deferred.fromCoroutine(work)
        if seconds is not None:
            working.addTimeout(seconds, self.clock, lambda result, _: self._timed_out(result, seconds))

        def give_up(_waiting: object) -> None:
            given_up.append(True)
            working.cancel()

        waiting: Deferred[Any] = Deferred(give_up)
        working.chainDeferred(waiting)
        try:
            return await waiting
        except (*_UNREACHABLE, TimedOut) as error:
            if given_up:
                # What Twisted makes of that depends on how far it was. It is no reason for another try.
                raise CancelledError from error
            if isinstance(error, TimedOut):
                raise
            if isinstance(error, ResponseFailed) and error.response is not None:
                raise Unreachable(f"{self.url} broke off in the middle of its answer") from error
            raise self._unreachable(_innermost(error)) from error

    def _unreachable(self, cause: BaseException) -> Unreachable:
        """Why nobody answered, in words."""
        if type(cause).__module__.partition(".")[0] in ("OpenSSL", "service_identity"):
            return Untrusted(f"{self.url} is not trusted: its certificate does not hold: {_told(cause)}")
        return Unreachable(f"{self.url} gave no answer: {str(cause) or type(cause).__name__}")

    def _timed_out(self, result: Any, seconds: float) -> Any:
        """Say so, whatever the cancelled request came to; one that came in at that moment counts."""
        if isinstance(result, Failure):
            if not result.check(CancelledError, *_UNREACHABLE):
                return result
            raise TimedOut(f"{self.url} did not answer within {seconds:g} s")
        return result


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


async def _whole(response: IResponse) -> bytes:
    """All of a body.

    :raises Unintelligible: it is too large.
    """
    body, data = Body.of(response), bytearray()
    try:
        async for piece in body:
            data += piece
            if len(data) > _MOST:
                raise Unintelligible(f"the answer has more than {_MOST} bytes")
    finally:
        body.close()
    return bytes(data)
