"""Calls of one processor to others, in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proactor import DeadlineExceeded, NoPeer, NoToken, PeerError, PeerFailed, PeerRefused
from proactor.peers import Peer, Reply
from proactor.testing import Asked, FakePeer, Stage

OWN = "f" * 32


class Case(SynchronousTestCase):
    """Two peers of the module ``m``, and who calls them."""

    def setUp(self) -> None:
        self.stage = Stage()
        self.addCleanup(lambda: self.assertEqual(self.stage.clock.getDelayedCalls(), []))
        self.addCleanup(self.stage.close)
        self.one = self.stage.fake("m", labels={"role": "a"})
        self.two = self.stage.fake("m", labels={"role": "b"})
        self.peers = self.stage.peers(OWN)

    def request(self, target: str | Peer = "m", method: str = "GET", path: str = "/x", **how: Any) -> Reply:
        return self.stage.run(self.peers.request(target, method, path, **how))

    def begin(self, target: str | Peer = "m", method: str = "GET", path: str = "/x", **how: Any) -> Deferred[Reply]:
        return self.stage.begin(self.peers.request(target, method, path, **how))

    def fails(self, kind: type[PeerError], *target: str, **how: Any) -> PeerError:
        error: PeerError = self.assertRaises(kind, self.request, *target, **how)
        return error

    def counts(self) -> tuple[int, int]:
        return len(self.one.asked), len(self.two.asked)

    def answers(self, *peers: FakePeer, by: Callable[[Asked], Any]) -> None:
        for peer in peers:
            peer.answer = by


def unwell(_: Asked) -> Any:
    return 503, {}


def silent(_: Asked) -> Any:
    return Deferred()


class TargetTests(Case):
    """Who is called."""

    def test_guid(self) -> None:
        """One by its guid, whoever else there is; and it is not asked for each time where it is."""
        for _ in range(3):
            self.assertEqual(self.request(self.two.guid).peer.guid, self.two.guid)
        self.assertEqual(self.counts(), (0, 3))
        self.assertEqual(self.stage.network.count, 3 + 1 + 1)

    def test_module(self) -> None:
        """One of a module."""
        self.assertIn(self.request("m").peer.guid, (self.one.guid, self.two.guid))

    def test_label(self) -> None:
        """One of a label, or of a label's value."""
        self.assertEqual(self.request("label:role=b").peer.guid, self.two.guid)
        self.assertIn(self.request("label:role").peer.guid, (self.one.guid, self.two.guid))

    def test_peer(self) -> None:
        """One as it was found."""
        (found,) = self.stage.run(self.peers.find("label:role=a"))
        self.assertEqual(self.request(found).peer, found)

    def test_not_itself(self) -> None:
        """Nobody is his own peer."""
        own = self.stage.peers(self.one.guid)
        for _ in range(3):
            self.assertEqual(self.stage.run(own.request("m", "GET", "/")).peer.guid, self.two.guid)
        begun = self.stage.begin(own.request(self.one.guid, "GET", "/", timeout=1))
        self.stage.advance(2)
        self.failureResultOf(begun, NoPeer)

    def test_wrong(self) -> None:
        """What is no target, no method or no path is a mistake, and nobody is asked."""
        for target, method, path in [
            ("", "GET", "/"),
            ("a b", "GET", "/"),
            ("label:", "GET", "/"),
            ("x:y", "GET", "/"),
            ("m", "get", "/"),
            ("m", "GET", "x"),
            ("m", "GET", "/a b"),
            ("m", "GET", "/\r\nX: y"),
            ("m", "GET", "/#x"),
        ]:
            self.assertRaises(ValueError, self.request, target, method, path)
        self.assertRaises(TypeError, self.request, nonsense=1)
        self.assertEqual(self.counts(), (0, 0))

    def test_nobody_yet(self) -> None:
        """Somebody who becomes ready is waited for."""
        begun = self.begin("late")
        guid = self.begin("0" * 31 + "3")
        self.stage.advance(1)
        self.assertNoResult(begun)
        late = self.stage.fake("late")
        self.stage.advance(0.1)
        self.assertEqual(self.successResultOf(begun).peer.guid, late.guid)
        self.assertEqual(self.successResultOf(guid).peer.guid, late.guid)

    def test_nobody(self) -> None:
        """Where nobody becomes ready, the error says who is missing, when the time is over."""
        begun = self.begin("none", timeout=5)
        self.stage.advance(4.9)
        self.assertNoResult(begun)
        self.stage.advance(0.2)
        error = self.failureResultOf(begun, NoPeer).value
        self.assertEqual(str(error), "GET /x at none: nobody of them was ready in time")
        self.assertEqual((error.target, error.guid), ("none", None))

    def test_no_initiator(self) -> None:
        """A processor without an initiator has no peers, and is told so."""
        self.peers.credentials, self.peers._initiator = None, None
        self.assertIn("no initiator", str(self.fails(NoPeer)))
        self.assertEqual(self.peers.all(), ())


