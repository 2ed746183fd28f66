"""Durable messages through an initiator in memory, over HTTP."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import StorageFull
from proactor.messaging.letters import DELIVERED, Outcome
from proactor.model import Job
from proactor.saved import SavedMessage

from ..support.http import Response, as_json
from ..support.rig import CONFIG, OPERATOR, Rig

TOPICS = CONFIG.replace("[my.module]\n", "[my.module]\nmessage_queue = 3\n").replace(
    "[other.module]\n", "[other.module]\nsubscribe = orders.* weather\n"
)


class OfficeTestCase(SynchronousTestCase):
    """An initiator whose processors take messages, or do not."""

    def setUp(self) -> None:
        self.rig = Rig(self, TOPICS)

    def send(self, target: str, data: bytes = b"hello", **how: Any) -> Response:
        query = "&".join(f"{name}={how.pop(name)}" for name in ("id", "type", "expires") if name in how)
        return self.rig.ask(f"POST /message/{target}" + (f"?{query}" if query else ""), body=data, **how)

    def accepted(self, target: str, data: bytes = b"hello", **how: Any) -> dict[str, Any]:
        response = self.send(target, data, **how)
        self.assertEqual(response.status, 202, response.text)
        receipt: dict[str, Any] = response.json()
        return receipt

    def dead(self) -> list[tuple[str, str]]:
        return [(each["id"], each["problem"]) for each in self.rig.ask("GET /message?state=dead").json()]

    def came(self, job: Job) -> list[str]:
        return self.rig.deliveries.to(job.guid)

    def stopped(self, module: str = "my.module") -> Job:
        """A processor that is not running: what is sent to it waits."""
        job = self.rig.create(module)
        self.rig.run(self.rig.fleet.stop(job.guid, "test"))
        self.rig.clock.advance(1)
        return job

    def start(self, job: Job) -> None:
        self.rig.run(self.rig.fleet.start(job.guid, "test"))
        self.rig.acknowledge(job)
        self.rig.clock.advance(0)

    def fails(self, times: int, outcome: Outcome) -> None:
        """Have the next tries fail."""
        left = [times]

        def once(_guid: str, _message: SavedMessage) -> Outcome:
            left[0] -= 1
            return outcome if left[0] >= 0 else DELIVERED

        self.rig.deliveries.outcome = once


class SendingTests(OfficeTestCase):
    """What is accepted, and where it goes."""

    def test_plain(self) -> None:
        """Whatever curl sends is a message: what makes it an event is filled in."""
        job = self.rig.create()
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        receipt = self.accepted(job.guid, headers=form)
        self.assertEqual((receipt["to"], receipt["repeated"], receipt["source"]), ([job.guid], False, "/operator"))
        ((guid, message),) = self.rig.deliveries.came
        self.assertEqual((guid, message.data, message.id), (job.guid, b"hello", receipt["id"]))
        expected = {
            "specversion": "1.0",
            "id": receipt["id"],
            "source": "/operator",
            "type": "message",
            "time": "2026-11-24T12:00:00.000Z",
            "datacontenttype": "text/plain; charset=utf-8",
        }
        self.assertEqual(dict(message.attributes), expected)
        self.accepted(job.guid, b'{"a": 1}', headers=form)
        self.accepted(job.guid, b"\xff", headers=form)
        kinds = [message.attributes["datacontenttype"] for _, message in self.rig.deliveries.came[1:]]
        self.assertEqual(kinds, ["application/json", "application/octet-stream"])

    def test_stored_first(self) -> None:
        """It is not accepted, and not delivered, before it is stored; what cannot be stored is not accepted."""
        job = self.rig.create()
        self.rig.store.hold()
        exchange = self.rig.begin(f"POST /message/{job.guid}", body=b"x")
        self.rig.clock.advance(1)
        self.assertEqual((exchange.answered, self.rig.deliveries.came), (False, []))
        self.rig.store.release()
        self.rig.clock.advance(0)
        self.assertEqual((exchange.response.status, len(self.came(job))), (202, 1))
        self.rig.store.fail(StorageFull("no room"), 1)
        self.assertEqual(self.send(job.guid, id="1").status, 507)
        self.assertFalse(self.accepted(job.guid, id="1")["repeated"])
        self.assertEqual(self.came(job)[1:], ["1"])

    def test_repeats(self) -> None:
        """The same id of the same source to the same target is stored once; to another it is another message."""
        one, other = self.rig.create_many(2)
        self.assertFalse(self.accepted(one.guid, id="a")["repeated"])
        again = self.accepted(one.guid, b"something else", id="a")
        self.assertEqual((again["repeated"], again["to"]), (True, [one.guid]))
        self.assertFalse(self.accepted(other.guid, id="a")["repeated"])
        self.assertEqual((self.came(one), self.came(other)), (["a"], ["a"]))

    def test_repeat_meanwhile(self) -> None:
        """A repeat that comes while the first is being stored is answered when that is, or refused with it."""
        job = self.rig.create()
        for fails, statuses in ((True, [507, 507]), (False, [202, 202])):
            self.rig.store.hold()
            exchanges = [self.rig.begin(f"POST /message/{job.guid}?id=a", body=b"x") for _ in range(2)]
            self.rig.clock.advance(1)
            if fails:
                self.rig.store.fail(StorageFull("no room"), 1)
            self.rig.store.release()
            self.rig.clock.advance(0)
            self.assertEqual([exchange.response.status for exchange in exchanges], statuses)
        self.assertEqual(self.came(job), ["a"])

    def test_sources(self) -> None:
        """A processor speaks for itself alone, and nobody for it."""
        one, other = self.rig.create_many(2)
        token = self.rig.token(one)
        self.assertEqual(self.accepted(other.guid, token=token)["source"], f"/job/{one.guid}")
        for source, status in (
            (f"/job/{one.guid}/part", 202),
            (f"/job/{other.guid}", 403),
            (f"/job/{one.guid}x", 403),
            ("urn:x", 403),
        ):
            headers = [("ce-source", source)]
            self.assertEqual(self.send(other.guid, token=token, headers=headers).status, status, source)
        for source, status in ((f"/job/{one.guid}", 403), ("urn:x", 202), ("/operator/x", 202), ("/operators", 403)):
            self.assertEqual(self.send(other.guid, headers=[("ce-source", source)]).status, status, source)

    def test_nobody(self) -> None:
        """What is sent to nobody is refused, but to a topic that nobody has subscribed to."""
        job = self.rig.create()
        self.assertEqual(self.send("f" * 32).status, 404)
        self.assertEqual(self.send("no.module").status, 404)
        self.assertEqual(self.send("topic:a..b").status, 422)
        self.assertEqual(self.accepted("topic:nothing")["to"], [])
        self.rig.run(self.rig.delete(job.guid))
        self.assertEqual(self.send(job.guid).status, 404)

    def test_topics(self) -> None:
        """Each that has subscribed gets one, with the topic; to a part of it or to all that begins so."""
        self.rig.create()
        jobs = self.rig.create_many(2, "other.module")
        receipt = self.accepted("topic:orders.new.urgent", id="a")
        self.assertEqual(receipt["to"], sorted(job.guid for job in jobs))
        self.assertEqual(self.accepted("topic:weather.today")["to"], [])
        self.assertEqual([self.came(job) for job in jobs], [["a"], ["a"]])
        self.assertEqual({each.attributes["topic"] for _, each in self.rig.deliveries.came}, {"orders.new.urgent"})
        wrong = self.send("topic:weather", headers=[("ce-topic", "orders")])
        self.assertEqual((wrong.status, self.send(jobs[0].guid, headers=[("ce-topic", "weather")]).status), (422, 422))

    def test_edited_subscription(self) -> None:
        """Subscriptions are configuration: an edit counts at once, and so does a deletion."""
        job = self.rig.create()
        self.assertEqual(self.accepted("topic:news")["to"], [])
        self.rig.ask(f"PATCH /config/{job.guid}", **as_json({"subscribe": "news"}))
        self.assertEqual(self.accepted("topic:news")["to"], [job.guid])
        self.rig.acknowledge(job)
        self.rig.ask(f"PATCH /config/{job.guid}", **as_json({"subscribe": None}))
        self.assertEqual(self.accepted("topic:news")["to"], [])
        wrong = self.rig.ask(f"PATCH /config/{job.guid}", **as_json({"subscribe": "a..b"}))
        self.assertEqual(wrong.status, 422)

    def test_declared_subscription(self) -> None:
        """A processor's own subscriptions outlive its process, and the initiator."""
        job = self.rig.create()
        self.acknowledge(job, topics=["news", "a.*"])
        self.assertEqual(self.accepted("topic:news", id="1")["to"], [job.guid])
        self.rig.run(self.rig.fleet.stop(job.guid, "test"))
        self.rig.clock.advance(1)
        self.rig = self.rig.reborn(TOPICS)
        self.assertEqual(self.accepted("topic:a.b", id="2")["to"], [job.guid])
        self.assertEqual(self.came(job), [])
        job = self.rig.fleet.job(job.guid)
        self.start(job)
        self.assertEqual(self.came(job), ["2"])
        self.acknowledge(job, topics=[])
        self.assertEqual(self.accepted("topic:news")["to"], [])

    def acknowledge(self, job: Job, **more: Any) -> None:
        body = {"revision": self.rig.configurator.live.offered(job.guid), "status": "applied", **more}
        answer = self.rig.ask(f"POST /config/{job.guid}/ack", token=self.rig.token(job), **as_json(body))
        self.assertEqual(answer.status, 204)

    def test_full(self) -> None:
        """A receiver's queue is bounded; of what is for several all get it, or none."""
        job = self.stopped()
        other = self.rig.create("other.module")
        self.rig.ask(f"PATCH /config/{job.guid}", **as_json({"subscribe": "orders.*"}))
        for _ in range(3):
            self.accepted(job.guid)
        refused = self.send(job.guid)
        self.assertEqual((refused.status, refused.headers["retry-after"]), (429, "1"))
        self.assertEqual(self.send("topic:orders.new").status, 429)
        self.assertEqual(self.came(other), [])
        self.rig.ask(f"PATCH /config/{job.guid}", **as_json({"message_queue": 4}))
        self.assertEqual(len(self.accepted("topic:orders.new")["to"]), 2)

    def test_full_while_stored(self) -> None:
        """What is being stored counts, too."""
        job = self.stopped()
        self.rig.store.hold()
        exchanges = [self.rig.begin(f"POST /message/{job.guid}", body=b"x") for _ in range(4)]
        self.rig.clock.advance(1)
        self.assertEqual([exchange.answered for exchange in exchanges], [False, False, False, True])
        self.assertEqual(exchanges[3].response.status, 429)
        self.rig.store.release()

    def test_large(self) -> None:
        """64 KiB of data are taken, and no more."""
        job = self.rig.create()
        self.accepted(job.guid, b"x" * 65536)
        self.assertEqual([self.send(job.guid, b"x" * size).status for size in (65537, 131073)], [413, 413])

    def test_structured(self) -> None:
        """A whole event comes through as it is."""
        job = self.rig.create()
        event = {"specversion": "1.0", "id": "7", "source": "urn:me", "type": "t", "data": {"a": [1, "ä"]}, "mine": 3}
        headers = [("Content-Type", "application/cloudevents+json; charset=utf-8")]
        self.accepted(job.guid, as_json(event)["body"], headers=headers)
        ((_, message),) = self.rig.deliveries.came
        self.assertEqual(message.data, '{"a":[1,"ä"]}'.encode())
        del event["data"]
        self.assertEqual(dict(message.attributes), {**event, "datacontenttype": "application/json"})
        wrong = {name: value for name, value in event.items() if name != "id"}
        self.assertEqual(self.send(job.guid, as_json(wrong)["body"], headers=headers).status, 422)
        self.assertEqual(self.send(job.guid, b"[]", headers=headers).status, 400)
        batch = [("Content-Type", "application/cloudevents-batch+json")]
        self.assertEqual(self.send(job.guid, b"[]", headers=batch).status, 415)


