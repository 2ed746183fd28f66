# mypy: allow-untyped-calls
"""Messages of a processor: taken, and sent."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any

from klein import Klein
from treq.testing import StubTreq
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IRequest

from proactor import Message, Processor, Refused, message
from proactor.errors import Forbidden, NotFound, Unavailable
from proactor.processor.messages import Repeats
from proactor.processor.outbox import Outbox, Sent
from proactor.processor.peer_verifier import read_trust
from proactor.tokens.issuing import TokenAuthority
from proactor.tokens.keyring import new_key

from .fakes import GUID, Log

HOME = "http://127.0.0.1:49152"
OTHER = "f" * 32
NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


class Worker(Processor):
    """A processor that takes messages."""

    app = Klein()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.taken: list[tuple[str, Message]] = []
        self.work: list[Deferred[None]] = []

    @message("fail.*")
    def fail(self, event: Message) -> None:
        """Fail, as what the message says."""
        raise {"refused": Refused("no"), "later": Unavailable("busy", 7)}.get(event.text, ZeroDivisionError())

    @message("slow")
    async def slow(self, event: Message) -> None:
        """Take its time."""
        self.taken.append(("slow", event))
        waiting: Deferred[None] = Deferred()
        self.work.append(waiting)
        await waiting

    @message("again", repeats=True)
    def again(self, event: Message) -> None:
        """Take copies, too."""
        self.taken.append(("again", event))

    @message(topic="orders.*")
    def ordered(self, event: Message) -> None:
        """Take what is sent to a topic."""
        self.taken.append(("ordered", event))

    @message("job.*", "work")
    def job(self, event: Message) -> None:
        """Take some types."""
        self.taken.append(("job", event))


class Catcher(Worker):
    """One that takes all the rest, but no jobs."""

    app = Klein()

    def job(self, event: Message) -> None:
        """Be no handler."""

    @message
    def rest(self, event: Message) -> None:
        """Take anything."""
        self.taken.append(("rest", event))


class Plain(Processor):
    """One that takes messages in its own way."""

    app = Klein()

    @app.route("/message", methods=["POST"])
    def mine(self, request: IRequest) -> str:
        """Take one."""
        return "mine"


class InboxTests(SynchronousTestCase):
    """What is delivered to a processor."""

    def setUp(self) -> None:
        self.log = Log()
        self.addCleanup(self.log.close)
        self.worker = self.of(Worker)
        self.ids = 0

    def of(self, cls: type[Worker]) -> Worker:
        self.worker = cls(cls.configure({}, guid=GUID), Clock())
        self.stub: Any = StubTreq(self.worker.resource())
        return self.worker

    def begin(self, type_: str, data: bytes = b"", **attributes: str) -> Any:
        self.ids += 1
        event = {"specversion": "1.0", "id": str(self.ids), "source": f"/job/{OTHER}", "type": type_, **attributes}
        headers = {f"ce-{name}": value for name, value in event.items() if value}
        return self.stub.request("POST", HOME + "/message", headers=headers, data=data)

    def answer(self, sent: Any) -> tuple[int, str]:
        response = self.successResultOf(sent)
        return response.code, self.successResultOf(self.stub.content(response)).decode()

    def deliver(self, type_: str, data: bytes = b"", **attributes: str) -> int:
        return self.answer(self.begin(type_, data, **attributes))[0]

    def test_handlers(self) -> None:
        """The first method that takes a message gets it; what none takes is refused for good."""
        for type_, topic in (("job.new", ""), ("work", ""), ("job.x", "orders.new")):
            self.assertEqual(self.deliver(type_, topic=topic), 204)
        self.assertEqual([name for name, _ in self.worker.taken], ["job", "job", "ordered"])
        self.assertEqual(self.deliver("nothing"), 422)
        self.assertEqual(self.deliver("nothing", topic="news"), 422)

    def test_subclass(self) -> None:
        """A subclass has its base's handlers but those that it takes away, and its own behind them."""
        worker = self.of(Catcher)
        self.assertEqual((self.deliver("job.new"), self.deliver("again")), (204, 204))
        self.assertEqual([name for name, _ in worker.taken], ["rest", "again"])
        self.assertEqual(Catcher.handlers.topics(), ["orders.*"])

    def test_value(self) -> None:
        """A handler gets what was sent."""
        data = '{"a": "ä"}'.encode()
        self.deliver("job.new", data, subject="%C3%A4", time="2026-11-24T13:00:00+01:00", mine="3")
        ((_, event),) = self.worker.taken
        self.assertEqual((event.id, event.source, event.type, event.sender), ("1", f"/job/{OTHER}", "job.new", OTHER))
        self.assertEqual((event.subject, event.time, event.topic), ("ä", NOON, None))
        self.assertEqual((event.data, event.text, event.json), (data, data.decode(), {"a": "ä"}))
        self.assertEqual(event.attributes["mine"], "3")

    def test_structured(self) -> None:
        """It may come as a whole event, too."""
        event = {"specversion": "1.0", "id": "a", "source": "urn:x", "type": "work", "data": [1]}
        headers = {"Content-Type": "application/cloudevents+json"}
        sent = self.stub.request("POST", HOME + "/message", headers=headers, data=json.dumps(event).encode())
        self.assertEqual(self.answer(sent)[0], 204)
        ((_, taken),) = self.worker.taken
        self.assertEqual((taken.json, taken.content_type, taken.sender), ([1], "application/json", None))
        self.assertEqual(self.answer(self.stub.request("POST", HOME + "/message", headers=headers, data=b"["))[0], 400)

    def test_no_event(self) -> None:
        """What is no event is refused; so is another method."""
        self.assertEqual(self.deliver("work", specversion="2.0"), 422)
        self.assertEqual(self.deliver("work", id=""), 422)
        response = self.successResultOf(self.stub.request("GET", HOME + "/message"))
        self.assertEqual((response.code, response.headers.getRawHeaders("Allow")), (405, ["POST"]))

    def test_failures(self) -> None:
        """What cannot be done for good is 422, what may be later 503 with a time, anything else 500."""
        self.assertEqual(self.answer(self.begin("fail.x", b"refused")), (422, "422: Unprocessable Content: no\n"))
        response = self.successResultOf(self.begin("fail.x", b"later"))
        self.assertEqual((response.code, response.headers.getRawHeaders("Retry-After")), (503, ["7"]))
        code, text = self.answer(self.begin("fail.x", b"bug"))
        self.assertEqual((code, "ZeroDivisionError" in text), (500, True))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIn("Taking the message", self.log.everything())

    def test_data(self) -> None:
        """What says that it is JSON and is not is refused for good."""
        for data in (b"{", b"\xff", b"[" * 100_000):
            self.assertRaises(Refused, getattr, Message({"datacontenttype": "text/plain"}, data), "json")

    def test_repeats(self) -> None:
        """A copy of what was taken is not taken again; of what failed it is, and where the handler asks for it."""
        for _ in range(2):
            self.assertEqual(self.deliver("work", id="a"), 204)
            self.assertEqual(self.deliver("again", id="b"), 204)
            self.assertEqual(self.deliver("fail.x", b"refused", id="c"), 422)
        self.assertEqual(self.deliver("work", id="a", source="urn:x"), 204)
        self.assertEqual([name for name, _ in self.worker.taken], ["job", "again", "again", "job"])

    def test_meanwhile(self) -> None:
        """A copy that comes while the message is being taken is answered with what comes of that."""
        first, copy = self.begin("slow", id="a"), self.begin("slow", id="a")
        self.assertNoResult(copy)
        self.assertEqual(len(self.worker.taken), 1)
        self.worker.work[0].callback(None)
        self.stub.flush()
        self.assertEqual([self.answer(each)[0] for each in (first, copy)], [204, 204])

    def test_gone(self) -> None:
        """Who sent it may hang up: the work goes on, and the copy that comes later is answered."""
        sent = self.begin("slow", id="a")
        sent.cancel()
        self.failureResultOf(sent)
        self.worker.work[0].callback(None)
        self.assertEqual(self.deliver("slow", id="a"), 204)
        self.assertEqual(len(self.worker.taken), 1)

    def test_initiator_alone(self) -> None:
        """Where there is an initiator, messages are taken from it alone, by its token for this processor."""
        authority = TokenAuthority.from_pem(OTHER, new_key())
        self.worker.outbox = Outbox(Post(), Clock(), Known(), GUID)
        now = time.time()

        def status(token: str | None, id_: str = "a") -> int:
            self.begin("work")
            headers = {"ce-specversion": "1.0", "ce-id": id_, "ce-source": "urn:x", "ce-type": "work"}
            if token is not None:
                headers["Authorization"] = f"Bearer {token}"
            return self.answer(self.stub.request("POST", HOME + "/message", headers=headers))[0]

        own = authority.issue(OTHER, GUID, now, 300, 0)
        self.assertEqual((status(None), status(own)), (401, 503))
        keys = authority.ring.published(now)
        self.worker.verifier.learn(read_trust({"issuer": OTHER, "keys": keys, "revoked": {}}))
        peer = authority.issue("e" * 32, GUID, now, 300, 1)
        for token, expected in (
            (own, 204),
            (peer, 403),
            (authority.issue(OTHER, OTHER, now, 300, 0), 401),
            (authority.issue(OTHER, GUID, now - 400, 300, 0), 401),
            (TokenAuthority.from_pem(OTHER, new_key()).issue(OTHER, GUID, now, 300, 0), 401),
        ):
            self.assertEqual(status(token), expected)
        self.assertEqual(len(self.worker.taken), 1)

    def test_own_route(self) -> None:
        """A processor without handlers has the route to itself."""
        plain = Plain(Plain.configure({}, guid=GUID), Clock())
        self.stub = StubTreq(plain.resource())
        self.assertEqual(self.answer(self.begin("work")), (200, "mine"))
        self.stub = StubTreq(Processor(Processor.configure({}, guid=GUID), Clock()).resource())
        self.assertEqual(self.deliver("work"), 404)

    def test_wrong_topic(self) -> None:
        """A topic that is none is noticed when the class is made."""
        self.assertRaises(Refused, message, topic="a..b")


