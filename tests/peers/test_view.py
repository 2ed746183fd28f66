"""What a processor knows of others, and how that is kept, in memory."""

from __future__ import annotations

from typing import Any

from klein import Klein
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest

from proactor import Processor
from proactor.errors import Malformed
from proactor.jobs.directory import Directory
from proactor.peers.http import Answered
from proactor.peers.initiator import _grant, _told
from proactor.peers.model import read_peer
from proactor.testing import Stage

from ..processor.fakes import Log

OWN = "f" * 32
TRACE = "ab" * 16


class Case(SynchronousTestCase):
    """A stage, and who looks."""

    def setUp(self) -> None:
        self.stage = Stage()
        self.addCleanup(lambda: self.assertEqual(self.stage.clock.getDelayedCalls(), []))
        self.addCleanup(self.stage.close)
        self.peers = self.stage.peers(OWN)

    def away(self, is_away: bool) -> None:
        self.stage.network.trouble(self.stage.initiator.url, "refuses" if is_away else None)


class ViewTests(Case):
    """What is known."""

    def test_not_before_it_is_used(self) -> None:
        """Nothing is asked before somebody wants to know."""
        self.stage.fake("m")
        self.stage.advance(60, 1)
        self.assertEqual(self.stage.network.count, 0)
        self.assertEqual(self.peers.all(), ())
        self.stage.settle()
        self.assertEqual(len(self.peers.all()), 1)

    def test_as_it_changes(self) -> None:
        """It is what there is, a moment later, whoever comes and goes; only what changed is told."""
        one = self.stage.fake("m", labels={"role": "a"})
        self.peers.all()
        self.stage.settle()
        two = self.stage.fake("n", labels={"role": "b", "tier": "x"})
        self.stage.advance(0.1)
        self.assertEqual({each.guid for each in self.peers.all()}, {one.guid, two.guid})
        self.stage.initiator.ready(one.guid, "m", {}, one.url, 1, False)
        self.stage.advance(0.1)
        (left,) = self.peers.all()
        self.assertEqual((left.guid, left.module, dict(left.labels)), (two.guid, "n", {"role": "b", "tier": "x"}))
        self.assertEqual((self.peers.get(two.guid), self.peers.get(one.guid)), (left, None))

    def test_chosen(self) -> None:
        """Those of a module or a label alone are looked at, where they alone are wanted."""
        one, two = self.stage.fake("m", labels={"role": "a"}), self.stage.fake("m", labels={"role": "b", "x": "1"})
        self.stage.fake("n", labels={"role": "b"})
        wanted: list[dict[str, Any]] = [{"module": "m"}, {"module": "m", "label": "role=b"}, {"label": ["role=b", "x"]}]
        for how in wanted:
            self.peers.select(**how)
        self.stage.settle()
        found = [{each.guid for each in self.peers.select(**how)} for how in wanted]
        self.assertEqual(found, [{one.guid, two.guid}, {two.guid}, {two.guid}])

    def test_initiator_away(self) -> None:
        """While the initiator is away what is known goes on, and is put right when it is back; the log tells it."""
        log = Log()
        self.addCleanup(log.close)
        one = self.stage.fake("m")
        self.stage.run(self.peers.request("m", "GET", "/"))
        # Several views, and one line for all of them.
        self.peers.select(module="other")
        self.peers.all()
        self.stage.advance(31)
        self.away(True)
        self.stage.advance(40)
        self.assertEqual([each.guid for each in self.peers.select(module="m")], [one.guid])
        two = self.stage.fake("m")
        self.away(False)
        self.stage.advance(15)
        self.assertEqual({each.guid for each in self.peers.select(module="m")}, {one.guid, two.guid})
        lines = log.lines()
        self.assertEqual(len(lines), 2, lines)
        self.assertIn("what is known goes on", lines[0])
        self.assertIn("tells again who is ready", lines[1])

    def test_unused(self) -> None:
        """What nobody wants to know any more is not asked for; the next use has what was known, and soon what is."""
        self.stage.fake("m")
        self.peers.select(module="m")
        self.stage.advance(700, 1)
        before = self.stage.network.count
        self.stage.advance(300, 1)
        self.assertEqual(self.stage.network.count, before)
        self.stage.fake("m")
        self.assertEqual(len(self.peers.select(module="m")), 1)
        self.stage.advance(0.1)
        self.assertEqual(len(self.peers.select(module="m")), 2)

    def test_without_rest(self) -> None:
        """An initiator that holds no answer is not asked without end."""
        self.stage.fake("m")
        self.peers.all()
        self.stage.settle()
        self.patch(Directory, "changed", lambda *_: succeed(None))
        self.stage.advance(30)
        self.assertLess(self.stage.network.count, 10)

    def test_by_guid_again(self) -> None:
        """Where one is that is called by its guid is looked up anew now and then, and when it was not there."""
        one = self.stage.fake("m")
        sent = []
        for _ in range(4):
            before = self.stage.network.count
            self.stage.run(self.peers.request(one.guid, "GET", "/"))
            sent.append(self.stage.network.count - before)
            self.stage.advance(15.5)
        # Where it is and a token, nothing but the call, both of the first two again, in the background.
        self.assertEqual(sent, [3, 1, 3, 1])
        self.away(True)
        self.stage.advance(20)
        self.assertTrue(self.stage.run(self.peers.request(one.guid, "GET", "/")).ok)


class Relay(Processor):
    """Asks another one what it is asked itself."""

    app = Klein()

    @app.route("/relay", methods=["GET"])
    async def relay(self, request: IRequest) -> str:
        """Ask on."""
        reply = await self.peers.request(self.config["next"], "GET", "/relay", timeout=100)
        return reply.text


