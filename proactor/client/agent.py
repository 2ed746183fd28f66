"""The HTTP client of a real reactor: persistent connections, no proxy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.web.client import Agent, HTTPConnectionPool

from ..endpoints import Endpoints

__all__ = ["http_client"]

#: Below the 60 s after which an initiator closes an idle connection.
_IDLE_TIME = 50
_CONNECTIONS = 10


def http_client(reactor: Any) -> tuple[HTTPClient, Callable[[], Deferred[None]]]:
    """Give a client that keeps some idle connections open, and what closes them."""
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = _CONNECTIONS
    pool.cachedConnectionTimeout = _IDLE_TIME
    return HTTPClient(Agent.usingEndpointFactory(reactor, Endpoints(reactor), pool)), pool.closeCachedConnections