class SentTests(Case):
    """What is sent, and what comes back."""

    def test_json(self) -> None:
        """A value goes as JSON, and comes back so."""
        self.one.answer = lambda asked: {"sum": sum(asked.json())}
        reply = self.request(self.one.guid, "POST", "/sum", json=[1, 2], params={"a": "b c"}, headers={"X-Y": "z"})
        self.assertEqual((reply.status, reply.json(), reply.ok, reply.text), (200, {"sum": 3}, True, '{"sum": 3}'))
        (asked,) = self.one.asked
        self.assertEqual((asked.method, asked.path, asked.body), ("POST", "/sum?a=b+c", b"[1, 2]"))
        self.assertEqual((asked.headers["content-type"], asked.headers["x-y"]), ("application/json", "z"))

    def test_data(self) -> None:
        """Bytes go as they are, and fields as a form."""
        self.request(self.one.guid, "PUT", "/", data=b"\0\1", headers={"Content-Type": "image/x"})
        self.request(self.one.guid, "POST", "/?q=1", data={"a": "1 2"}, params={"b": "2"})
        first, second = self.one.asked
        self.assertEqual((first.body, first.headers["content-type"]), (b"\0\1", "image/x"))
        self.assertEqual((second.body, second.path), (b"a=1+2", "/?q=1&b=2"))

    def test_statuses(self) -> None:
        """Any status is an answer; who wants to hear of success alone says so, and learns why not."""
        self.one.answer = lambda _: (409, {"detail": "taken"})
        reply = self.request(self.one.guid, "POST", "/x")
        self.assertEqual((reply.status, reply.ok), (409, False))
        error = self.assertRaises(PeerRefused, reply.check)
        self.assertEqual(error.status, 409)
        self.assertIn("taken", str(error))
        self.one.answer = lambda _: 1
        reply = self.request(self.one.guid)
        self.assertIs(reply.check(), reply)

    def test_no_json(self) -> None:
        """What is no JSON is told as such, with who said it."""
        reply = Reply(Peer("a" * 32, "m", {}, "http://h"), 200, self.request().headers, b"<html>", "GET /x at m")
        self.assertIn("not JSON", str(self.assertRaises(PeerFailed, reply.json)))

    def test_time_that_is_left(self) -> None:
        """The peer is told how much time there is."""
        self.request(self.one.guid, timeout=7)
        self.assertEqual(self.one.asked[0].headers["request-timeout"], "7.000")


class LoadTests(Case):
    """Who of several is called."""

    def test_least_busy(self) -> None:
        """The one with the fewest calls under way."""
        self.answers(self.one, self.two, by=silent)
        begun = [self.begin() for _ in range(10)]
        self.assertEqual(self.counts(), (5, 5))
        for each in begun:
            each.cancel()
            self.failureResultOf(each)

    def test_set_aside(self) -> None:
        """One that failed is left alone for a while, and then tried again."""
        self.answers(self.one, by=unwell)
        for _ in range(20):
            self.request("m")
        self.assertEqual(self.counts(), (1, 20) if len(self.one.asked) else (0, 20))
        before = len(self.one.asked)
        self.one.answer = lambda _: {}
        self.stage.advance(2)
        for _ in range(20):
            self.request("m")
        self.assertGreater(len(self.one.asked), before)

    def test_all_set_aside(self) -> None:
        """Where all have failed, one is tried all the same."""
        self.answers(self.one, self.two, by=unwell)
        for _ in range(3):
            begun = self.begin()
            self.stage.advance(3)
            self.assertEqual(self.successResultOf(begun).status, 503)
        self.answers(self.one, self.two, by=lambda _: {})
        self.assertTrue(self.request().ok)

    def test_retry_after(self) -> None:
        """A peer that has gone and come back is asked at once."""
        actor = self.stage.peers(OWN)
        self.stage.network.trouble(self.one.url, "refuses")
        for _ in range(5):
            self.stage.run(actor.request("m", "GET", "/"))
        self.stage.network.trouble(self.one.url, None)
        self.stage.initiator.ready(self.one.guid, "m", {}, self.one.url, 2, True)
        self.stage.advance(0.1)
        for _ in range(20):
            self.stage.run(actor.request("m", "GET", "/"))
        self.assertGreater(len(self.one.asked), 0)


