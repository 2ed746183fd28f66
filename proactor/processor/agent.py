"""The HTTP client of a real processor: persistent connections, no proxy, no TLS unless the URL has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.web.client import Agent, HTTPConnectionPool

from ..reactor.endpoints import Endpoints, TlsOptions
from .configuration import Start

__all__ = ["http_client", "trusted"]

#: Below the 60 s after which an initiator closes an idle connection, above the 30 s between two polls.
IDLE_TIME = 50


def http_client(reactor: Any, start: Start | None = None) -> HTTPClient:
    """Give a client that keeps one idle connection to a host open.

    It is made without ``Agent``'s own policy for HTTPS, which loads OpenSSL's trust store.

    :param start: what says how the initiator is verified, where that is called over TLS.
    """
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = 1
    pool.cachedConnectionTimeout = IDLE_TIME
    return HTTPClient(Agent.usingEndpointFactory(reactor, Endpoints(reactor, trusted(start)), pool))


def trusted(start: Start | None) -> Mapping[tuple[str, int], TlsOptions]:
    """Say how the initiator is verified, by host and port, where that is called over TLS."""
    if start is None or start.parent_url is None or start.parent_ca is None:
        return {}
    # It loads OpenSSL, which costs memory that most processors need not spend.
    from ..tls.trust import Trust  # noqa: PLC0415

    where = urlsplit(start.parent_url)
    host = where.hostname or ""
    return {(host, where.port or 443): Trust(start.parent_ca, start.parent_name or host).options}
