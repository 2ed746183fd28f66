# mypy: allow-untyped-calls
"""Acknowledgements, until they are answered."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Rejected
from proactor.processor.acks import Acks
from proactor.processor.client import Client
from proactor.processor.reconfiguration import Outcome

from .fakes import GUID, URL, FakeInitiator, Log


class AcksTests(SynchronousTestCase):
    """One at a time, the latest one, again and again."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.initiator = FakeInitiator()
        self.left = 0
        client = Client(self.initiator, self.clock, URL, GUID, "token-1")
        self.acks = Acks(client, self.clock, {"options": [{"name": "rate"}]}, self.leave, random=lambda: 0.5)
        self.log = Log()
        self.addCleanup(self.log.close)

    def leave(self) -> None:
        """Count how often the process was told to end."""
        self.left += 1

    def revisions(self) -> list[int]:
        """Give the revisions that the initiator heard of."""
        return [ack["revision"] for ack in self.initiator.acks]

    def test_declarations_once(self) -> None:
        """What is declared goes with the first, and not again once it has arrived."""
        self.successResultOf(self.acks.post(Outcome(1)))
        self.successResultOf(self.acks.post(Outcome(2)))
        self.assertEqual(
            self.initiator.acks,
            [
                {"revision": 1, "status": "applied", "options": [{"name": "rate"}]},
                {"revision": 2, "status": "applied"},
            ],
        )

    def test_retried(self) -> None:
        """One that is not answered is sent again, ever more seldom, with what is declared; answered, no more."""
        self.initiator.ack_status = 503
        self.successResultOf(self.acks.post(Outcome(1)))
        self.clock.pump([0.5] * 20)
        self.assertEqual(self.revisions(), [1] * 5)
        self.initiator.ack_status = 204
        self.clock.pump([1] * 40)
        self.assertEqual(self.revisions(), [1] * 6)
        self.assertTrue(all("options" in ack for ack in self.initiator.acks))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_superseded(self) -> None:
        """The latest takes the place of one that waits for its retry, at once."""
        self.initiator.ack_status = 500
        self.acks.post(Outcome(1))
        self.initiator.ack_status = 204
        self.successResultOf(self.acks.post(Outcome(2, rejected=Rejected("rate", "must be > 0"))))
        self.clock.pump([1] * 60)
        self.assertEqual(self.revisions(), [1, 2])
        self.assertEqual(self.initiator.acks[1]["reason"], "must be > 0")
        self.assertIn("options", self.initiator.acks[1])

    def test_one_at_a_time(self) -> None:
        """While one is on its way another waits, so that they arrive in order."""
        held: list[Deferred[Any]] = []

        class Slow:
            """An HTTP client whose requests are held back."""

            def request(inner, method: str, url: str, **kwargs: Any) -> Deferred[Any]:
                held.append(Deferred())
                return held[-1].addCallback(lambda _: self.initiator.request(method, url, **kwargs))

        self.acks.client.http = Slow()
        first, second, third = (self.acks.post(Outcome(revision)) for revision in (1, 2, 3))
        self.assertEqual(len(held), 1)
        held[0].callback(None)
        self.assertNoResult(first)
        held[1].callback(None)
        for tried in (first, second, third):
            self.successResultOf(tried)
        self.assertEqual(self.revisions(), [1, 3])

    def test_refused(self) -> None:
        """An initiator that says no is not asked again; that is logged."""
        self.initiator.ack_status = 422
        self.successResultOf(self.acks.post(Outcome(1)))
        self.clock.pump([1] * 60)
        self.assertEqual(self.revisions(), [1])
        self.assertEqual(self.log.lines(), ["The initiator refused what became of revision 1: it answered 422"])

    def test_token_refused(self) -> None:
        """A token that is not taken may be renewed meanwhile: it is tried again."""
        for status in (401, 403):
            self.initiator.ack_status = status
            self.acks.post(Outcome(status))
            self.clock.pump([1] * 5)
        self.assertGreater(self.revisions().count(401), 1)
        self.assertGreater(self.revisions().count(403), 1)

    def test_gone(self) -> None:
        """A stale copy is told to end by the answer to an acknowledgement too."""
        self.initiator.ack_status = 410
        self.successResultOf(self.acks.post(Outcome(1)))
        self.assertEqual(self.left, 1)
        self.assertEqual(
            self.log.lines(), [f"Stopping: of the initiator at {URL}, it answered 410: this copy is stale"]
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop(self) -> None:
        """After a stop nothing is sent, whether one waits for its retry or is on its way."""
        self.initiator.ack_status = 500
        self.acks.post(Outcome(1))
        self.acks.stop()
        self.successResultOf(self.acks.post(Outcome(2)))
        self.clock.pump([1] * 60)
        self.assertEqual(self.revisions(), [1])

    def test_stop_on_its_way(self) -> None:
        """One that is on its way is given up, and who waits for it told."""
        silent: Deferred[Any] = Deferred()

        class Silent:
            """An HTTP client that gets no answer."""

            def request(inner, method: str, url: str, **kwargs: Any) -> Deferred[Any]:
                return silent

        self.acks.client.http = Silent()
        tried = self.acks.post(Outcome(1))
        self.acks.stop()
        self.successResultOf(tried)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unforeseen(self) -> None:
        """Even what nobody foresaw is tried again, and shows in the log."""
        self.initiator.behaviour = "a bug"
        self.successResultOf(self.acks.post(Outcome(1)))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.initiator.behaviour = ""
        self.clock.pump([1] * 2)
        self.assertEqual(self.revisions(), [1])
