"""Tests of what becomes of messages that were accepted: through an initiator in memory, over HTTP."""

from __future__ import annotations

from datetime import datetime

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import NotFound
from proactor.messaging.delivery import Delivery
from proactor.messaging.letters import DELIVERED, Outcome
from proactor.model import Job
from proactor.saved import PutMessage, SavedMessage

from ..support.http import as_json
from ..support.rig import OPERATOR, Rig
from .case import TOPICS, Case


class DeliveryTests(Case):
    """What is done with what was accepted."""

    def test_order(self) -> None:
        """One after the other from each sender; another sender's does not wait for that."""
        job, sender = self.rig.create_many(2, "other.module")
        self.rig.deliveries.slow = True
        for number in range(3):
            self.accepted(job.guid, id=str(number))
        self.accepted(job.guid, id="other", token=self.rig.token(sender))
        self.assertEqual(self.came(job), ["0", "other"])
        self.rig.deliveries.answer(1)
        self.assertEqual(self.came(job), ["0", "other", "1"])
        self.rig.deliveries.answer()
        self.assertEqual(self.came(job), ["0", "other", "1", "2"])
        self.assertEqual(self.rig.initiator.delivery.waiting(), 1)
        self.rig.deliveries.answer()
        self.assertEqual(self.rig.initiator.delivery.waiting(), 0)

    def test_again(self) -> None:
        """What failed is tried again, later each time, and what is behind it waits; another sender's does not."""
        job, sender = self.rig.create_many(2)
        self.fails(2, Outcome("500: no"))
        self.accepted(job.guid, id="a")
        self.accepted(job.guid, id="b")
        self.assertEqual(self.came(job), ["a"])
        self.rig.clock.advance(0.25)
        self.assertEqual(self.came(job), ["a", "a"])
        self.accepted(job.guid, id="c", token=self.rig.token(sender))
        self.assertEqual(self.came(job), ["a", "a", "c"])
        self.rig.clock.advance(0.5)
        self.assertEqual(self.came(job), ["a", "a", "c", "a", "b"])

    def test_asked_to_wait(self) -> None:
        """Who says when to come again is asked then."""
        job = self.rig.create()
        self.fails(1, Outcome("429: Too Many Requests", after=60))
        self.accepted(job.guid, id="a")
        (waiting,) = self.rig.ask("GET /message?state=waiting").json()
        self.assertEqual((waiting["state"], waiting["problem"]), ("resting", "429: Too Many Requests"))
        self.rig.clock.advance(59)
        self.assertEqual(self.came(job), ["a"])
        self.rig.clock.advance(1)
        self.assertEqual(self.came(job), ["a", "a"])

    def test_refused(self) -> None:
        """What its receiver refuses for good is a dead letter; the next goes on."""
        job = self.rig.create()
        self.fails(1, Outcome("422: Unprocessable Content: no", is_final=True))
        self.accepted(job.guid, id="a")
        self.accepted(job.guid, id="b")
        self.assertEqual(self.came(job), ["a", "b"])
        self.assertEqual(self.dead(), [("a", "refused: 422: Unprocessable Content: no")])

    def test_expired_before(self) -> None:
        """One that has expired before it comes is a dead letter at once, though its receiver is ready."""
        job = self.rig.create()
        self.accepted(job.guid, id="a", expires="2026-11-24T11:59:59Z")
        self.accepted(job.guid, id="b")
        self.assertEqual(self.dead(), [("a", "expired")])
        self.assertEqual(self.came(job), ["b"])

    def test_expired(self) -> None:
        """What is not delivered in time is a dead letter, whether it waits or is tried again and again."""
        job = self.stopped()
        self.accepted(job.guid, id="a", expires="5")
        self.accepted(job.guid, id="b", expires="2026-11-24T12:00:11Z")
        self.rig.clock.advance(6)
        self.assertEqual(self.dead(), [("a", "expired")])
        self.rig.deliveries.outcome = lambda _guid, _message: Outcome("500: no")
        self.start(job)
        for _ in range(60):
            self.rig.clock.advance(0.1)
        self.assertEqual(self.dead()[1:], [("b", "expired; 500: no")])
        self.assertNotIn("a", self.came(job))
        self.assertEqual(self.send(job.guid, expires="soon").status, 422)

    def test_not_ready(self) -> None:
        """Nothing is delivered to a processor that is not ready: what is for it waits until it is."""
        job = self.stopped()
        self.accepted(job.guid, id="a")
        self.rig.clock.advance(1000)
        self.assertEqual(self.came(job), [])
        self.start(job)
        self.assertEqual(self.came(job), ["a"])

    def test_deleted(self) -> None:
        """What was for a processor that is deleted is a dead letter, and stays one."""
        job = self.stopped()
        self.accepted(job.guid, id="a")
        self.rig.run(self.rig.delete(job.guid))
        self.assertEqual(self.dead(), [("a", f"processor {job.guid} was deleted")])
        self.rig = self.rig.reborn(TOPICS)
        self.assertEqual(self.dead(), [("a", f"processor {job.guid} was deleted")])

    def test_deleted_meanwhile(self) -> None:
        """So is what it had in its hands, where it does not say that it has it."""
        job = self.rig.create()
        self.rig.deliveries.slow = True
        for id_ in ("a", "b"):
            self.accepted(job.guid, id=id_)
        self.rig.run(self.rig.delete(job.guid))
        self.rig.deliveries.outcome = lambda _guid, _message: Outcome("it gave no answer")
        self.rig.deliveries.answer()
        self.assertEqual([id_ for id_, _ in self.dead()], ["b", "a"])

    def test_module(self) -> None:
        """One of a module's processors gets it: one that is ready, with the least in its hands."""
        one, other = self.rig.create_many(2)
        self.stopped()
        self.rig.deliveries.slow = True
        senders = [self.rig.create("other.module") for _ in range(3)]
        for number, sender in enumerate(senders):
            receipt = self.accepted("my.module", id=str(number), token=self.rig.token(sender))
            self.assertEqual(receipt["to"], ["my.module"])
        self.assertEqual(sorted([len(self.came(one)), len(self.came(other))]), [1, 2])

    def test_module_goes_on(self) -> None:
        """What one of them does not take another one gets; nothing behind it waits, but for a free one."""
        one, other = self.rig.create_many(2)
        self.rig.deliveries.outcome = lambda guid, _: Outcome("500: no") if guid == one.guid else DELIVERED
        for number in range(4):
            self.accepted("my.module", id=str(number))
        for _ in range(400):
            self.rig.clock.advance(0.1)
        self.assertEqual(sorted(self.came(other)), ["0", "1", "2", "3"])

    def test_module_alone(self) -> None:
        """A module without a processor keeps its messages for the first it gets; one that leaves leaves them."""
        self.accepted("my.module", id="a")
        self.rig.deliveries.slow = True
        job = self.rig.create()
        self.assertEqual(self.came(job), ["a"])
        self.rig.run(self.rig.delete(job.guid))
        self.rig.deliveries.outcome = lambda _guid, _message: Outcome("it gave no answer")
        self.rig.deliveries.answer()
        self.rig.deliveries.outcome, self.rig.deliveries.slow = (lambda _guid, _message: DELIVERED), False
        later = self.rig.create()
        self.rig.clock.advance(1)
        self.assertEqual((self.came(later), self.dead()), (["a"], []))

    def test_many(self) -> None:
        """However many there are, all come, in order."""
        job = self.stopped()
        self.rig.ask(f"PATCH /config/{job.guid}", **as_json({"message_queue": 1000}))
        for number in range(130):
            self.accepted(job.guid, id=str(number))
        self.start(job)
        self.assertEqual(self.came(job), [str(number) for number in range(130)])


