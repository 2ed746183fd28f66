"""Tests of what is accepted, and of what operators do with dead letters: through an initiator in memory, over HTTP."""

from __future__ import annotations

from typing import Any

from proactor.errors import StorageFull
from proactor.messaging.letters import DELIVERED, Outcome
from proactor.model import Job

from ..support.http import as_json
from .case import TOPICS, Case


class SendingTests(Case):
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
        self.accepted(job.guid, b"[NaN]", headers=form)
        kinds = [message.attributes["datacontenttype"] for _, message in self.rig.deliveries.came[1:]]
        self.assertEqual(kinds, ["application/json", "application/octet-stream", "text/plain; charset=utf-8"])

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


class NextInitiatorTests(Case):
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


class AgainTests(Case):
    """What is done with what was not delivered."""

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
