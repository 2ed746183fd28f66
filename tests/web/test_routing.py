from __future__ import annotations

import gc
from weakref import ref

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IRequest

from proactor.web.routing import App
from proactor.wire import Site

from ..support.http import Client, Exchange


class RoutingTests(SynchronousTestCase):
    """Endpoints behind the wire's own site."""

    def setUp(self) -> None:
        self.gate: Deferred[bytes] = Deferred(lambda _: self.cancelled.append("cancelled"))
        self.cancelled: list[str] = []
        self.requests: list[ref[IRequest]] = []
        app = App(self.failed)
        app.route("/held/<name>", methods=["GET"])(self.held)
        self.client = Client()
        self.client.site = Site(app.resource(), clock=Clock())
        self.addCleanup(self.client.close)

    def held(self, request: IRequest, name: str) -> Deferred[bytes]:
        self.requests.append(ref(request))
        return self.gate

    @staticmethod
    def failed(request: IRequest, failure: Failure) -> bytes:
        request.setResponseCode(500)
        return type(failure.value).__name__.encode()

    def begin(self, path: str = "/held/a") -> Exchange:
        return self.client.begin(f"GET {path}")

    def test_answered(self) -> None:
        """An answer goes out when it is there."""
        exchange = self.begin()
        self.assertFalse(exchange.answered)
        self.gate.callback(b"here")
        self.assertEqual((exchange.response.status, exchange.response.text), (200, "here"))

    def test_failed(self) -> None:
        """So does the word on a failure."""
        exchange = self.begin()
        self.gate.errback(ZeroDivisionError())
        self.assertEqual((exchange.response.status, exchange.response.text), (500, "ZeroDivisionError"))

    def test_nothing_left_behind(self) -> None:
        """A request that was held is gone when it is answered: no collection of garbage is needed for it."""
        gc.disable()
        self.addCleanup(gc.enable)
        exchange = self.begin()
        (request,) = self.requests
        self.assertIsNotNone(request())
        self.gate.callback(b"here")
        self.assertTrue(exchange.answered)
        self.assertIsNone(request())

    def test_hung_up(self) -> None:
        """When the caller hangs up the work is cancelled, and nothing is said."""
        with capturedLogs() as events:
            self.begin().hang_up()
        self.assertEqual((self.cancelled, list(events)), (["cancelled"], []))

    def test_failed_when_hung_up(self) -> None:
        """Work that fails of being cancelled is told in the log, where alone somebody can read it."""
        self.gate = Deferred(lambda gate: gate.errback(ZeroDivisionError()))
        with capturedLogs() as events:
            self.begin("/held/b").hang_up()
        self.assertEqual([formatEvent(event) for event in events], ["/held/b, whose caller has gone"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_not_utf8(self) -> None:
        """A path that is no text reaches no endpoint."""
        self.assertEqual(self.begin("/held/%ff").response.text, "Malformed")
        self.assertEqual(self.requests, [])