class RepeatsTests(SynchronousTestCase):
    """What was taken lately."""

    def test_bounded(self) -> None:
        """Those that were told of last are known."""
        repeats = Repeats(2)
        one, two, three = (Message({"source": "s", "id": str(number)}) for number in range(3))
        self.assertEqual([repeats.add(each) for each in (one, two, one, three)], [False, False, True, False])
        self.assertEqual([each in repeats for each in (one, two, three)], [True, False, True])


class Post:
    """An initiator that answers as it is told.

    :ivar answers: what it does next: a status, or an error of the connection; then 202.
    """

    app = Klein()

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.came: list[tuple[str, dict[str, str], bytes]] = []
        self.silent: list[Deferred[bytes]] = []
        self.receipt: bytes | None = None
        self._stub: Any = StubTreq(self.app.resource())

    def request(self, method: str, url: str, **how: Any) -> Deferred[Any]:
        """Be the HTTP client."""
        if self.answers and isinstance(self.answers[0], Exception):
            return fail(self.answers.pop(0))
        answer: Deferred[Any] = self._stub.request(method, url, **how)
        return answer

    @app.route("/message/<target>", methods=["POST"])
    def take(self, request: Any, target: str) -> Any:
        """Take a message."""
        headers = {
            name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()
        }
        self.came.append((target, headers, request.content.read()))
        status = self.answers.pop(0) if self.answers else 202
        if status == "silence":
            self.silent.append(Deferred(lambda _: None))
            return self.silent[-1]
        request.setResponseCode(status)
        if status in (429, 503):
            request.setHeader(b"Retry-After", b"20")
        if status != 202:
            return b"because"
        return (
            self.receipt if self.receipt is not None else json.dumps({"id": headers["ce-id"], "to": [target]}).encode()
        )