class RetryTests(Case):
    """What is tried again, and what is not."""

    def both(self, trouble: str) -> None:
        for peer in (self.one, self.two):
            self.stage.network.trouble(peer.url, trouble)

    def test_not_connected(self) -> None:
        """What was never sent goes to another one, whatever it is."""
        self.stage.network.trouble(self.one.url, "refuses")
        for _ in range(10):
            self.assertEqual(self.request("m", "POST").peer.guid, self.two.guid)

    def test_broken(self) -> None:
        """What may have been done already is not done again, unless that makes no difference."""
        self.stage.network.trouble(self.two.url, "breaks")
        self.assertEqual(self.fails(PeerFailed, "label:role=b", "POST").guid, self.two.guid)
        self.assertEqual(self.counts(), (0, 1))
        for how in ({"method": "GET"}, {"method": "PUT"}, {"method": "POST", "idempotency_key": "k"}):
            self.stage = self.stage
            self.assertEqual(self.request("m", **how).peer.guid, self.one.guid)
        self.assertEqual(self.one.asked[-1].headers["idempotency-key"], "k")

    def test_how_often(self) -> None:
        """It is tried three times, if not said otherwise, with a pause before somebody is asked again."""
        self.both("breaks")
        begun = self.begin("m", "GET")
        self.assertEqual(sum(self.counts()), 2)
        self.stage.advance(1)
        error = self.failureResultOf(begun, PeerFailed).value
        self.assertEqual(sum(self.counts()), 3)
        self.assertTrue(error.sent)
        self.assertIn("GET /x at m", str(error))
        self.fails(PeerFailed, "m", "GET", attempts=1)
        self.assertEqual(sum(self.counts()), 4)

    def test_unwell(self) -> None:
        """Who says that he is not well is not insisted on; the last answer there is counts."""
        self.answers(self.one, by=unwell)
        for _ in range(5):
            self.assertEqual(self.request("m", "GET").status, 200)
        self.answers(self.one, self.two, by=unwell)
        self.assertEqual(self.request(self.one.guid, "POST").status, 503)

    def test_time(self) -> None:
        """The time is over for all tries together, and says whom it was spent on."""
        self.both("silent")
        begun = self.begin("m", "GET", timeout=3)
        self.stage.advance(2.9)
        self.assertNoResult(begun)
        self.stage.advance(0.2)
        error = self.failureResultOf(begun, DeadlineExceeded).value
        self.assertIn(error.guid, (self.one.guid, self.two.guid))
        self.assertIn("no answer within 3 s", str(error))

    def test_time_of_a_try(self) -> None:
        """One try may be given less, so that another one gets its chance."""
        self.stage.network.trouble(self.one.url, "silent")
        for _ in range(4):
            begun = self.begin("m", "GET", timeout=3, try_timeout=1)
            self.stage.advance(1.1)
            self.assertEqual(self.successResultOf(begun).peer.guid, self.two.guid)

    def test_cancelled(self) -> None:
        """Who does not want it any more leaves nothing behind; the peer hears of it."""
        self.answers(self.one, self.two, by=silent)
        begun = self.begin()
        begun.cancel()
        self.stage.settle()
        self.failureResultOf(begun)
        self.assertEqual([each.busy for each in self.peers._caller.balancer._known.values()], [])

    def test_too_large(self) -> None:
        """An answer without end is not read to its end."""
        self.patch(__import__("proactor.peers.call", fromlist=["x"]), "MOST_BODY", 10)
        self.one.answer = lambda _: "x" * 20
        self.assertIn("more than 10 bytes", str(self.fails(PeerFailed, self.one.guid, "POST")))


