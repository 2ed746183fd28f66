# mypy: allow-untyped-calls
"""The HTTP client of a real processor."""

from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Unavailable
from proactor.processor.agent import http_client
from proactor.processor.configuration import Start


class ClientTests(SynchronousTestCase):
    """Connections."""

    def test_connects(self) -> None:
        """It connects to the host and port of the URL."""
        reactor: Any = MemoryReactorClock()
        answer = http_client(reactor).get("http://127.0.0.1:8080/config", reactor=reactor)
        self.assertEqual([client[:2] for client in reactor.tcpClients], [("127.0.0.1", 8080)])
        answer.cancel()
        self.failureResultOf(answer)

    def test_trusts(self) -> None:
        """Over TLS the initiator, and no other, is verified by what standard input says, which must be there."""
        path = self.mktemp()
        start = Start({}, 1, "token", "https://127.0.0.1:8443", "127.0.0.1", path, "a.example")
        reactor: Any = MemoryReactorClock()
        client = http_client(reactor, start)
        error = self.assertRaises(Unavailable, client.get, "https://127.0.0.1:8443/config", reactor=reactor)
        self.assertIn(path, str(error))
        for url in ("https://127.0.0.1:8444/", "http://127.0.0.1:8443/"):
            answer = client.get(url, reactor=reactor)
            answer.cancel()
            self.failureResultOf(answer)
        self.assertEqual([client[1] for client in reactor.tcpClients], [8444, 8443])

    def test_trusts_system(self) -> None:
        """Where it says nothing of that, it is verified by what the system trusts, or there is no TLS."""
        for start in (Start({}, 1, "", None, ""), Start({}, 1, "token", "https://127.0.0.1:8443", "")):
            reactor: Any = MemoryReactorClock()
            answer = http_client(reactor, start).get("https://127.0.0.1:8443/", reactor=reactor)
            self.assertEqual(len(reactor.tcpClients), 1)
            answer.cancel()
            self.failureResultOf(answer)