class Known:
    """What the initiator is shown."""

    url, token = "http://127.0.0.1:8080", "token-1"


class SendingTests(SynchronousTestCase):
    """What a processor sends."""

    def setUp(self) -> None:
        self.clock, self.post = Clock(), Post()
        self.worker = Worker(Worker.configure({}, guid=GUID), self.clock)
        self.credentials = Known()
        self.worker.outbox = Outbox(self.post, self.clock, self.credentials, GUID, self.now, lambda: 0.5)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.clock.seconds())

    def send(self, target: str = OTHER, data: Any = "hello", **how: Any) -> Deferred[Sent]:
        return Deferred.fromCoroutine(self.worker.send(target, data, **how))

    def test_sent(self) -> None:
        """It goes with all that makes it an event, and what it is to be known by comes back."""
        sent = self.successResultOf(self.send("topic:orders.new", {"a": "ä"}, id="7", type="t", expires=60, mine=3))
        self.assertEqual(sent, Sent("7", ("topic:orders.new",)))
        ((target, headers, data),) = self.post.came
        self.assertEqual((target, data), ("topic:orders.new", '{"a": "ä"}'.encode()))
        expected = {
            "authorization": "Bearer token-1",
            "content-type": "application/json",
            "ce-specversion": "1.0",
            "ce-id": "7",
            "ce-source": f"/job/{GUID}",
            "ce-type": "t",
            "ce-time": "2026-11-24T12:00:00.000Z",
            "ce-expirytime": "2026-11-24T12:01:00.000Z",
            "ce-mine": "3",
        }
        self.assertEqual({name: headers.get(name) for name in expected}, expected)

    def test_data(self) -> None:
        """Bytes, a text, anything that can be JSON, or nothing."""
        for data, kind in (
            (b"\xff", "application/octet-stream"),
            ("ä", "text/plain; charset=utf-8"),
            (1, "application/json"),
        ):
            self.successResultOf(self.send(data=data))
            self.assertEqual(self.post.came[-1][1]["content-type"], kind)
        self.successResultOf(self.send(data=b"x", content_type="image/png"))
        self.assertEqual(self.post.came[-1][1]["content-type"], "image/png")
        self.successResultOf(self.send(data=None))
        self.assertEqual(self.post.came[-1][2], b"")
        for wrong in (object(), float("nan")):
            self.failureResultOf(self.send(data=wrong), Refused)
        self.failureResultOf(self.send(type="a\nb"), Refused)

    def test_tried_again(self) -> None:
        """Until it is stored, with the same id, and with the token of the moment."""
        self.post.answers = [error.ConnectionRefusedError(), 500, 401, 202]
        sent = self.send()
        for _ in range(3):
            self.assertNoResult(sent)
            self.credentials.token = "token-2"
            self.clock.advance(5)
        self.successResultOf(sent)
        self.assertEqual(len({headers["ce-id"] for _, headers, _ in self.post.came}), 1)
        self.assertEqual(self.post.came[-1][1]["authorization"], "Bearer token-2")

    def test_asked_to_wait(self) -> None:
        """Who is told when to come again does so then."""
        self.post.answers = [429]
        sent = self.send()
        self.clock.advance(19)
        self.assertNoResult(sent)
        self.clock.advance(1)
        self.successResultOf(sent)

    def test_silence(self) -> None:
        """What is not answered in time is tried again."""
        self.post.answers = ["silence"]
        sent = self.send()
        self.clock.advance(10)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(sent).to, (OTHER,))

    def test_refused(self) -> None:
        """What is refused for good fails, with the reason."""
        for status, kind in ((404, NotFound), (403, Forbidden), (422, Refused), (409, Refused)):
            self.post.answers = [status]
            self.assertEqual(str(self.failureResultOf(self.send(), kind).value), "because")

    def test_order(self) -> None:
        """To one target one after the other, however long it takes; to another at once."""
        self.post.answers = [500, 202]
        first, second = self.send(id="1"), self.send(id="2")
        other = self.send("f" * 31 + "e", id="3")
        self.successResultOf(other)
        self.assertNoResult(second)
        self.clock.advance(5)
        self.assertEqual([self.successResultOf(each).id for each in (first, second)], ["1", "2"])
        self.assertEqual([headers["ce-id"] for _, headers, _ in self.post.came], ["1", "3", "1", "2"])
        outbox: Any = self.worker.outbox
        self.assertEqual(outbox._locks, {})

    def test_given_up(self) -> None:
        """Who does not want it any more cancels it; those behind it go on."""
        self.post.answers = ["silence", 500]
        first, second = self.send(id="1"), self.send(id="2")
        first.addErrback(lambda failure: failure.trap(CancelledError))
        first.cancel()
        self.assertIs(self.successResultOf(first), CancelledError)
        second.addErrback(lambda failure: failure.trap(CancelledError))
        second.cancel()
        self.assertIs(self.successResultOf(second), CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_receipt(self) -> None:
        """What is no receipt is no promise."""
        for receipt in (b"", b"[]", b'{"id": 1}'):
            self.post.receipt = receipt
            self.failureResultOf(self.send(), Unavailable)

    def test_no_initiator(self) -> None:
        """Where there is none, that is said."""
        self.worker.outbox = None
        self.failureResultOf(self.send(), Unavailable)