class DeliveryTests(OfficeTestCase):
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
        self.assertEqual(self.rig.initiator.office.waiting(), 1)
        self.rig.deliveries.answer()
        self.assertEqual(self.rig.initiator.office.waiting(), 0)

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


class NextInitiatorTests(OfficeTestCase):
    """What the next initiator does with what was left."""

    def test_goes_on(self) -> None:
        """It delivers what was accepted, in order; what was on its way comes again; repeats are still known."""
        job = self.rig.create()
        self.rig.deliveries.slow = True
        for id_ in ("a", "b", "c"):
            self.accepted(job.guid, id=id_)
        self.rig = self.rig.reborn(TOPICS)
        self.rig.clock.advance(1)
        self.assertEqual(self.came(job), ["a", "b", "c"])
        self.assertTrue(self.accepted(job.guid, id="b")["repeated"])
        self.rig.store.flush()
        self.rig = self.rig.reborn(TOPICS)
        self.rig.clock.advance(1)
        self.assertEqual(self.came(job), [])

    def test_backoff(self) -> None:
        """Who asked to wait is not asked before that by the next one either."""
        job = self.rig.create()
        self.fails(1, Outcome("503: later", after=60))
        self.accepted(job.guid, id="a")
        self.rig.store.flush()
        self.rig = self.rig.reborn(TOPICS)
        self.rig.clock.advance(50)
        self.assertEqual(self.came(job), [])
        self.rig.clock.advance(15)
        self.assertEqual(self.came(job), ["a"])

    def test_dead(self) -> None:
        """Dead letters stay dead, and can still be sent again."""
        job = self.rig.create()
        self.fails(1, Outcome("422: no", is_final=True))
        number = self.accepted(job.guid, id="a")["numbers"][0]
        self.rig.store.flush()
        self.rig = self.rig.reborn(TOPICS)
        self.rig.clock.advance(1)
        self.assertEqual((self.came(job), self.dead()), ([], [("a", "refused: 422: no")]))
        again = self.rig.ask(f"POST /message/kept/{number}/resend")
        self.assertEqual((again.status, self.came(job)), (202, ["a"]))


