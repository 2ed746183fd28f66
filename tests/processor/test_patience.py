# mypy: allow-untyped-calls
"""Who calls a process that has just begun, and does not know yet which tokens hold."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from klein import Klein
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IRequest

from proactor import Processor, caller
from proactor.processor.patience import PATIENCE
from proactor.processor.peer_verifier import PeerVerifier

from .test_peer_verifier import NOW, TOKEN, TRUST, A, B

HOME = "http://127.0.0.1:49152"


class Greeter(Processor):
    """A processor with routes of its own."""

    app = Klein()

    @app.route("/who", methods=["GET", "POST"])
    def who(self, request: IRequest) -> str:
        """Say who calls."""
        return caller(request).name

    @app.route("/broken", methods=["GET"])
    def broken(self, request: IRequest) -> str:
        """Fail."""
        raise RuntimeError


class PatienceTests(SynchronousTestCase):
    """Over HTTP, in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.processor = Greeter(Greeter.configure({}, guid=B), self.clock)
        self.processor.verifier = PeerVerifier(B, lambda: NOW, has_initiator=True)
        self.stub: Any = StubTreq(self.processor.resource())

    def ask(self, method: str = "GET", path: str = "/who", token: str | None = TOKEN) -> Deferred[Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.stub.request(method, HOME + path, headers=headers)  # type: ignore[no-any-return]

    def said(self, asked: Deferred[Any]) -> tuple[int, str]:
        self.stub.flush()
        response = self.successResultOf(asked)
        return response.code, self.successResultOf(self.stub.content(response)).decode()

    def test_waits(self) -> None:
        """A call with a token is answered once it is known which hold, a POST as well."""
        calls = [self.ask(), self.ask("POST")]
        for call in calls:
            self.assertNoResult(call)
        self.processor.verifier.learn(TRUST)
        self.assertEqual([self.said(call) for call in calls], [(200, A), (200, A)])
        self.assertEqual(self.said(self.ask()), (200, A))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_is_judged_then(self) -> None:
        """One whose token does not hold is refused all the same, and so is one that is revoked."""
        wrong, revoked = self.ask(token="x"), self.ask()
        self.processor.verifier.learn(evolve(TRUST, revoked={A: 3}))
        self.assertEqual([self.said(wrong)[0], self.said(revoked)[0]], [401, 401])

    def test_without_token(self) -> None:
        """Who shows no token is answered at once."""
        self.assertEqual(self.said(self.ask(token=None)), (200, "local"))

    def test_patience_ends(self) -> None:
        """Where the initiator does not say it, the answer is 503 after a while."""
        call = self.ask()
        self.clock.advance(PATIENCE)
        status, text = self.said(call)
        self.assertEqual((status, "has not said yet which tokens hold" in text), (503, True))
        self.processor.verifier.learn(TRUST)

    def test_hangs_up(self) -> None:
        """One that has hung up is answered no more, and leaves nothing behind."""
        call = self.ask()
        call.cancel()
        self.stub.flush()
        self.failureResultOf(call)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.processor.verifier.learn(TRUST)

    def test_no_initiator(self) -> None:
        """A processor that runs by itself waits for nobody."""
        self.processor.verifier.has_initiator = False
        self.assertEqual(self.said(self.ask())[0], 503)

    def test_broken(self) -> None:
        """A route that fails is answered as it is without a wait."""
        call = self.ask(path="/broken")
        self.processor.verifier.learn(TRUST)
        self.assertEqual(self.said(call)[0], 500)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
