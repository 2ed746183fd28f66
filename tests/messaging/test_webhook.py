# mypy: allow-untyped-calls
"""Messages on their way to a processor, over HTTP in memory."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from treq.testing import RequestTraversalAgent
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseNeverReceived
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from proactor import Message, Processor, message
from proactor.messaging.letters import Outcome
from proactor.messaging.webhook import WebHook, web_hook
from proactor.model import Job
from proactor.processor.outbox import Outbox
from proactor.processor.peer_verifier import read_trust
from proactor.saved import SavedMessage
from proactor.tokens.issuing import TokenAuthority
from proactor.tokens.keyring import new_key

GUID, INITIATOR = "a" * 32, "b" * 32
NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def saved(data: bytes = b"hello", **attributes: str | int) -> SavedMessage:
    event = {"specversion": "1.0", "id": "1", "source": "/operator", "type": "t", **attributes}
    return SavedMessage(1, "operator", GUID, "1", event, data, NOON)


class Receiver(Processor):
    """Keeps what it is handed."""

    @message
    def take(self, event: Message) -> None:
        """Take it."""
        self.taken = event


class Answering(Resource):
    """Answers as it is told.

    :ivar status: with this, and ``said``; without one, never.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.status: int | None = 204
        self.said = b""
        self.after: bytes | None = None
        self.tokens: list[str] = []

    def render(self, request: Any) -> Any:
        """Answer."""
        self.tokens.append(request.getHeader("Authorization"))
        if self.status is None:
            return NOT_DONE_YET
        request.setResponseCode(self.status)
        if self.after is not None:
            request.setHeader(b"Retry-After", self.after)
        return self.said


@implementer(IAgent)
class Unreachable:
    """An agent that reaches nobody."""

    def __init__(self, why: Exception) -> None:
        self.why = why

    def request(self, *_: Any) -> Deferred[Any]:
        """Fail."""
        return fail(self.why)


class WebHookTests(SynchronousTestCase):
    """What is sent, and what its answers mean."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.authority = TokenAuthority.from_pem(INITIATOR, new_key())
        self.job = Job(GUID, "m", "spawn", 50000, "http://x", NOON, address="0.0.0.0")

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.clock.seconds())

    def to(self, resource: Any) -> WebHook:
        self.agent: Any = RequestTraversalAgent(resource)
        return WebHook(self.clock, self.now, self.agent, self.authority)

    def deliver(self, hook: WebHook, message_: SavedMessage | None = None) -> Deferred[Outcome]:
        delivered = hook.deliver(self.job, message_ or saved(), 5)
        if hasattr(self, "agent"):
            self.agent.flush()
        return delivered

    def outcome(self, hook: WebHook, message_: SavedMessage | None = None) -> tuple[str | None, bool, float | None]:
        found = self.successResultOf(self.deliver(hook, message_))
        return found.problem, found.is_final, found.after

    def test_to_a_processor(self) -> None:
        """A processor takes it with all that it has, by the token that is with it."""
        receiver = Receiver(Receiver.configure({}, guid=GUID), Clock())
        receiver.outbox = Outbox(self, self.clock, self, GUID)  # type: ignore[arg-type]
        receiver.verifier.now = lambda: self.now().timestamp()
        keys = self.authority.ring.published(self.now().timestamp())
        receiver.verifier.learn(read_trust({"issuer": INITIATOR, "keys": keys, "revoked": {}}))
        sent = saved("ä".encode(), subject='ein "Ä" %', datacontenttype="text/plain; charset=utf-8", mine=3)
        self.assertEqual(self.outcome(self.to(receiver.resource()), sent), (None, False, None))
        self.assertEqual(dict(receiver.taken.attributes), {**sent.attributes, "mine": "3"})
        self.assertEqual(receiver.taken.text, "ä")

    def test_answers(self) -> None:
        """2xx: it is delivered; 4xx: never, but for some; anything else: later, as soon as was asked for."""
        answering = Answering()
        hook = self.to(answering)
        for status in (200, 202, 204):
            answering.status = status
            self.assertEqual(self.outcome(hook), (None, False, None))
        answering.said = b"422: Unprocessable Content: no\n"
        for status, is_final in ((400, True), (404, True), (422, True), (401, False), (429, False), (500, False)):
            answering.status = status
            problem, final, _ = self.outcome(hook)
            self.assertEqual(final, is_final, status)
            said = "Unprocessable Content: no" if status == 422 else "422: Unprocessable Content: no"
            self.assertEqual(problem, f"{status}: {said}")
        answering.status, answering.said = 503, b"\xff\n" * 3000
        for after, expected in ((b"7", 7.0), (b"soon", None), (b"\xff", None)):
            answering.after = after
            self.assertEqual(self.outcome(hook), ("503", False, expected))

    def test_token(self) -> None:
        """One token for many messages, another one when half its life is gone, and when it was refused."""
        answering = Answering()
        hook = self.to(answering)
        self.outcome(hook)
        self.outcome(hook)
        self.clock.advance(151)
        self.outcome(hook)
        answering.status = 401
        self.outcome(hook)
        self.outcome(hook)
        first, second, third, fourth, fifth = answering.tokens
        self.assertEqual((first, third), (second, fourth))
        self.assertEqual(len({first, third, fifth}), 3)

    def test_silence(self) -> None:
        """Who does not answer in time has failed; who is not waited for any more is over at once."""
        answering = Answering()
        answering.status = None
        hook = self.to(answering)
        waiting = self.deliver(hook)
        self.clock.advance(5)
        self.assertEqual(self.successResultOf(waiting).problem, "it did not answer within 5 s")
        given_up = self.deliver(hook)
        given_up.cancel()
        self.failureResultOf(given_up, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unreachable(self) -> None:
        """Who cannot be reached has failed, and it is said why."""
        refused = error.ConnectionRefusedError()
        for why in (refused, ResponseNeverReceived([Failure(refused)])):
            hook = WebHook(self.clock, self.now, Unreachable(why), self.authority)
            problem, final, _ = self.outcome(hook)
            self.assertEqual((final, "refused" in str(problem)), (False, True))

    def test_real(self) -> None:
        """The one that goes out to the network is put together."""
        self.assertIsInstance(web_hook(self.clock, self.now, self.authority), WebHook)
