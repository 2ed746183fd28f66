"""An initiator's client: what can be asked of it, by subject."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from .configuration import Configuration, Rollouts
from .connection import HTTP, Connection
from .jobs import Jobs
from .locating import Place
from .messages import Messages
from .reading import read
from .registry import Endpoints, Tokens
from .timeline import Timeline
from .values.log_level import LogLevel

__all__ = ["Client"]


@frozen
class Health:
    """Of the initiator itself: its own guid."""

    status: str
    guid: str


@frozen
class Readiness:
    """Whether it takes requests, and the revision of its configuration."""

    status: str
    revision: int


@frozen
class Client:
    """All calls are coroutines, each with a time-out; what goes wrong is a :class:`~.errors.ClientError`."""

    connection: Connection
    jobs: Jobs
    config: Configuration
    rollouts: Rollouts
    events: Timeline
    endpoints: Endpoints
    messages: Messages
    tokens: Tokens
    _hang_up: Callable[[], Deferred[None]] = field(default=lambda: succeed(None), repr=False)

    @classmethod
    def of(
        cls,
        http: HTTP,
        clock: IReactorTime,
        place: Place,
        timeout: float = 30.0,
        hang_up: Callable[[], Deferred[None]] = lambda: succeed(None),
    ) -> Client:
        """A client on an HTTP client.

        :param timeout: seconds that an answer may take, on top of those that a call asks it to wait.
        :param hang_up: closes the connections that the HTTP client keeps.
        """
        connection = Connection(http, clock, place.url.rstrip("/"), place.token, timeout)
        return cls(
            connection,
            Jobs(connection),
            Configuration(connection),
            Rollouts(connection),
            Timeline(connection),
            Endpoints(connection),
            Messages(connection),
            Tokens(connection),
            hang_up,
        )

    @classmethod
    def on(cls, reactor: Any, place: Place, timeout: float = 30.0) -> Client:
        """A client on a reactor, over the network."""
        from .agent import http_client  # noqa: PLC0415 - what has its own HTTP client needs no other

        http, hang_up = http_client(reactor, place)
        return cls.of(http, reactor, place, timeout, hang_up)

    async def close(self) -> None:
        """Hang up where nothing is under way."""
        # Whoever does not wait for it leaves it as it is: a cancelled one would log an error that nobody has taken.
        closed: Deferred[None] = Deferred()
        self._hang_up().chainDeferred(closed)
        await closed

    async def health(self) -> Health:
        """Whether it answers at all; asked without looking at the token."""
        return read(Health, (await self.connection.ask("GET", "/healthz")).json)

    async def readiness(self) -> Readiness:
        """Whether it takes requests.

        :raises Unavailable: it stops.
        """
        return read(Readiness, (await self.connection.ask("GET", "/readyz")).json)

    async def metrics(self) -> str:
        """What is counted and timed, in the text format of Prometheus."""
        return (await self.connection.ask("GET", "/metrics", headers={"Accept": "text/plain"})).body.decode()

    async def log_level(self) -> LogLevel:
        """How much it logs."""
        return read(LogLevel, (await self.connection.ask("GET", "/log-level")).json)

    async def set_log_level(self, level: str, seconds: int | None = None, namespace: str | None = None) -> LogLevel:
        """Change how much it logs; how much that is then.

        :param level: ``debug``, ``info``, ``warning``, ``error``, ``critical``, or ``default``.
        :param seconds: for how long; None: until it ends.
        :param namespace: of what; None: of all that has no level of its own.
        """
        body = {"level": level, "for": seconds, "namespace": namespace}
        return read(LogLevel, (await self.connection.ask("PUT", "/log-level", json=body)).json)

    async def shut_down(self, keep: bool = False) -> None:
        """End it, as SIGTERM does; over when it has begun.

        :param keep: let the processors live on, for the next initiator to adopt.
        """
        await self.connection.ask("POST", "/shutdown", [("keep", "1")] if keep else [])
