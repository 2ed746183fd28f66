"""The HTTP client of a real processor: persistent connections, no proxy, no TLS unless the URL has it."""

from __future__ import annotations

from typing import Any

from treq.client import HTTPClient
from twisted.web.client import Agent, HTTPConnectionPool

from ..endpoints import Endpoints

__all__ = ["http_client"]

#: Below the 60 s after which an initiator closes an idle connection, above the 30 s between two polls.
IDLE_TIME = 50


def http_client(reactor: Any) -> HTTPClient:
    """Give a client that keeps one idle connection to a host open.

    It is made without ``Agent``'s own policy for HTTPS, which loads OpenSSL's trust store.
    """
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = 1
    pool.cachedConnectionTimeout = IDLE_TIME
    return HTTPClient(Agent.usingEndpointFactory(reactor, Endpoints(reactor), pool))