class DeadLetterTests(OfficeTestCase):
    """What is done with what was not delivered."""

    def letters(self, *ids: str) -> tuple[Job, list[int]]:
        """A processor that has refused some; their numbers."""
        job = self.rig.create()
        self.rig.deliveries.outcome = lambda _guid, _message: Outcome("422: no", is_final=True)
        numbers = [self.accepted(job.guid, id=id_)["numbers"][0] for id_ in ids]
        self.rig.deliveries.outcome = lambda _guid, _message: DELIVERED
        return job, numbers

    def test_shown(self) -> None:
        """One is shown with what is in it."""
        job, (number,) = self.letters("a")
        shown = self.rig.ask(f"GET /message/kept/{number}").json()
        self.assertEqual((shown["state"], shown["event"]["data_base64"]), ("dead", "aGVsbG8="))
        self.assertEqual((shown["receiver"], shown["sender"]), (job.guid, "operator (token)"))
        for wrong in (f"GET /message/kept/{number + 1}", "GET /message/kept/a", f"DELETE /message/kept/{number + 1}"):
            self.assertEqual(self.rig.ask(wrong).status, 404)

    def test_sent_again(self) -> None:
        """It is delivered after all; to somebody else, where that is asked; once."""
        job, (one, other) = self.letters("a", "b")
        second = self.rig.create("other.module")
        self.assertEqual(self.rig.ask(f"POST /message/kept/{one}/resend").status, 202)
        self.assertEqual(self.rig.ask(f"POST /message/kept/{one}/resend").status, 404)
        self.assertEqual(self.rig.ask(f"POST /message/kept/{other}/resend?to=topic:x").status, 422)
        self.assertEqual(
            self.rig.ask(f"POST /message/kept/{other}/resend?to={second.guid}").json()["to"], [second.guid]
        )
        self.assertEqual((self.came(job), self.came(second), self.dead()), (["a", "b", "a"], ["b"], []))

    def test_not_stored(self) -> None:
        """What cannot be kept is not done: it stays dead, and is there."""
        _, (number,) = self.letters("a")
        for operation in (f"POST /message/kept/{number}/resend", f"DELETE /message/kept/{number}"):
            self.rig.store.fail(StorageFull("no room"), 1)
            self.assertEqual(self.rig.ask(operation).status, 507)
            self.assertEqual(self.dead(), [("a", "refused: 422: no")])

    def test_dropped(self) -> None:
        """It is forgotten; so is one that waits, and what is behind that goes on."""
        job, (number,) = self.letters("a")
        self.assertEqual(self.rig.ask(f"DELETE /message/kept/{number}").status, 204)
        self.assertEqual(self.dead(), [])
        self.fails(9, Outcome("500: no"))
        (stuck,) = self.accepted(job.guid, id="b")["numbers"]
        self.rig.deliveries.outcome = lambda _guid, _message: DELIVERED
        self.accepted(job.guid, id="c")
        self.assertEqual(self.rig.ask(f"POST /message/kept/{stuck}/resend").status, 409)
        self.assertEqual(self.rig.ask(f"DELETE /message/kept/{stuck}").status, 204)
        self.assertEqual(self.came(job)[-1], "c")
        self.rig.deliveries.slow = True
        (going,) = self.accepted(job.guid, id="d")["numbers"]
        self.assertEqual(self.rig.ask(f"DELETE /message/kept/{going}").status, 409)

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
