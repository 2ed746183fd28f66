"""The examples that send durable messages, in memory."""

from __future__ import annotations

import json
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor import Message, Processor, Refused
from proactor.messaging.cloudevents import CloudEvent
from proactor.processor.outbox import Outbox, Sent

from .processor.fakes import GUID
from .test_sequences import example

HOME = "http://127.0.0.1:49152"


class RecordingOutbox(Outbox):
    """Sends nothing, and knows what it was to."""

    def __init__(self) -> None:
        nothing: Any = None
        super().__init__(nothing, Clock(), nothing, GUID)
        self.sent: list[tuple[str, CloudEvent]] = []

    async def send(self, target: str, event: CloudEvent) -> Sent:
        """Note it."""
        self.sent.append((target, event))
        return Sent(str(event.attributes["id"]), ("a", "b"))


class Case(SynchronousTestCase):
    """One processor."""

    def launch(self, cls: type[Processor]) -> Any:
        processor: Any = cls(cls.configure({}, guid=GUID), Clock())
        processor.outbox = self.outbox = RecordingOutbox()
        processor.started()
        self.stub: Any = StubTreq(processor.resource())
        return processor

    def ask(self, method: str, path: str, data: bytes = b"") -> str:
        response = self.successResultOf(self.stub.request(method, HOME + path, data=data))
        self.assertEqual(response.code, 200)
        text: str = self.successResultOf(self.stub.text_content(response))
        return text


def message(type_: str, data: Any, **more: str) -> Message:
    event = {"specversion": "1.0", "id": "7", "source": "/operator", "type": type_, **more}
    return Message(event, data if isinstance(data, bytes) else json.dumps(data).encode())


class PublishSubscribeTests(Case):
    """The room."""

    def test_story(self) -> None:
        """What is said goes to the room; what is heard is told."""
        guest = self.launch(example("publish_subscribe").Guest)
        self.assertEqual(self.ask("POST", "/say", b"hello"), "said to 2\n")
        ((target, event),) = self.outbox.sent
        self.assertEqual((target, event.data, event.attributes["type"]), ("topic:chat.lobby", b"hello", "said"))
        guest.hear(message("said", b"hi", topic="chat.garden"))
        self.assertEqual(json.loads(self.ask("GET", "/heard")), ["chat.garden: hi"])


class WorkQueueTests(Case):
    """The workers."""

    def test_primes(self) -> None:
        """They count right."""
        primes = example("work_queue").primes
        self.assertEqual([primes(below) for below in (0, 1, 2, 3, 100, 1000)], [0, 0, 0, 1, 25, 168])

    def test_story(self) -> None:
        """What cannot be done is refused; what somebody found is told."""
        worker = self.launch(example("work_queue").Worker)
        wrongs: list[Any] = [{}, [], {"below": -1}, {"below": "x"}, {"below": 1e9}]
        for wrong in wrongs:
            self.failureResultOf(self.counting(worker, wrong), Refused)
        worker.counted(message("counted", {"below": 10, "primes": 4}))
        self.assertEqual(json.loads(self.ask("GET", "/results")), {"10": 4})

    def counting(self, worker: Any, work: Any) -> Any:
        return Deferred.fromCoroutine(worker.count(message("count", work)))
