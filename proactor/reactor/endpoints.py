"""Where connections go. An address as a literal needs no resolver, whose threads would be the only ones here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

__all__ = ["CONNECT_TIMEOUT", "Endpoints", "plain"]

TlsOptions = Callable[[], IOpenSSLClientConnectionCreator]
"""Gives what a connection over TLS is made with."""

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
    """Endpoints by URL, for an ``Agent``.

    :param trusted: by host and port, how that server is verified where it is not by what the system trusts.
    """

    reactor: Any
    trusted: Mapping[tuple[str, int], TlsOptions] = field(factory=dict)

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Give the endpoint of a URL."""
        host = uri.host.decode("ascii")
        if uri.scheme != b"https":
            return plain(self.reactor, host, uri.port)
        if (host, uri.port) in self.trusted:
            return wrapClientTLS(self.trusted[host, uri.port](), plain(self.reactor, host, uri.port))
        from twisted.internet.ssl import optionsForClientTLS  # noqa: PLC0415 - most initiators are on loopback

        return wrapClientTLS(optionsForClientTLS(host), plain(self.reactor, host, uri.port))