class DeadLetterTests(Case):
    """What was not delivered, and is kept."""

    def test_shown(self) -> None:
        """One is shown with what is in it."""
        job, (number,) = self.letters("a")
        shown = self.rig.ask(f"GET /message/kept/{number}").json()
        self.assertEqual((shown["state"], shown["event"]["data_base64"]), ("dead", "aGVsbG8="))
        self.assertEqual((shown["receiver"], shown["sender"]), (job.guid, "operator (token)"))
        for wrong in (f"GET /message/kept/{number + 1}", "GET /message/kept/a", f"DELETE /message/kept/{number + 1}"):
            self.assertEqual(self.rig.ask(wrong).status, 404)

    def test_bounded(self) -> None:
        """No more are kept than the configuration says: the oldest go."""
        config = TOPICS.replace("[proactor.initiator]\n", "[proactor.initiator]\ndead_letters = 2\n")
        self.rig = Rig(self, config)
        self.letters("a", "b", "c")
        self.assertEqual([id_ for id_, _ in self.dead()], ["b", "c"])
        self.rig.store.flush()
        self.rig = self.rig.reborn(config)
        self.assertEqual([id_ for id_, _ in self.dead()], ["b", "c"])

    def test_told(self) -> None:
        """The timeline tells of the first at once, of those that follow soon how many there were."""
        job, _ = self.letters("a", "b", "c")
        events = "GET /events?event=dead-letter"
        (event,) = self.rig.ask(events).json()
        self.assertEqual((event["guid"], event["count"], event["cause"]), (job.guid, 1, "refused: 422: no"))
        self.rig.clock.advance(10)
        self.assertEqual([event["count"] for event in self.rig.ask(events).json()], [1, 2])

    def test_listed(self) -> None:
        """They are listed by receiver and by sender, a page at a time."""
        job, numbers = self.letters("a", "b", "c")
        page = self.rig.ask(f"GET /message?state=dead&count=1&after={numbers[0]}&receiver={job.guid}").json()
        self.assertEqual([each["number"] for each in page], numbers[1:2])
        self.assertEqual(self.rig.ask("GET /message?state=dead&sender=nobody").json(), [])
        self.assertEqual(self.rig.ask("GET /message?state=lost").status, 422)

    def test_depth(self) -> None:
        """It is told how much waits for whom, and for how long."""
        self.letters("a")
        job = self.stopped()
        self.accepted(job.guid, id="b")
        self.rig.clock.advance(2.5)
        self.accepted(job.guid, id="c")
        found = self.rig.ask("GET /message").json()
        expected = {
            "receiver": job.guid,
            "waiting": 2,
            "limit": 3,
            "oldest": "2026-11-24T12:00:01.000Z",
            "age": 2.5,
            "problem": None,
        }
        self.assertEqual(found, {"waiting": 2, "dead": 1, "receivers": [expected]})
        self.assertEqual(self.rig.ask("GET /message?receiver=x").json()["receivers"], [])
        self.assertEqual(len(self.rig.ask(f"GET /message?state=waiting&receiver={job.guid}").json()), 2)
        text = self.rig.ask("GET /metrics", token=OPERATOR).text
        for line in (
            'proactor_messages{state="waiting"} 2.0',
            'proactor_messages{state="dead"} 1.0',
            "proactor_message_oldest_seconds 2.5",
            'proactor_message_outcomes_total{outcome="accepted"} 3.0',
            'proactor_message_outcomes_total{outcome="dead"} 1.0',
        ):
            self.assertIn(line, text)


