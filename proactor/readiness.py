"""Asks a processor's endpoint whether it is the one that it should be."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator

from attrs import define
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.client import Agent, HTTPConnectionPool

#: How long one question may take, in seconds.
TIMEOUT = 5.0
_LARGEST = 4096


@define(eq=False)
class Prober:
    """Asks ``GET /healthz`` until the right guid answers.

    :param client: makes the requests.
    """

    reactor: IReactorTime
    client: HTTPClient

    async def wait(self, base_url: str, guid: str, delays: Iterator[float], alive: Callable[[], bool]) -> bool:
        """Ask, again after each delay (seconds), until it answers with its guid; false when it is not alive any more.

        :param base_url: of the endpoint, without a slash at its end.
        """
        while alive():
            if await self._answers(base_url, guid):
                return alive()
            await deferLater(self.reactor, next(delays))
        return False

    async def _answers(self, base_url: str, guid: str) -> bool:
        try:
            work = Deferred.fromCoroutine(self._asked(f"{base_url}/healthz"))
            answer = json.loads(await work.addTimeout(TIMEOUT, self.reactor))
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001 - whatever is wrong with its answer, it is not ready
            return False
        return isinstance(answer, dict) and answer.get("guid") == guid

    async def _asked(self, url: str) -> bytes:
        response = await self.client.get(url, allow_redirects=False)
        pieces: list[bytes] = []

        def collect(piece: bytes) -> None:
            pieces.append(piece)
            if sum(map(len, pieces)) > _LARGEST:
                raise ValueError("too long an answer")

        await response.collect(collect)
        return b"".join(pieces) if response.code == 200 else b""


Wait = Callable[[str, str, Iterator[float], Callable[[], bool]], Awaitable[bool]]


def prober(reactor: IReactorTime) -> Prober:
    """A prober that goes out to the network, and keeps no connection."""
    return Prober(reactor, HTTPClient(Agent(reactor, connectTimeout=TIMEOUT, pool=HTTPConnectionPool(reactor, False))))
