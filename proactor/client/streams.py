"""Server-sent events of an initiator, gone on with where they were left when the connection is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from random import SystemRandom
from typing import Any

from attrs import frozen
from twisted.internet.task import deferLater

from ..backoff import Backoff, Tries
from .connection import Connection, Query
from .errors import Unavailable, Unintelligible, Unreachable
from .sse import Message, Parser

__all__ = ["Told", "follow"]

#: An initiator says every 15 s that it is still there.
_IDLE = 45.0
_BACKOFF = Backoff(1.0, 15.0)


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


def _silent(_error: Exception, _seconds: float) -> None:
    """Nobody is told."""


async def follow(
    connection: Connection,
    target: str,
    query: Query = (),
    after: int | None = None,
    lost: Callable[[Exception, float], None] = _silent,
    endless: bool = False,
) -> AsyncGenerator[Told, None]:
    """The events of a stream, until the initiator ends it; over any number of connections.

    :param after: the number of the last event that is known.
    :param endless: whether there is no such end: an initiator that stops is waited for.
    :param lost: told of each connection that is lost, and in how many seconds there is another try. What it raises
        ends the stream.
    :raises ClientError: the initiator refuses it.
    """
    last, tries = "" if after is None else str(after), Tries(SystemRandom().random)
    while True:
        parser = Parser(last)
        try:
            async with aclosing(_once(connection, target, query, parser)) as messages:
                async for message in messages:
                    tries.reset()
                    yield told(message)
            if not endless:
                return
            error: Exception = Unreachable(f"{connection.url} ended the stream")
        except (Unreachable, Unavailable) as reason:
            error = reason
        last = parser.last_id
        delay = tries.next(_BACKOFF)
        lost(error, delay)
        await deferLater(connection.clock, delay)


async def _once(connection: Connection, target: str, query: Query, parser: Parser) -> AsyncGenerator[Message, None]:
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": parser.last_id} if parser.last_id else {})}
    async with aclosing(connection.stream(target, query, headers=headers, idle=_IDLE)) as pieces:
        async for piece in pieces:
            for message in parser.feed(piece):
                yield message