class ByItselfTests(SynchronousTestCase):
    """Delivering, of messages that nobody has accepted here."""

    def setUp(self) -> None:
        self.rig = Rig(self, TOPICS)
        self.job = self.rig.create()
        self.outcome = DELIVERED
        self.counted: list[str] = []
        self.delivery = Delivery(
            self.rig.clock, self.rig.now, lambda: 1.0, self.rig.fleet, self.rig.store, self.hand_over, self, lambda: 2
        )
        self.delivery.look(self.job.guid)

    def hand_over(self, job: Job, message: SavedMessage, timeout: float) -> Deferred[Outcome]:
        self.assertEqual((job.guid, message.data), (self.job.guid, b"x"))
        return succeed(self.outcome)

    def message(self, outcome: str, count: int = 1) -> None:
        self.counted += [outcome] * count

    def stored(self, number: int, receiver: str | None = None, expires: datetime | None = None) -> SavedMessage:
        """One that is in the store."""
        message = SavedMessage(
            number=number,
            sender="a",
            receiver=receiver or self.job.guid,
            id=str(number),
            attributes={"source": "s"},
            data=b"x",
            accepted=self.rig.now(),
            expires=expires,
            target="t",
        )
        self.rig.store.commit([PutMessage(message)])
        return message

    def test_delivered(self) -> None:
        """What is put to it is handed over, and is gone from the store."""
        self.delivery.put(self.stored(1))
        self.assertEqual((self.delivery.waiting(), self.counted), (0, ["delivered"]))
        self.rig.store.flush()
        self.assertEqual(self.rig.store.load().messages, ())

    def test_known_by_its_head(self) -> None:
        """Of one that was stored by an earlier initiator its head is enough: the rest is read."""
        self.delivery.begin(self.stored(1).head())
        self.rig.clock.advance(0)
        self.assertEqual(self.counted, ["delivered"])

    def test_taken_out(self) -> None:
        """What is taken out is not delivered; begun again, it is."""
        self.outcome = Outcome("500: no")
        self.delivery.put(self.stored(1))
        letter = self.delivery.letter(1)
        self.delivery.take_out(letter)
        self.outcome = DELIVERED
        self.rig.clock.advance(100)
        self.assertEqual(self.counted, ["failed"])
        self.delivery.begin(letter.head)
        self.rig.clock.advance(100)
        self.assertEqual(self.counted, ["failed", "delivered"])
        self.assertRaises(NotFound, self.delivery.letter, 1)

    def test_dead(self) -> None:
        """What cannot be delivered is kept as long as there is room, with the reason."""
        for number, expires in ((1, self.rig.now()), (2, None), (3, None)):
            self.delivery.put(self.stored(number, None if expires else "0" * 32, expires))
        self.assertEqual(self.counted, ["dead", "dead", "dropped", "dead"])
        self.assertEqual([letter.head.number for letter in self.delivery.dead], [2, 3])
        self.assertEqual(self.delivery.letter(2).head.dead, f"processor {'0' * 32} was deleted")
