"""Tests of requests and what becomes of them when nobody answers well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from attrs import define, field
from treq.testing import StubTreq
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseNeverReceived
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from proactor.client import Client, Place, Problem, TimedOut, Unavailable, Unintelligible, Unreachable
from proactor.client.streams import patiently


class Page(Resource):
    """Answers what a test says."""

    isLeaf = True

    def __init__(self, answer: Callable[[IRequest], Any]) -> None:
        super().__init__()
        self.answer = answer

    def render(self, request: IRequest) -> Any:
        """Answer."""
        return self.answer(request)


@define
class Broken:
    """HTTP that fails."""

    reason: Exception

    def request(self, *_: object, **__: object) -> Deferred[Any]:
        """Fail."""
        return fail(self.reason)


class AskTests(SynchronousTestCase):
    """One request."""

    def setUp(self) -> None:
        self.clock = Clock()

    def of(self, answer: Callable[[IRequest], Any], token: str | None = None) -> Client:
        self.stub = StubTreq(Page(answer))
        return Client.of(cast(Any, self.stub), self.clock, Place("http://localhost:8080", token), timeout=5)

    def failed(self, client: Client, kind: type[BaseException]) -> Any:
        return self.failureResultOf(Deferred.fromCoroutine(client.jobs.list()), kind).value

    def test_nobody(self) -> None:
        """Where nobody listens, or the connection breaks, that is said in words."""
        for reason in (Refused(), ResponseNeverReceived([Failure(Refused())])):
            client = Client.of(Broken(reason), self.clock, Place("http://localhost:8080"))
            error = self.failed(client, Unreachable)
            self.assertIn("http://localhost:8080 gave no answer: Connection was refused", str(error))

    def test_silent(self) -> None:
        """Who does not answer in time is not waited for; nor is who is asked to wait, and waits for longer."""
        client = self.of(lambda _: NOT_DONE_YET)
        waiting = Deferred.fromCoroutine(client.jobs.list())
        longer = Deferred.fromCoroutine(client.jobs.stop("0" * 32, wait=10))
        self.clock.advance(6)
        error = self.failureResultOf(waiting, TimedOut).value
        self.assertIn("did not answer within 5 s", str(error))
        self.assertNoResult(longer)
        self.clock.advance(10)
        self.failureResultOf(longer, TimedOut)

    def test_whole_seconds(self) -> None:
        """What is preferred is a whole number of seconds: an initiator heeds no other."""
        preferred: list[Any] = []

        def answer(request: IRequest) -> Any:
            preferred.append(request.requestHeaders.getRawHeaders("Prefer"))
            return NOT_DONE_YET

        client = self.of(answer)
        for wait in (0, 0.1, 3, 3.5, 2_000_000):
            Deferred.fromCoroutine(client.jobs.stop("0" * 32, wait=wait)).addErrback(lambda _: None)
        self.assertEqual(preferred, [None, ["wait=1"], ["wait=3"], ["wait=4"], ["wait=2000000"]])

    def test_no_time(self) -> None:
        """A time that is none is refused before anything is asked, as is a number that JSON has not."""
        client = self.of(lambda _: b"[]")
        for wait in (float("nan"), float("inf")):
            self.failureResultOf(Deferred.fromCoroutine(client.jobs.stop("0" * 32, wait)), ValueError)
            self.failureResultOf(Deferred.fromCoroutine(client.messages.send("a", {"a": wait})), ValueError)
        self.assertEqual((client.connection.unanswered, self.clock.getDelayedCalls()), (0, []))

    def test_retry_after(self) -> None:
        """Of a refusal it is known when to try again, where that is a number of seconds."""

        def answer(request: IRequest) -> bytes:
            request.setResponseCode(503)
            request.setHeader(b"Retry-After", said[-1])
            return b"{}"

        for value, known in ((b"7", 7.0), (b"\xb2", None), (b"9" * 400, None)):
            said = [value]
            self.assertEqual(self.failed(self.of(answer), Unavailable).retry_after, known)

    def test_given_up(self) -> None:
        """What is given up is over at once."""
        client = self.of(lambda _: NOT_DONE_YET)
        waiting = Deferred.fromCoroutine(client.jobs.list())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_broken_off(self) -> None:
        """An answer that breaks off in its middle is no answer, and that is said without what HTTP has for it."""

        def answer(request: IRequest) -> int:
            request.write(b"[")
            cast(Any, request).transport.loseConnection()
            return NOT_DONE_YET

        waiting = Deferred.fromCoroutine(self.of(answer).jobs.list())
        self.stub.flush()
        error = self.failureResultOf(waiting, Unreachable).value
        self.assertEqual(str(error), "http://localhost:8080 broke off in the middle of its answer")

    def test_patience(self) -> None:
        """Who may wait asks again until somebody answers; a refusal is an answer."""
        failures: list[Exception] = [Unreachable("gone"), Unavailable(503, "stopping"), Problem(404, "none")]
        told: list[str] = []

        async def ask() -> int:
            if len(failures) > 1:
                raise failures.pop(0)
            return 7

        connection = self.of(lambda _: b"").connection
        waiting = Deferred.fromCoroutine(
            patiently(connection, ask, lambda error, _: told.append(str(error)), lambda: told.append("found"))
        )
        self.clock.pump([1, 2])
        self.assertEqual((self.successResultOf(waiting), told), (7, ["gone", "503: stopping", "found"]))

        async def refused() -> int:
            raise failures[0]

        self.failureResultOf(Deferred.fromCoroutine(patiently(connection, refused)), Problem)

    def test_given_up_while_following(self) -> None:
        """A stream that is given up before it began is not begun anew."""
        client = self.of(lambda _: NOT_DONE_YET)

        async def follow() -> None:
            async for _ in client.events.follow():
                pass

        following = Deferred.fromCoroutine(follow())
        following.cancel()
        self.failureResultOf(following, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_initiator(self) -> None:
        """An answer that no initiator gives is none."""
        error = self.failed(self.of(lambda _: b"<html>"), Unintelligible)
        self.assertIn("is this the URL of an initiator?", str(error))

    def test_other_server(self) -> None:
        """Who does not know the path, and does not say so as an initiator does, is none: a processor, say."""
        for status, body in ((404, b"404: Not Found\n"), (404, b'{"title": "Not Found", "status": 404}'), (405, b"[]")):

            def answer(request: IRequest, status: int = status, body: bytes = body) -> bytes:
                request.setResponseCode(status)
                return body

            error = self.failed(self.of(answer), Unintelligible)
            self.assertIn(f"{status}, with no reason: is this the URL of an initiator?", str(error))

    def refusal(self, status: int, body: bytes = b"<html>", **headers: str) -> Problem:
        def answer(request: IRequest) -> bytes:
            request.setResponseCode(status)
            for name, value in headers.items():
                request.setHeader(name.replace("_", "-"), value)
            return body

        error: Problem = self.failed(self.of(answer), Problem)
        return error

    def test_retry(self) -> None:
        """When another try makes sense is known."""
        error = self.refusal(503, b'{"title": "Service Unavailable", "detail": "no port"}', retry_after="7")
        self.assertIsInstance(error, Unavailable)
        self.assertEqual((error.retry_after, str(error)), (7.0, "no port"))

    def test_other_refusals(self) -> None:
        """A refusal that is no problem document is one all the same, by its status."""
        self.assertEqual((self.refusal(502).title, str(self.refusal(502))), ("Bad Gateway", "502: Bad Gateway"))
        self.assertEqual(self.refusal(599, b"[]").title, "")

    def test_token(self) -> None:
        """A token is sent where there is one, and to where a redirect leads it is not."""
        seen: list[Any] = []

        def answer(request: IRequest) -> bytes:
            seen.append((request.uri, request.getHeader("Authorization")))
            request.setResponseCode(302)
            request.setHeader("Location", "http://elsewhere/")
            return b""

        self.failed(self.of(answer, "t"), Unintelligible)
        self.failed(self.of(answer), Unintelligible)
        self.assertEqual(seen, [(b"/job", "Bearer t"), (b"/job", None)])

    def test_paths(self) -> None:
        """A name with anything in it is one part of a path."""
        seen: list[bytes] = []

        def answer(request: IRequest) -> bytes:
            seen.append(request.uri)
            return b"{}"

        self.failureResultOf(Deferred.fromCoroutine(self.of(answer).config.section("../a b?")), Unintelligible)
        self.assertEqual(seen, [b"/config/..%2Fa%20b%3F"])


@define
class Server:
    """A stream whose connections a test ends.

    :ivar asked: the ``Last-Event-ID`` of each connection.
    """

    asked: list[str | None] = field(factory=list)
    open: list[Any] = field(factory=list)

    def __call__(self, request: IRequest) -> int:
        """Take another reader."""
        self.asked.append(request.getHeader("Last-Event-ID"))
        request.write(b": welcome\n\n")
        self.open.append(request)
        return NOT_DONE_YET


class FollowTests(SynchronousTestCase):
    """A stream over several connections."""

    def setUp(self) -> None:
        self.clock, self.server = Clock(), Server()
        self.stub = StubTreq(Page(self.server))
        self.heard: list[Any] = []
        self.lost: list[str] = []
        self.found: list[int] = []
        client = Client.of(cast(Any, self.stub), self.clock, Place("http://localhost:8080"), timeout=5)

        async def follow() -> None:
            events = client.events.follow(
                after=3,
                lost=lambda error, _: self.lost.append(str(error)),
                found=lambda: self.found.append(len(self.lost)),
            )
            async for event in events:
                self.heard.append(event)

        self.following = Deferred.fromCoroutine(follow())
        self.addCleanup(self._leave)
        self.turn()

    def _leave(self) -> None:
        self.following.addErrback(lambda _: None)
        self.following.cancel()

    def turn(self, seconds: float = 0) -> None:
        self.clock.advance(seconds)
        self.stub.flush()

    def test_goes_on(self) -> None:
        """A stream that ends, or says nothing for too long, is begun anew after the last event that came."""
        self.server.open[0].write(b'event: gap\ndata: {"lost": 2}\n\nid: 9\nevent: gap\ndata: {"lost": 1}\n\n')
        self.turn()
        self.assertEqual([gap.lost for gap in self.heard], [2, 1])
        self.server.open[0].finish()
        self.turn()
        self.turn(1)
        self.assertEqual(self.server.asked, ["3", "9"])
        self.assertIn("ended the stream", self.lost[0])
        self.turn(46)
        self.turn(2)
        self.assertEqual(self.server.asked, ["3", "9", "9"])
        self.assertIn("did not answer within 45 s", self.lost[1])

    def test_nonsense(self) -> None:
        """An event that no initiator sends ends it."""
        self.server.open[0].write(b"data: {\n\n")
        self.turn()
        self.failureResultOf(self.following, Unintelligible)

    def test_found(self) -> None:
        """It is told when it is there again, before there is anything to be told."""
        self.assertEqual(self.found, [])
        self.server.open[0].finish()
        self.turn()
        self.turn(1)
        self.assertEqual((len(self.lost), self.found, self.heard), (1, [1], []))

    def test_left(self) -> None:
        """Who leaves hangs up."""
        gone: list[Any] = []
        self.server.open[0].notifyFinish().addErrback(gone.append)
        self.following.cancel()
        self.failureResultOf(self.following, CancelledError)
        self.turn()
        self.assertEqual(len(gone), 1)