class HandedOnTests(Case):
    """What a request within which others are asked hands on."""

    def test_deadline_and_trace(self) -> None:
        """The time that is left, and the trace, go from one to the next, over several."""
        last = self.stage.fake("last", lambda _: "done")
        self.stage.launch(Relay, "second", next="last")
        first = self.stage.launch(Relay, "first", next="second")
        trace = f"00-{TRACE}-{'1' * 16}-01"
        reply = self.stage.ask(first, "GET", "/relay", Request_Timeout="5", traceparent=trace)
        self.assertEqual(reply.text, '"done"')
        self.assertEqual(last.asked[0].headers["request-timeout"], "5.000")
        self.assertEqual(last.asked[0].headers["traceparent"].split("-")[1], TRACE)
        self.assertNotEqual(last.asked[0].headers["traceparent"], trace)

    def test_less_and_less(self) -> None:
        """What was waited for on the way is not there any more."""
        first = self.stage.launch(Relay, "first", next="last")
        begun = self.stage.begin(self.stage.asking(first, "GET", "/relay", Request_Timeout="5"))
        self.stage.advance(2)
        last = self.stage.fake("last", lambda _: "done")
        self.stage.advance(0.1)
        self.successResultOf(begun)
        self.assertIn(last.asked[0].headers["request-timeout"], ("2.900", "3.000"))

    def test_own_time(self) -> None:
        """Without either there is the call's own time, and no trace."""
        last = self.stage.fake("last", lambda _: "done")
        first = self.stage.launch(Relay, "first", next="last")
        for wrong in ({}, {"Request_Timeout": "x", "traceparent": "y"}):
            self.stage.ask(first, "GET", "/relay", **wrong)
            self.assertEqual(last.asked[-1].headers["request-timeout"], "100.000")
            self.assertNotIn("traceparent", last.asked[-1].headers)

    def test_over(self) -> None:
        """What has no time left is not begun."""
        last = self.stage.fake("last", lambda _: "done")
        first = self.stage.launch(Relay, "first", next="last")
        self.assertEqual(self.stage.ask(first, "GET", "/relay", Request_Timeout="0").status, 504)
        self.assertEqual(last.asked, [])

    def test_others_to_blame(self) -> None:
        """What nobody caught says by its status that others are to blame, and by its text who, and why."""
        log = Log()
        self.addCleanup(log.close)
        last = self.stage.fake("last", lambda _: "done")
        first = self.stage.launch(Relay, "first", next="last")
        self.stage.initiator.refused.add(last.guid)
        reply = self.stage.ask(first, "GET", "/relay", Accept="application/json")
        self.assertEqual(reply.status, 503)
        self.assertIn("GET /relay at last", reply.json()["detail"])
        self.stage.initiator.refused.clear()
        self.stage.network.trouble(last.url, "breaks")
        begun = self.stage.begin(self.stage.asking(first, "GET", "/relay"))
        self.stage.advance(2)
        self.assertEqual(self.successResultOf(begun).status, 502)
        self.assertEqual(len(log.lines(level="warn")), 2)


class AnswersTests(SynchronousTestCase):
    """What an initiator may answer."""

    def told(self, status: int, body: bytes, known: str | None = None, **headers: str) -> Any:
        raw = Headers({name.replace("_", "-"): [value] for name, value in headers.items()})
        return _told(Answered(status, raw, body), known)

    def test_no_answer(self) -> None:
        """What is none is told as such, and nothing of it is taken."""
        guid = "a" * 32
        good = {"guid": guid, "module": "m", "labels": {}, "url": "http://h:1/", "incarnation": 1}
        self.assertEqual(read_peer(good).url, "http://h:1")
        self.assertEqual(read_peer({**good, "local_url": "http://127.0.0.1:1"}).url, "http://127.0.0.1:1")
        self.assertEqual(read_peer({**good, "local_url": None}).url, "http://h:1")
        wrong: list[object] = [
            1,
            {},
            {**good, "guid": "x"},
            {**good, "url": "ftp://h"},
            {**good, "url": "http://[h"},
            {**good, "module": None},
            {**good, "labels": []},
            {**good, "labels": {"a": 1}},
            {**good, "incarnation": "1"},
        ]
        for record in wrong:
            self.assertRaises(Malformed, read_peer, record)
        self.assertRaises(Malformed, self.told, 200, b"[]")
        self.assertRaises(Malformed, self.told, 200, b"{}", ETag='"1"')
        self.assertRaises(Malformed, self.told, 200, b"[" * 100_000, ETag='"1"')
        self.assertRaises(Malformed, self.told, 226, b"[]", known='"1"', ETag='"2"', Delta_Base='"1"')
        self.assertRaises(Malformed, self.told, 226, b"{}", known='"1"', ETag='"2"', Delta_Base='"3"')

    def test_headers(self) -> None:
        """A header may hold any bytes; of one that is not there there is none."""
        answered = Answered(200, Headers({b"ETag": [b"\xb2"]}), b"")
        self.assertEqual((answered.header("ETag"), answered.header("Delta-Base")), ("\xb2", None))

    def test_no_token(self) -> None:
        """Nor is what is no token, or one of which it is not known for how long it holds."""
        for body in (b"{}", b'{"access_token": "a b", "expires_in": 1}'):
            self.assertRaises(Malformed, _grant, Answered(200, Headers(), body))
        for lifetime in (b"true", b"0", b"NaN", b"Infinity", b"1" * 400):
            body = b'{"access_token": "a", "expires_in": %s}' % lifetime
            self.assertRaises(Malformed, _grant, Answered(200, Headers(), body))
        self.assertEqual(_grant(Answered(200, Headers(), b'{"access_token": "a", "expires_in": 1}')).lifetime, 1)
