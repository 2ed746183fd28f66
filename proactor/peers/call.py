"""One call: to whom it goes, and to whom next when that comes to nothing and it may be tried again."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Overdue
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from ..backoff import Backoff
from ..errors import ProactorError
from ..processor.incoming import HEADER as TIMEOUT
from ..processor.incoming import timeout_text
from ..tracing import HEADER as TRACE
from ..tracing import traceparent
from .balance import Balancer
from .errors import DeadlineExceeded, NoToken, PeerError, PeerFailed
from .http import Answered, Late, Request, Unreached, exchange
from .model import Peer, Reply
from .tokens import PeerTokens

__all__ = ["Call", "Caller", "Pick", "make_call"]

#: Those that come to the same however often they are done (RFC 9110, 9.2.2).
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
MOST_BODY = 16 << 20

_METHOD = re.compile("[A-Z]{1,20}")
_PATH = re.compile(r"/[\x21-\x22\x24-\x7e]*")
#: Statuses of one that is not well, or too busy; another one may be better.
_UNWELL = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE = 60
_BACKOFF = Backoff(first=0.05, cap=1.0)

#: Chooses a peer that is ready, by then; rather none of those that were tried.
Pick = Callable[[frozenset[str], float], Awaitable[Peer]]


@frozen
class Call:
    """What is asked, of whomever.

    :param target: whom it is for, as the caller said.
    :param until: when it must be over, on the reactor's clock.
    :param safe: whether doing it twice is as good as once.
    :param scope: what the token is to be good for.
    :param attempts: how often it may be tried; try_timeout: how long one try may take.
    """

    target: str
    method: str
    path: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    until: float
    safe: bool
    scope: str | None = None
    trace: str | None = None
    attempts: int = 3
    try_timeout: float | None = None

    @property
    def asked(self) -> str:
        """For messages."""
        return f"{self.method} {self.path.partition('?')[0]} at {self.target}"

    def error(self, kind: type[PeerError], reason: str, guid: str | None = None) -> PeerError:
        """What went wrong, with what and whom."""
        whom = f" ({guid})" if guid not in (None, self.target) else ""
        return kind(f"{self.asked}{whom}: {reason}", self.target, guid)


def make_call(
    target: str,
    method: str,
    path: str,
    until: float,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
    **more: Any,
) -> Call:
    """Make one of what a caller says.

    :param more: ``json``, or ``data``, which is bytes or a form's fields; and what else a :class:`Call` has.
    :raises ValueError: it cannot be sent.
    """
    if not _METHOD.fullmatch(method) or not _PATH.fullmatch(path):
        raise ValueError(f"{method[:20]!r} {path[:100]!r}: a method and a path that begins with / are right")
    body, type_ = _content(more.pop("json", None), more.pop("data", None))
    named = {"Accept": "application/json, */*;q=0.5", "Content-Type": type_, "Idempotency-Key": idempotency_key}
    sent = Headers({name: [value] for name, value in named.items() if value is not None})
    for name, value in (headers or {}).items():
        sent.setRawHeaders(name, [value])
    if params:
        path += f"{'&' if '?' in path else '?'}{urlencode(params)}"
    safe = method in IDEMPOTENT or idempotency_key is not None
    return Call(target, method, path, sent, body, until, safe, **more)


def _content(json: Any, data: bytes | Mapping[str, str] | None) -> tuple[bytes, str | None]:
    """A body and its media type."""
    if json is not None:
        return jsonlib.dumps(json).encode(), "application/json"
    if isinstance(data, Mapping):
        return urlencode(data).encode(), "application/x-www-form-urlencoded"
    return bytes(data or b""), None


@define(eq=False)
class Caller:
    """Makes calls."""

    agent: IAgent
    clock: IReactorTime
    tokens: PeerTokens
    balancer: Balancer
    random: Callable[[], float]

    async def make(self, call: Call, pick: Pick) -> Reply:
        """Make one, as often as it may be tried until it comes to something.

        :raises PeerError: it does not.
        """
        tried: frozenset[str] = frozenset()
        refused: NoToken | None = None
        for attempt in range(call.attempts):
            peer = await pick(tried, call.until)
            if peer.guid in tried:
                if refused is not None:
                    raise refused
                await self._pause(call, attempt)
            tried |= {peer.guid}
            is_last = attempt + 1 == call.attempts
            try:
                answered = await self._try(call, peer)
            except NoToken as error:
                # Nothing was sent; there may be one for somebody else.
                refused = error
                if is_last or self._left(call) <= 0:
                    raise
                continue
            except PeerFailed as failed:
                if is_last or (failed.sent and not call.safe) or self._left(call) <= 0:
                    raise
                continue
            if is_last or not call.safe or answered.status not in _UNWELL or self._left(call) <= 0:
                break
        return Reply(peer, answered.status, answered.headers, answered.body, call.asked)

    def _left(self, call: Call) -> float:
        return call.until - self.clock.seconds()

    async def _pause(self, call: Call, attempt: int) -> None:
        """Wait a moment: who failed is asked again."""
        await deferLater(self.clock, max(0.0, min(_BACKOFF.delay(attempt, self.random), self._left(call))))

    async def _try(self, call: Call, peer: Peer) -> Answered:
        """Ask one peer; where it does not take the token, once more with another one."""
        token = await self._token(call, peer)
        answered = await self._ask(call, peer, token)
        if answered.status == 401:
            self.tokens.refused(peer.guid, call.scope, token)
            answered = await self._ask(call, peer, await self._token(call, peer))
        return answered

    async def _token(self, call: Call, peer: Peer) -> str:
        given = Deferred.fromCoroutine(self.tokens.token(peer.guid, call.scope))
        if not given.called:
            given.addTimeout(max(0.0, self._left(call)), self.clock)
        try:
            return await given
        except Overdue:
            raise call.error(DeadlineExceeded, "the initiator gave no token for it in time", peer.guid) from None
        except ProactorError as error:
            raise call.error(NoToken, f"of the initiator, {error}", peer.guid) from error

    async def _ask(self, call: Call, peer: Peer, token: str) -> Answered:
        left = self._left(call)
        if left <= 0:
            raise call.error(DeadlineExceeded, "no time is left", peer.guid)
        timeout = left if call.try_timeout is None else min(left, call.try_timeout)
        request = self._request(call, peer, token, timeout)
        self.balancer.began(peer)
        well: bool | None = None
        pause = 0.0
        try:
            answered = await exchange(self.agent, self.clock, request, timeout, MOST_BODY)
            well, pause = answered.status not in _UNWELL, _retry_after(answered)
        except Late as late:
            well = False
            if timeout < left:
                raise call.error(PeerFailed, str(late), peer.guid) from late
            raise call.error(DeadlineExceeded, str(late), peer.guid) from late
        except Unreached as error:
            well = False
            failed = call.error(PeerFailed, str(error), peer.guid)
            assert isinstance(failed, PeerFailed)
            failed.sent = error.sent
            raise failed from error
        else:
            return answered
        finally:
            self.balancer.ended(peer, well, pause)

    def _request(self, call: Call, peer: Peer, token: str, timeout: float) -> Request:
        headers = call.headers.copy()
        headers.setRawHeaders("Authorization", [f"Bearer {token}"])
        headers.setRawHeaders(TIMEOUT, [timeout_text(timeout)])
        if call.trace is not None:
            headers.setRawHeaders(TRACE, [traceparent(call.trace)])
        return Request(call.method.encode(), f"{peer.url}{call.path}".encode(), headers, call.body)


def _retry_after(answered: Answered) -> float:
    """For how many seconds it wants to be left alone."""
    text = answered.header("Retry-After") if answered.status in _UNWELL else None
    return float(min(int(text), _LONGEST_PAUSE)) if text is not None and text.isascii() and text.isdigit() else 0.0
