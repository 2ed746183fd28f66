# mypy: allow-untyped-calls
"""What a processor asks of its initiator, and what it makes of the answers."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers

from proactor.errors import (
    Forbidden,
    Gone,
    Malformed,
    ProactorError,
    Refused,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from proactor.extent import MOST_FETCHED
from proactor.processor.client import Client, Fetched, read_news

from ..support.examples import examples
from .fakes import GUID, URL, FakeInitiator

WHOLE: dict[str, Any] = {"guid": GUID, "revision": 7, "token": "abc", "rate": "2"}


class ReadNewsTests(SynchronousTestCase):
    """The answer 200."""

    def test_whole(self) -> None:
        """It is a revision, a token and options; neither of the first two is among the last."""
        news = read_news(json.dumps(WHOLE).encode(), '"7"', GUID)
        self.assertEqual((news.revision, news.etag, news.token), (7, '"7"', "abc"))
        self.assertEqual(news.raw, {"guid": GUID, "rate": "2"})

    def test_no_etag(self) -> None:
        """Without an ETag that can be sent back the revision stands in for it."""
        for etag in (None, "7", '"a\r\nX: y"', '"' + "x" * 300 + '"'):
            self.assertEqual(read_news(json.dumps(WHOLE).encode(), etag, GUID).etag, '"7"')

    def test_hidden(self) -> None:
        """Neither the token nor the options are in what is shown of it."""
        self.assertEqual(repr(read_news(json.dumps(WHOLE).encode(), '"7"', GUID)), "News(revision=7, etag='\"7\"')")

    def test_broken(self) -> None:
        """What lacks something is refused, and named."""
        broken: list[tuple[dict[str, Any], str]] = [
            ({"revision": None}, "its answer has no revision"),
            ({"revision": "7"}, "its answer has no revision"),
            ({"revision": True}, "its answer has no revision"),
            ({"revision": -1}, "its answer has no revision"),
            ({"token": ""}, "its answer has no token"),
            ({"token": "a\r\nX: y"}, "its answer has no token"),
            ({"token": 5}, "its answer has no token"),
            ({"rate": 2}, "its answer has an option that is not text"),
            ({"guid": "0" * 32}, "its answer is for another guid"),
        ]
        for changes, reason in broken:
            body = json.dumps({**WHOLE, **changes}).encode()
            self.assertEqual(str(self.assertRaises(Malformed, read_news, body, None, GUID)), reason)

    @given(
        st.binary(max_size=60)
        | st.dictionaries(st.text(max_size=8), st.text() | st.integers() | st.none()).map(
            lambda document: json.dumps({**WHOLE, **document}).encode()
        )
    )
    @examples(200)
    def test_anything(self, body: bytes) -> None:
        """Any body is a configuration for this processor, or malformed."""
        try:
            news = read_news(body, None, GUID)
        except Malformed:
            return
        self.assertEqual(news.raw["guid"], GUID)
        self.assertTrue(all(isinstance(text, str) for text in news.raw.values()))


class FakeResponse:
    """A response whose body comes as a test says, as on a connection that is slow, or breaks."""

    code = 200
    headers = Headers({b"ETag": [b'"7"']})

    def __init__(self) -> None:
        self.transport = StringTransport()
        self.protocol: Any = None

    def deliverBody(self, protocol: Protocol) -> None:
        """Take note of who gets it."""
        self.protocol = protocol
        protocol.makeConnection(self.transport)


class BodyTests(SynchronousTestCase):
    """A body in pieces."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.response = FakeResponse()
        self.requests: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.client = Client(self, self.clock, URL, GUID, "abc")
        self.fetch = Deferred.fromCoroutine(self.client.fetch('"1"'))

    def request(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Be the HTTP client."""
        self.requests.append((args, kwargs))
        answered: Deferred[Any] = Deferred()
        answered.callback(self.response)
        return answered

    def test_request(self) -> None:
        """It asks for its own section, as JSON, with its token; no redirect is followed."""
        args, kwargs = self.requests[0]
        self.assertEqual(args, ("GET", f"{URL}/config/{GUID}"))
        self.assertEqual(
            kwargs,
            {
                "headers": {"Authorization": "Bearer abc", "Accept": "application/json", "If-None-Match": '"1"'},
                "allow_redirects": False,
                "unbuffered": True,
            },
        )

    def test_trace(self) -> None:
        """What the answer says of the trace that a change belongs to is known."""
        trace = "0af7651916cd43dd8448eb211c80319c"
        self.response.headers = Headers({"traceparent": [f"00-{trace}-b7ad6b7169203331-01"]})
        fetch = Deferred.fromCoroutine(self.client.fetch('"1"'))
        self.response.protocol.dataReceived(json.dumps(WHOLE).encode())
        self.response.protocol.connectionLost(Failure(ResponseDone()))
        news = self.successResultOf(fetch).news
        self.assertEqual(news and news.trace, trace)
        self.fetch.cancel()
        self.failureResultOf(self.fetch, Unavailable)

    def test_holds(self) -> None:
        """An initiator that holds answers says so, in the words of RFC 7240."""
        for said, holds in (
            ([], False),
            (["wait"], True),
            (["respond-async, Wait=30"], True),
            (["respond-async", "wait"], True),
            (["waiting"], False),
            (["x=wait-1"], False),
        ):
            self.response.code, self.response.headers = 304, Headers({"Preference-Applied": said})
            fetch = Deferred.fromCoroutine(self.client.fetch('"1"'))
            self.response.protocol.connectionLost(Failure(ResponseDone()))
            self.assertEqual(self.successResultOf(fetch), Fetched(None, holds), said)
        self.fetch.cancel()
        self.failureResultOf(self.fetch, Unavailable)

    def test_in_pieces(self) -> None:
        """The pieces make up the answer."""
        for byte in json.dumps(WHOLE).encode():
            self.response.protocol.dataReceived(bytes([byte]))
        self.assertNoResult(self.fetch)
        self.response.protocol.connectionLost(Failure(ResponseDone()))
        news = self.successResultOf(self.fetch).news
        self.assertIsNotNone(news)
        self.assertEqual(news and news.revision, 7)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_broken_off(self) -> None:
        """Half an answer is none."""
        self.response.protocol.dataReceived(b'{"a"')
        self.response.protocol.connectionLost(Failure(error.ConnectionLost()))
        failure = self.failureResultOf(self.fetch, Unavailable)
        self.assertTrue(str(failure.value).startswith("it gave no answer: Connection to the other side was lost"))

    def test_without_a_word(self) -> None:
        """A cause that says nothing is named."""
        self.response.protocol.connectionLost(Failure(CancelledError()))
        failure = self.failureResultOf(self.fetch, Unavailable)
        self.assertEqual(str(failure.value), "it gave no answer: CancelledError")

    def test_trickles(self) -> None:
        """The time-out is one for the whole answer, however its bytes trickle."""
        for _ in range(20):
            self.response.protocol.dataReceived(b"{")
            self.clock.advance(0.5)
        failure = self.failureResultOf(self.fetch, Unavailable)
        self.assertEqual(str(failure.value), "it did not answer within 10 s")
        self.assertTrue(self.response.transport.disconnecting)
        self.response.protocol.dataReceived(b"{")
        self.response.protocol.connectionLost(Failure(error.ConnectionDone()))

    def test_endless(self) -> None:
        """Past what an initiator may answer nobody reads on."""
        for _ in range(MOST_FETCHED // 65536):
            self.response.protocol.dataReceived(b"x" * 65536)
        self.assertNoResult(self.fetch)
        self.response.protocol.dataReceived(b"x")
        self.failureResultOf(self.fetch, TooLarge)
        self.assertTrue(self.response.transport.disconnecting)
        self.response.protocol.dataReceived(b"x")
        self.response.protocol.connectionLost(Failure(error.ConnectionDone()))

    def test_cancelled(self) -> None:
        """A fetch that is cancelled closes its connection."""
        self.fetch.cancel()
        self.failureResultOf(self.fetch, Unavailable)
        self.assertTrue(self.response.transport.disconnecting)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class AcknowledgeTests(SynchronousTestCase):
    """Acknowledgements, and statuses."""

    def setUp(self) -> None:
        self.initiator = FakeInitiator()
        self.client = Client(self.initiator, Clock(), URL, GUID, "token-1")

    def test_sent(self) -> None:
        """It arrives as JSON."""
        self.successResultOf(Deferred.fromCoroutine(self.client.acknowledge({"revision": 3, "status": "applied"})))
        self.assertEqual(self.initiator.acks, [{"revision": 3, "status": "applied"}])

    def test_statuses(self) -> None:
        """Each status is an error that says whether it is worth trying again."""
        expected: list[tuple[int, type[ProactorError]]] = [
            (400, Refused),
            (401, Unauthenticated),
            (403, Forbidden),
            (404, Refused),
            (408, Unavailable),
            (410, Gone),
            (413, Refused),
            (422, Refused),
            (429, Unavailable),
            (500, Unavailable),
            (503, Unavailable),
            (302, Unavailable),
        ]
        for status, kind in expected:
            self.initiator.ack_status = status
            failure = self.failureResultOf(Deferred.fromCoroutine(self.client.acknowledge({})), ProactorError)
            self.assertIs(failure.type, kind, status)
            self.assertIn(str(status), str(failure.value))

    def test_hidden(self) -> None:
        """The token is not in what is shown of a client."""
        self.assertNotIn("token-1", repr(self.client))
