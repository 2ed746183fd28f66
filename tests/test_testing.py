"""proactor.testing, which users test their processors with: that it does as the real thing does."""

from __future__ import annotations

import json
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest

from proactor import Option, PeerFailed, Processor, Rejected
from proactor.peers.http import Request, Unreached, exchange
from proactor.testing import Stage


class Cook(Processor):
    """Cooks, which takes time, and asks others for what it needs."""

    options = (Option("pace", float, 1.0, exclusive_minimum=0), Option("kitchen", str, "", live=False))
    app = Klein()
    life: tuple[str, ...] = ()

    def started(self) -> None:
        """Note it."""
        self.life = (*self.life, "started")

    def stopping(self) -> None:
        """Note it."""
        self.life = (*self.life, "stopping")

    def reconfigure(self, old: Any, new: Any) -> None:
        """Refuse to hurry."""
        if new.pace > 9:
            raise Rejected("pace", "too hot")

    @app.route("/meal", methods=["GET"])
    async def meal(self, request: IRequest) -> bytes:
        """Cook."""
        await deferLater(self.reactor, 10 / self.config.pace)
        return b"meal"

    @app.route("/order", methods=["POST"])
    async def order(self, request: IRequest) -> bytes:
        """Have the pantry give something."""
        wanted = json.loads(request.content.read())
        reply = await self.peers.request("pantry", "POST", "/take", json=wanted)
        return reply.check().body


class StageTests(SynchronousTestCase):
    """A processor on a stage."""

    def setUp(self) -> None:
        self.stage = Stage()
        self.addCleanup(lambda: self.assertEqual(self.stage.clock.getDelayedCalls(), []))
        self.addCleanup(self.stage.close)

    def test_life(self) -> None:
        """It starts, serves, and stops."""
        cook = self.stage.launch(Cook, pace="2")
        self.assertEqual(self.stage.ask(cook, "GET", "/config").json()["pace"], "2")
        self.assertEqual(self.stage.ask(cook, "GET", "/healthz").json()["guid"], cook.guid)
        self.assertEqual(self.stage.ask(cook, "GET", "/nothing").status, 404)
        self.stage.stop(cook)
        self.assertEqual(cook.processor.life, ("started", "stopping"))
        self.assertRaises(Unreached, self.stage.ask, cook, "GET", "/healthz")

    def test_time(self) -> None:
        """What takes time is over when that has passed."""
        cook = self.stage.launch(Cook, pace="5")
        meal = self.stage.begin(self.stage.asking(cook, "GET", "/meal"))
        self.stage.advance(1.9)
        self.assertNoResult(meal)
        self.stage.advance(0.1)
        self.assertEqual(self.successResultOf(meal).body, b"meal")

    def test_does_not_wait(self) -> None:
        """Who forgets that something takes time is told so."""
        cook = self.stage.launch(Cook)
        error = self.assertRaises(AssertionError, self.stage.ask, cook, "GET", "/meal")
        self.assertIn("advance()", str(error))
        self.stage.advance(11)
        self.assertRaises(AssertionError, self.stage.run, Deferred())

    def test_reconfigured(self) -> None:
        """A configuration is taken up as from an initiator: checked, refused, or pending."""
        cook = self.stage.launch(Cook)
        self.assertIsNone(self.stage.reconfigure(cook, pace="4", kitchen="b").rejected)
        self.assertEqual((cook.processor.config.pace, cook.processor.config.kitchen), (4.0, ""))
        for wrong in ("0", "x", "10"):
            outcome = self.stage.reconfigure(cook, pace=wrong)
            assert outcome.rejected is not None
            self.assertEqual(outcome.rejected.option, "pace")
        self.assertEqual(cook.processor.config.pace, 4.0)
        self.stage.reconfigure(cook, pace=None)
        self.assertEqual(cook.processor.config.pace, 1.0)
        self.assertRaises(Rejected, self.stage.launch, Cook, pace="0")

    def test_peers(self) -> None:
        """It calls peers that say what a test has them say, and that can be looked at afterwards."""
        pantry = self.stage.fake("pantry", lambda asked: {"taken": asked.json()["what"]})
        cook = self.stage.launch(Cook)
        reply = self.stage.ask(cook, "POST", "/order", json={"what": "salt"})
        self.assertEqual(reply.json(), {"taken": "salt"})
        (asked,) = pantry.asked
        self.assertEqual((asked.method, asked.path, asked.json()), ("POST", "/take", {"what": "salt"}))
        pantry.answer = lambda _: (409, {"detail": "none left"})
        self.assertEqual(self.stage.ask(cook, "POST", "/order", json={"what": "salt"}).status, 502)

    def test_real_peers(self) -> None:
        """Or other processors, of their own classes."""
        first, second = (self.stage.launch(Cook, "cook") for _ in range(2))
        peers = first.processor.peers
        self.stage.run(peers.find("cook"))
        (found,) = peers.select(module="cook")
        self.assertEqual(found, second.peer)

    def test_killed(self) -> None:
        """One that is killed is there for nobody, and its next process is another object at the same place."""
        cook = self.stage.launch(Cook, "cook")
        peers = self.stage.peers()
        found = self.stage.run(peers.find("cook"))[0]
        self.stage.kill(cook)
        self.assertRaises(PeerFailed, self.stage.run, peers.request(found, "POST", "/order", attempts=1))
        before = cook.processor
        self.stage.restart(cook)
        self.assertIsNot(cook.processor, before)
        self.assertEqual((cook.guid, cook.incarnation), (before.guid, 2))
        self.stage.advance(0.1)
        self.assertTrue(self.stage.run(peers.request("cook", "GET", "/healthz")).ok)

    def test_initiator(self) -> None:
        """The initiator answers what a processor asks, refuses who is none, and has nothing else."""
        url = self.stage.initiator.url

        def ask(path: str, method: bytes = b"GET", token: str = "own-token-of-" + "a" * 32, body: bytes = b"") -> int:
            headers = Headers({"Authorization": [f"Bearer {token}"]})
            request = Request(method, f"{url}{path}".encode(), headers, body)
            clock: Any = self.stage.clock
            return self.stage.run(exchange(self.stage.network, clock, request, 1, 1000)).status

        statuses = [
            ask("/endpoints", token="x"),
            ask("/nothing"),
            ask("/endpoints?x=1"),
            ask("/token", b"POST", body=b"a=b"),
        ]
        self.assertEqual(statuses, [401, 404, 400, 400])