class GatherTests(Case):
    """Calls to many."""

    def test_all(self) -> None:
        """All who are meant are asked, once each."""
        gathered = self.stage.run(self.peers.gather("m", "POST", "/x", json=1))
        self.assertEqual(set(gathered.replies), {self.one.guid, self.two.guid})
        self.assertEqual(({reply.status for reply in gathered}, gathered.failures), ({200}, {}))
        self.assertIs(gathered.check(), gathered)
        self.assertEqual(self.counts(), (1, 1))

    def test_partial(self) -> None:
        """What there is in time counts, and of the others it is told why there is nothing."""
        self.answers(self.one, by=silent)
        begun = self.stage.begin(self.peers.gather("m", "GET", "/x", timeout=2))
        self.stage.advance(2.1)
        gathered = self.successResultOf(begun)
        self.assertEqual(list(gathered.replies), [self.two.guid])
        self.assertIsInstance(gathered.failures[self.one.guid], DeadlineExceeded)
        self.assertRaises(DeadlineExceeded, gathered.check)

    def test_list(self) -> None:
        """Those of a list, a few at a time."""
        peers = list(self.stage.run(self.peers.find("m")))
        waiting: list[Deferred[Any]] = []

        def slow(_: Asked) -> Any:
            waiting.append(Deferred())
            return waiting[-1]

        self.answers(self.one, self.two, by=slow)
        begun = self.stage.begin(self.peers.gather(peers * 2, "GET", "/x", at_once=3))
        self.assertEqual(len(waiting), 3)
        waiting[0].callback(1)
        self.stage.settle()
        self.assertEqual(len(waiting), 4)
        for each in waiting[1:]:
            each.callback(2)
        self.stage.settle()
        self.assertEqual(len(self.successResultOf(begun).replies), 2)

    def test_nobody(self) -> None:
        """Where there is nobody it is an error, and an empty list is none."""
        begun = self.stage.begin(self.peers.gather("none", "GET", "/x", timeout=1))
        self.stage.advance(1.1)
        self.failureResultOf(begun, NoPeer)
        self.assertEqual(self.stage.run(self.peers.gather([], "GET", "/x")).replies, {})

    def test_mistake(self) -> None:
        """A mistake is no result."""
        self.assertRaises(ValueError, self.stage.run, self.peers.gather("m", "GET", "x"))


