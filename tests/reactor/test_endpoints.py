# mypy: allow-untyped-calls
"""Where connections go."""

from typing import Any

from twisted.internet import endpoints
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import URI

from proactor.reactor.endpoints import Endpoints


class EndpointTests(SynchronousTestCase):
    """Where a URL leads."""

    def endpoint(self, url: bytes) -> Any:
        """Give the endpoint of a URL."""
        return Endpoints(MemoryReactorClock()).endpointForURI(URI.fromBytes(url))

    def test_addresses(self) -> None:
        """An address is connected to without a resolver, a name with one."""
        self.assertIsInstance(self.endpoint(b"http://127.0.0.1:8080"), endpoints.TCP4ClientEndpoint)
        self.assertIsInstance(self.endpoint(b"http://[::1]:8080"), endpoints.TCP6ClientEndpoint)
        self.assertIsInstance(self.endpoint(b"http://initiator.example"), endpoints.HostnameEndpoint)

    def test_secure(self) -> None:
        """HTTPS is spoken where the URL has it, and the certificate checked against its host."""
        endpoint = self.endpoint(b"https://initiator.example:8443")
        self.assertEqual(type(endpoint).__name__, "_WrapperEndpoint")
        self.assertNotIsInstance(self.endpoint(b"http://initiator.example:8443"), type(endpoint))
