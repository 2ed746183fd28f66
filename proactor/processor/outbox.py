"""Durable messages that a processor sends: tried until the initiator has stored them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from random import random as uniform
from typing import Any, Protocol
from urllib.parse import quote
from uuid import uuid4

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.iweb import IResponse

from ..backoff import Backoff, Tries
from ..errors import Forbidden, Gone, NotFound, ProactorError, Refused, TooLarge, Unavailable
from ..messaging.cloudevents import BINARY, JSON, TEXT, CloudEvent, Value, check, to_headers
from ..wire.small_body import SmallBody
from .bodies import UNREACHABLE, innermost
from .client import HTTP, TIMEOUT

__all__ = ["Credentials", "Outbox", "Sent"]

#: What may be in an answer, in bytes.
_MOST = 1 << 20
_ERRORS: Mapping[int, type[ProactorError]] = {403: Forbidden, 404: NotFound, 410: Gone, 413: TooLarge}
#: Refusals that another try may not meet with; with 401 the token is renewed meanwhile.
_PASSING = (401, 408, 425, 429)

_log = Logger(namespace="proactor.processor")


class Credentials(Protocol):
    """Where the initiator is, and what it is shown: of the moment."""

    @property
    def url(self) -> str:
        """Its base URL, without a slash at its end."""

    @property
    def token(self) -> str:
        """The processor's own."""


@frozen
class Sent:
    """A message that is stored.

    :param to: where it goes: guids, or a module.
    """

    id: str
    to: tuple[str, ...]


@frozen
class _Later:
    """It is not stored yet.

    :param after: seconds until another try makes sense.
    """

    reason: str
    after: float = 0.0


def _now() -> datetime:
    return datetime.now(timezone.utc)


@define(eq=False)
class Outbox:
    """Sends, to each target one after the other.

    :param now: the time of day, aware.
    :param random: as ``random.random``.
    """

    http: HTTP
    clock: IReactorTime
    credentials: Credentials
    guid: str
    now: Callable[[], datetime] = _now
    random: Callable[[], float] = uniform
    backoff: Backoff = field(factory=Backoff)
    _locks: dict[str, DeferredLock] = field(factory=dict, init=False)
    _waiting: dict[str, int] = field(factory=dict, init=False)

    async def send(self, target: str, event: CloudEvent) -> Sent:
        """Send an event until it is stored.

        :raises ProactorError: it is refused for good.
        """
        lock = self._locks.setdefault(target, DeferredLock())
        self._waiting[target] = self._waiting.get(target, 0) + 1
        try:
            await lock.acquire()
            try:
                return await self._stored(target, event)
            finally:
                lock.release()
        finally:
            self._waiting[target] -= 1
            if not self._waiting[target]:
                del self._waiting[target], self._locks[target]

    async def _stored(self, target: str, event: CloudEvent) -> Sent:
        tries = Tries(self.random)
        while isinstance(tried := await self._tried(target, event), _Later):
            _log.debug("Not sent yet to {target}: {reason}", target=target, reason=tried.reason)
            await deferLater(self.clock, max(tries.next(self.backoff), tried.after))
        return tried

    async def _tried(self, target: str, event: CloudEvent) -> Sent | _Later:
        exchange = Deferred.fromCoroutine(self._exchange(target, event))
        try:
            status, after, body = await exchange.addTimeout(TIMEOUT, self.clock, _timed_out)
        except UNREACHABLE as error:
            cause = innermost(error)
            if isinstance(cause, CancelledError):
                # Nobody waits for it any more.
                raise cause from None
            return _Later(str(cause) or type(cause).__name__)
        if status == 202:
            return _sent(body)
        said = body.decode("utf-8", "replace").strip()[:500] or f"it answered {status}"
        if 400 <= status < 500 and status not in _PASSING:
            raise _ERRORS.get(status, Refused)(said)
        return _Later(said, after)

    async def _exchange(self, target: str, event: CloudEvent) -> tuple[int, float, bytes]:
        headers = [("Authorization", f"Bearer {self.credentials.token}"), *to_headers(event.attributes)]
        response: IResponse = await self.http.request(
            "POST",
            f"{self.credentials.url}/message/{quote(target, safe=':')}",
            headers=dict(headers),
            data=event.data,
            allow_redirects=False,
            unbuffered=True,
        )
        body = SmallBody(_MOST)
        response.deliverBody(body)
        after = response.headers.getRawHeaders(b"Retry-After", [b""])[0]
        return response.code, float(after) if re.fullmatch(b"[0-9]{1,6}", after) else 0.0, await body.whole

    def event(self, data: Any, attributes: Mapping[str, Value | None], expires: float | None) -> CloudEvent:
        """What is to be sent: what makes it an event is filled in.

        :param data: bytes, a text, or what can be JSON; None: nothing.
        :param attributes: over those that are filled in; those that are None are left out.
        :param expires: seconds from now on.
        :raises Refused: it is none.
        """
        kind, body = _encoded(data)
        filled: dict[str, Value | None] = {
            "specversion": "1.0",
            "id": uuid4().hex,
            "source": f"/job/{self.guid}",
            "type": "message",
            "time": _stamp(self.now()),
            "datacontenttype": kind,
            "expirytime": None if expires is None else _stamp(self.now() + timedelta(seconds=expires)),
        }
        given = {name: value for name, value in attributes.items() if value is not None}
        event = {name: value for name, value in {**filled, **given}.items() if value is not None}
        check(event)
        return CloudEvent(event, body)


def _timed_out(result: object, timeout: float) -> tuple[int, float, bytes]:
    """As the answer that a server gives to what took too long, whatever the request that was cut off came to."""
    return 408, 0.0, f"it did not answer within {timeout:g} s".encode()


def _stamp(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _encoded(data: Any) -> tuple[str | None, bytes]:
    if data is None:
        return None, b""
    if isinstance(data, bytes):
        return BINARY, data
    if isinstance(data, str):
        return TEXT, data.encode("utf-8")
    try:
        return JSON, json.dumps(data, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"the data cannot be JSON: {error}") from None


def _sent(body: bytes) -> Sent:
    try:
        document = json.loads(body)
        return Sent(str(document["id"]), tuple(map(str, document["to"])))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unavailable("it answered 202 with something else than a receipt") from None
