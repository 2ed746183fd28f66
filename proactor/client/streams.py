"""Server-sent events of an initiator, gone on with where they were left when the connection is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from random import SystemRandom
from typing import Any, TypeVar

from attrs import frozen
from twisted.internet.task import deferLater

from ..backoff import Backoff, Tries
from .connection import Connection, Query
from .errors import Unavailable, Unintelligible, Unreachable
from .sse import Message, Parser

__all__ = ["Found", "Lost", "Told", "follow", "patiently"]

T = TypeVar("T")

#: An initiator says every 15 s that it is still there.
_IDLE = 45.0
_BACKOFF = Backoff(1.0, 5.0)


@frozen
class Told:
    """One event of a stream.

    :param id: its number, where it has one.
    """

    kind: str
    id: int | None
    data: Any


def told(message: Message) -> Told:
    """A message, read.

    :raises Unintelligible: it is none of an initiator's.
    """
    try:
        return Told(message.event, int(message.id) if message.id else None, json.loads(message.data))
    except ValueError:
        raise Unintelligible(f"an event {message.event!r} that is not JSON") from None


Lost = Callable[[Exception, float], None]
"""Told of each connection that is lost, and in how many seconds there is another try; what it raises ends that."""

Found = Callable[[], None]
"""Told when one that was lost is there again."""


def _silent(*_: object) -> None:
    """Nobody is told."""


async def follow(
    connection: Connection,
    target: str,
    query: Query = (),
    after: int | None = None,
    lost: Lost = _silent,
    found: Found = _silent,
    endless: bool = False,
) -> AsyncGenerator[Told, None]:
    """The events of a stream, until the initiator ends it; over any number of connections.

    :param after: the number of the last event that is known.
    :param endless: whether there is no such end: an initiator that stops is waited for.
    :raises ClientError: the initiator refuses it.
    """
    last, tries = "" if after is None else str(after), Tries(SystemRandom().random)
    opened: Found = _silent
    while True:
        parser = Parser(last)
        try:
            async with aclosing(_once(connection, target, query, parser, opened)) as messages:
                async for message in messages:
                    tries.reset()
                    yield told(message)
            if not endless:
                return
            error: Exception = Unreachable(f"{connection.url} ended the stream")
        except (Unreachable, Unavailable) as reason:
            error = reason
        last, opened = parser.last_id, found
        await _pause(connection, tries, error, lost)


async def patiently(
    connection: Connection, ask: Callable[[], Awaitable[T]], lost: Lost = _silent, found: Found = _silent
) -> T:
    """What is answered; where nobody answers it is asked again, until somebody does.

    :param ask: asks for what changes nothing.
    :raises ClientError: it is refused.
    """
    tries = Tries(SystemRandom().random)
    while True:
        try:
            answer = await ask()
        except (Unreachable, Unavailable) as reason:
            error: Exception = reason
        else:
            if tries.failed:
                found()
            return answer
        await _pause(connection, tries, error, lost)


async def _pause(connection: Connection, tries: Tries, error: Exception, lost: Lost) -> None:
    delay = tries.next(_BACKOFF)
    lost(error, delay)
    await deferLater(connection.clock, delay)


async def _once(
    connection: Connection, target: str, query: Query, parser: Parser, opened: Found
) -> AsyncGenerator[Message, None]:
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": parser.last_id} if parser.last_id else {})}
    async with aclosing(connection.stream(target, query, headers=headers, idle=_IDLE)) as pieces:
        async for piece in pieces:
            opened()
            opened = _silent
            for message in parser.feed(piece):
                yield message
