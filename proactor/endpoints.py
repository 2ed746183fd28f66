"""Where connections go. An address as a literal needs no resolver, whose threads would be the only ones here."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

__all__ = ["CONNECT_TIMEOUT", "Endpoints", "plain"]

CONNECT_TIMEOUT = 5
"""Seconds that a connection may take to come about."""


def plain(reactor: Any, host: str, port: int) -> IStreamClientEndpoint:
    """Give the endpoint of a host, which is an address or a name, and a port."""
    if isIPAddress(host):
        return TCP4ClientEndpoint(reactor, host, port, timeout=CONNECT_TIMEOUT)
    if isIPv6Address(host):
        return TCP6ClientEndpoint(reactor, host, port, timeout=CONNECT_TIMEOUT)
    return HostnameEndpoint(reactor, host, port, timeout=CONNECT_TIMEOUT)


@implementer(IAgentEndpointFactory)
@frozen
class Endpoints:
    """Endpoints by URL, for an ``Agent``."""

    reactor: Any

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Give the endpoint of a URL."""
        host = uri.host.decode("ascii")
        if uri.scheme != b"https":
            return plain(self.reactor, host, uri.port)
        from twisted.internet.ssl import optionsForClientTLS  # noqa: PLC0415 - most initiators are on loopback

        return wrapClientTLS(optionsForClientTLS(host), plain(self.reactor, host, uri.port))
