# mypy: allow-untyped-calls
"""The HTTP client of a real processor."""

from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from proactor.processor.agent import http_client


class ClientTests(SynchronousTestCase):
    """Connections."""

    def test_connects(self) -> None:
        """It connects to the host and port of the URL."""
        reactor: Any = MemoryReactorClock()
        answer = http_client(reactor).get("http://127.0.0.1:8080/config", reactor=reactor)
        self.assertEqual([client[:2] for client in reactor.tcpClients], [("127.0.0.1", 8080)])
        answer.cancel()
        self.failureResultOf(answer)
