"""The life of a processor: it starts, serves, fetches, and ends in good order."""

from __future__ import annotations

from collections.abc import Callable
from random import random as uniform
from typing import Any

from attrs import define, field
from twisted.internet import defer
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..urls import in_url
from ..wire import Site
from .acks import Acks
from .base import Processor
from .client import HTTP, Client
from .configuration import Config, Start
from .fetch import FetchLoop
from .listening import Listen
from .outbox import Outbox

__all__ = ["Runtime", "fetch_loop", "stop_margin"]

_log = Logger(namespace="proactor.processor")


def stop_margin(stop_timeout: float) -> float:
    """Give how long before ``stop_timeout`` all is to be over: the initiator's clock started earlier. In seconds."""
    return min(1.0, stop_timeout / 10)


def fetch_loop(
    processor: Processor,
    start: Start,
    http: HTTP,
    clock: IReactorTime,
    leave: Callable[[], None],
    configured: Callable[[Config], None] = lambda _config: None,
    random: Callable[[], float] = uniform,
) -> FetchLoop | None:
    """Assemble what fetches; None where there is no initiator to fetch from.

    :param leave: ends the process.
    :param configured: told of each configuration that the processor has taken up.
    """
    if start.parent_url is None:
        return None
    client = Client(http, clock, start.parent_url, processor.guid, start.token)
    processor.introduce(client, start)
    processor.outbox = Outbox(http, clock, client, processor.guid, random=random)
    declarations: dict[str, Any] = {"options": processor.schema.to_json()}
    if topics := processor.handlers.topics():
        declarations["topics"] = topics
    acks = Acks(client, clock, declarations, leave, random=random)
    # The configuration is at hand; what the tokens of others are verified by is where the initiator said it as well.
    tag = "0"
    if start.parent_trust is not None:
        tag, trust = start.parent_trust
        processor.verifier.learn(trust)
    etag = f'"{processor.config.revision}.{tag}"'
    return FetchLoop(processor, client, acks, clock, etag, leave, configured, random)


@define(eq=False)
class Runtime:
    """One processor, from its start to its end.

    :param listen: begins to accept connections.
    :param fetching: None where there is no initiator.
    """

    processor: Processor
    clock: IReactorTime
    listen: Listen
    fetching: FetchLoop | None = None
    _site: Site = field(init=False)
    _port: IListeningPort | None = field(default=None, init=False)
    _starting: Deferred[Any] | None = field(default=None, init=False)
    _has_started: bool = field(default=False, init=False)
    _is_stopping: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._site = Site(self.processor.resource(), clock=self.clock, limits=self.processor.limits)

    @property
    def is_up(self) -> bool:
        """Whether it serves, and the initiator has heard of that, where there is one."""
        return self._has_started and (self.fetching is None or self.fetching.acks.arrived)

    async def start(self) -> None:
        """Have the processor start, then serve, then tell the initiator.

        :raises Exception: the processor's own, or that the port is taken.
        """
        self._starting = maybeDeferred(self.processor.started)
        await self._starting
        if self._is_stopping:
            return
        self._has_started = True
        self._port = self.listen(self._site)
        address: Any = self._port.getHost()
        _log.info("Serving on {host}:{port}", host=in_url(address.host), port=address.port)
        if self.fetching is not None:
            self.fetching.start()

    async def stop(self) -> None:
        """Accept nothing more, have the processor stop, answer what is in progress: all within ``stop_timeout``.

        To be called once. What is not over by then is cut off, and said so in the log.
        """
        self._is_stopping = True
        _log.info("Stopping")
        limit = self.processor.config.stop_timeout
        deadline = self.clock.seconds() + limit - stop_margin(limit)
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        drained = self._site.drain()
        if self.fetching is not None:
            await self._by(deadline, self.fetching.stop(), "the reconfiguration")
        if self._has_started:
            await self._by(deadline, maybeDeferred(self.processor.stopping), "stopping()")
        elif self._starting is not None:
            self._starting.cancel()
        await self._by(deadline, drained, "the requests in progress")
        await self._by(deadline, self.processor.close_peers(), "the calls to peers")
        self._site.close()

    async def _by(self, deadline: float, done: Deferred[Any], what: str) -> None:
        """Wait until then at most, and go on in any case."""
        done.addTimeout(max(0.0, deadline - self.clock.seconds()), self.clock)
        await done.addErrback(self._note, what)

    def _note(self, failure: Failure, what: str) -> None:
        if failure.check(defer.TimeoutError):
            _log.warn("Cut off {what}: not over in time", what=what)
        else:
            _log.failure("Stopping goes on, but {what} failed", failure=failure, what=what)
