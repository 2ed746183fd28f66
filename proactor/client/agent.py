"""The HTTP client of a real reactor: persistent connections, no proxy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.web.client import Agent, HTTPConnectionPool

from ..reactor.endpoints import Endpoints, TlsOptions
from .locating import Place

__all__ = ["http_client"]

#: Below the 60 s after which an initiator closes an idle connection.
_IDLE_TIME = 50
_CONNECTIONS = 10


def http_client(reactor: Any, place: Place) -> tuple[HTTPClient, Callable[[], Deferred[None]]]:
    """Give a client that keeps some idle connections open, and what closes them.

    :param place: says how the initiator is verified over TLS.
    """
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = _CONNECTIONS
    pool.cachedConnectionTimeout = _IDLE_TIME
    return HTTPClient(
        Agent.usingEndpointFactory(reactor, Endpoints(reactor, _trusted(place)), pool)
    ), pool.closeCachedConnections


def _trusted(place: Place) -> Mapping[tuple[str, int], TlsOptions]:
    where = urlsplit(place.url)
    if where.scheme != "https" or place.authority is None:
        return {}
    from ..tls.trust import Trust  # noqa: PLC0415 - it loads OpenSSL

    host = where.hostname or ""
    return {(host, where.port or 443): Trust(place.authority, place.name or host).options}
