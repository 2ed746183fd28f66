"""The HTTP client of a real processor: persistent connections, no proxy, no TLS unless the URL has it."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from treq.client import HTTPClient
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI, Agent, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

__all__ = ["Endpoints", "http_client"]

CONNECT_TIMEOUT = 5
#: Below the 60 s after which an initiator closes an idle connection, above the 30 s between two polls.
IDLE_TIME = 50


@implementer(IAgentEndpointFactory)
@frozen
class Endpoints:
    """Endpoints by URL. An address as a literal needs no resolver, whose threads would be the only ones here."""

    reactor: Any

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Give the endpoint of a URL."""
        host = uri.host.decode("ascii")
        if uri.scheme != b"https":
            return self._plain(host, uri.port)
        from twisted.internet.ssl import optionsForClientTLS  # noqa: PLC0415 - most initiators are on loopback

        return wrapClientTLS(optionsForClientTLS(host), self._plain(host, uri.port))

    def _plain(self, host: str, port: int) -> IStreamClientEndpoint:
        if isIPAddress(host):
            return TCP4ClientEndpoint(self.reactor, host, port, timeout=CONNECT_TIMEOUT)
        if isIPv6Address(host):
            return TCP6ClientEndpoint(self.reactor, host, port, timeout=CONNECT_TIMEOUT)
        return HostnameEndpoint(self.reactor, host, port, timeout=CONNECT_TIMEOUT)


def http_client(reactor: Any) -> HTTPClient:
    """Give a client that keeps one idle connection to a host open.

    It is made without ``Agent``'s own policy for HTTPS, which loads OpenSSL's trust store.
    """
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = 1
    pool.cachedConnectionTimeout = IDLE_TIME
    return HTTPClient(Agent.usingEndpointFactory(reactor, Endpoints(reactor), pool))