class TokenTests(Case):
    """Tokens for peers."""

    def number(self, asked: Asked) -> int:
        """Which of the tokens that were given out came with a request, from 1 on."""
        return self.stage.initiator.tokens.index(asked.headers["authorization"].removeprefix("Bearer ")) + 1

    def tokens(self) -> list[int]:
        return [self.number(asked) for asked in self.one.asked]

    def one_request(self, **how: Any) -> Reply:
        return self.request(self.one.guid, **how)

    def test_one_for_each(self) -> None:
        """Each peer gets a token that is for it alone, and never the processor's own."""
        self.request(self.one.guid)
        self.request(self.two.guid)
        self.request(self.one.guid)
        self.assertEqual(self.stage.initiator.granted, [(OWN, self.one.guid, None), (OWN, self.two.guid, None)])
        self.assertEqual(self.tokens(), [1, 1])

    def test_many_at_once(self) -> None:
        """Many calls at once ask for one token."""
        self.answers(self.one, by=silent)
        begun = [self.begin(self.one.guid) for _ in range(5)]
        self.assertEqual((len(self.stage.initiator.granted), len(self.one.asked)), (1, 5))
        for each in begun:
            each.cancel()
            self.failureResultOf(each)

    def test_scope(self) -> None:
        """A scope that is asked for has a token of its own."""
        self.one_request(scope="write")
        self.one_request()
        self.one_request(scope="write")
        self.assertEqual([scope for _, _, scope in self.stage.initiator.granted], ["write", None])

    def test_renewed(self) -> None:
        """It is renewed before it is over, while it is used; the call does not wait for that."""
        self.one_request()
        self.stage.advance(29)
        self.one_request()
        self.assertEqual(len(self.stage.initiator.granted), 1)
        self.stage.advance(2)
        self.one_request()
        self.assertEqual(len(self.stage.initiator.granted), 2)
        self.one_request()
        self.assertEqual(self.tokens(), [1, 1, 1, 2])

    def test_over(self) -> None:
        """One that nobody used is not renewed, and not used when it is over."""
        self.one_request()
        self.stage.advance(60)
        self.assertEqual(len(self.stage.initiator.granted), 1)
        self.one_request()
        self.assertEqual(self.tokens(), [1, 2])

    def test_initiator_away(self) -> None:
        """While the initiator is away, calls go on with what there is, as long as it holds, and then fail plainly."""
        self.one_request()
        self.stage.network.trouble(self.stage.initiator.url, "refuses")
        for _ in range(11):
            self.stage.advance(5)
            self.assertTrue(self.one_request().ok)
        self.stage.advance(5)
        error = self.fails(NoToken, self.one.guid)
        self.assertIn("gave no answer", str(error))
        self.assertEqual(error.guid, self.one.guid)
        self.stage.network.trouble(self.stage.initiator.url, None)
        self.assertTrue(self.one_request().ok)

    def test_renewal_resumes(self) -> None:
        """When the initiator is back a token is renewed before it is over; it was not asked for in each call."""
        self.one_request()
        self.stage.network.trouble(self.stage.initiator.url, "refuses")
        self.stage.advance(35)
        before = self.stage.network.count
        for _ in range(10):
            self.one_request()
        # Each call, one try to renew the token, and one to look where the peer is.
        self.assertEqual(self.stage.network.count - before, 10 + 2)
        self.stage.network.trouble(self.stage.initiator.url, None)
        self.stage.advance(10)
        self.one_request()
        self.assertEqual(len(self.stage.initiator.granted), 2)

    def test_those_with_tokens(self) -> None:
        """While the initiator is away, of several those are called for whom there is a token."""
        self.request(self.two.guid)
        self.stage.run(self.peers.find("m"))
        self.stage.network.trouble(self.stage.initiator.url, "refuses")
        for _ in range(20):
            self.assertEqual(self.request("m", "POST").peer.guid, self.two.guid)
        self.stage.network.trouble(self.stage.initiator.url, None)
        self.stage.advance(6)
        self.assertEqual({self.request("m").peer.guid for _ in range(20)}, {self.one.guid, self.two.guid})

    def test_not_allowed(self) -> None:
        """Where it is not allowed, the error says what the initiator said."""
        self.stage.initiator.refused.add(self.one.guid)
        error = self.fails(NoToken, self.one.guid)
        self.assertIn("is called by others alone", str(error))
        self.assertEqual(self.one.asked, [])

    def test_slow_initiator(self) -> None:
        """The time of a call is not spent waiting for a token for longer than there is."""
        self.stage.network.trouble(self.stage.initiator.url, "silent")
        found = Peer(self.one.guid, "m", {}, self.one.url)
        begun = self.begin(found, timeout=2)
        self.stage.advance(2.1)
        self.failureResultOf(begun, DeadlineExceeded)
        self.stage.advance(10)

    def test_refused_by_peer(self) -> None:
        """A token that the peer does not take is replaced, and the call made once more: once."""
        takes = {2}
        self.one.answer = lambda asked: {} if self.number(asked) in takes else (401, {})
        self.assertTrue(self.one_request(method="POST").ok)
        self.assertEqual(len(self.one.asked), 2)
        takes.clear()
        self.assertEqual(self.one_request(method="POST").status, 401)
        self.assertEqual((len(self.one.asked), len(self.stage.initiator.granted)), (4, 3))

    def test_many_peers(self) -> None:
        """Tokens that are over are not kept for ever."""
        self.patch(__import__("proactor.peers.tokens", fromlist=["x"]), "_MANY", 1)
        self.request(self.one.guid)
        self.request(self.two.guid)
        self.stage.advance(70)
        self.request(self.one.guid)
        self.request(self.stage.fake("m").guid)
        kept = self.peers._caller.tokens._kept
        self.assertNotIn((self.two.guid, None), kept)
