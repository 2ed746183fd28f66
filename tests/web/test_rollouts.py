from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ..support.http import Exchange, Response, as_json
from ..support.rig import Rig


class Case(SynchronousTestCase):
    """A rollout of an edit to three processors, one after another."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.jobs = self.rig.create_many(3)
        answer = self.rig.ask("PATCH /config/my.module?batch=1", **as_json({"rate": 3}))
        self.path = f"/rollout/{answer.json()['rollout']}"

    def begin(self, known: int | None = None, **how: Any) -> Exchange:
        headers = [] if known is None else [("If-None-Match", f'"{known}"')]
        return self.rig.begin(f"GET {self.path}", headers=headers, **how)

    def ask(self, known: int | None = None) -> Response:
        return self.begin(known).response

    def acknowledge(self, *numbers: int, rejected: str | None = None) -> None:
        for number in numbers:
            self.rig.acknowledge(self.jobs[number], rejected=rejected)
        self.rig.clock.advance(0)


class ShowTests(Case):
    """``GET /rollout/ID``."""

    def test_record(self) -> None:
        """It tells how far it is: wanted, applied, rejected, waiting, reverted; by name; and its timeline."""
        self.acknowledge(0)
        answer = self.ask()
        record = answer.json()
        counts = {name: record[name] for name in ("wanted", "applied", "rejected", "waiting", "reverted", "absent")}
        self.assertEqual(counts, {"wanted": 3, "applied": 1, "rejected": 0, "waiting": 2, "reverted": 0, "absent": 0})
        self.assertEqual((record["state"], record["batch"], record["batches"]), ("running", 2, [1, 1, 1]))
        self.assertEqual(list(record["processors"].values()), ["applied", "sent", "held"])
        self.assertEqual((record["section"], record["actor"]), ("my.module", "operator (token)"))
        self.assertEqual([event["event"] for event in record["events"]], ["started", "batch", "applied", "batch"])
        self.assertEqual(answer.headers["etag"], '"4"')

    def test_not_there(self) -> None:
        """What is not there is 404, and an unknown parameter a mistake."""
        for id_ in ("99", "x", "0"):
            answer = self.rig.ask(f"GET /rollout/{id_}")
            self.assertEqual(answer.status, 404)
            detail = answer.json()["detail"]
            self.assertTrue(detail.startswith(f"there is no rollout {id_}, or it is forgotten: "), detail)
            self.assertTrue(detail.endswith("; see GET /events?event=configured"), detail)
        self.assertEqual(self.rig.ask(f"GET {self.path}?x=1").status, 400)

    def test_unchanged(self) -> None:
        """Without news it is 304."""
        answer = self.ask(known=2)
        self.assertEqual((answer.status, answer.body, answer.headers["etag"]), (304, b"", '"2"'))
        self.acknowledge(0)
        self.assertEqual(self.ask(known=2).status, 200)

    def test_held(self) -> None:
        """With ``Prefer: wait=N`` it is held until there is news, or the time is over."""
        held, in_vain = self.begin(2, wait=30), self.begin(2, wait=3)
        self.rig.clock.advance(3)
        self.assertEqual((in_vain.response.status, held.answered), (304, False))
        self.acknowledge(0)
        self.assertEqual((held.response.status, held.response.json()["applied"]), (200, 1))

    def test_over(self) -> None:
        """When it is over nobody is held."""
        for number in range(3):
            self.acknowledge(number)
        record = self.ask().json()
        self.assertEqual(record["state"], "done")
        self.assertEqual(self.begin(len(record["events"]), wait=30).response.status, 304)

    def test_hang_up(self) -> None:
        """Who hangs up while held leaves no timer."""
        timers = len(self.rig.clock.getDelayedCalls())
        self.begin(2, wait=30).hang_up()
        self.assertEqual(len(self.rig.clock.getDelayedCalls()), timers)


class StreamTests(Case):
    """Its events as they come."""

    def follow(self, last: int | None = None) -> Exchange:
        headers = [] if last is None else [("Last-Event-ID", str(last))]
        return self.rig.begin(f"GET {self.path}", accept="text/event-stream", headers=headers)

    def events(self, exchange: Exchange) -> list[tuple[int, str, dict[str, Any]]]:
        """The events of a stream that is over."""
        answer = exchange.response
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "text/event-stream"))
        found = []
        for block in filter(None, answer.text.split("\n\n")):
            if not block.startswith(":"):
                fields = dict(line.split(": ", 1) for line in block.split("\n"))
                self.assertEqual(set(fields), {"id", "event", "data"})
                found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
        return found

    def test_to_the_end(self) -> None:
        """All events come in order, each at once, and the stream ends with the rollout."""
        exchange = self.follow()
        self.assertIn("event: batch\n", exchange.received)
        self.acknowledge(0)
        self.assertIn("event: applied\n", exchange.received)
        self.acknowledge(1)
        self.assertFalse(exchange.answered)
        self.acknowledge(2)
        record = self.ask().json()
        expected = [(event.pop("id"), event["event"], event) for event in record["events"]]
        self.assertEqual(self.events(exchange), expected)
        self.assertEqual(expected[-1][1], "done")

    def test_reverted(self) -> None:
        """The story of one that is taken back is told to its end as well."""
        exchange = self.follow()
        self.acknowledge(0, rejected="rate: no\nway")
        self.acknowledge(0)
        self.assertEqual(
            [kind for _, kind, _ in self.events(exchange)],
            ["started", "batch", "rejected", "stopped", "reverting", "reverted", "reverted"],
        )

    def test_resumed(self) -> None:
        """``Last-Event-ID`` takes it up where it broke off."""
        self.acknowledge(0)
        exchange = self.follow(last=3)
        self.acknowledge(1)
        self.acknowledge(2)
        self.assertEqual([id_ for id_, _, _ in self.events(exchange)], [4, 5, 6, 7, 8])

    def test_resumed_at_the_end(self) -> None:
        """Who has it all gets an end at once."""
        for number in range(3):
            self.acknowledge(number)
        self.assertEqual(self.events(self.follow(last=8)), [])

    def test_of_another(self) -> None:
        """An id that there has not been yet is another's: the story begins anew."""
        exchange = self.follow(last=1000)
        for number in range(3):
            self.acknowledge(number)
        self.assertEqual([id_ for id_, _, _ in self.events(exchange)], list(range(1, 9)))

    def test_head_at_once(self) -> None:
        """The head comes at once, though there is nothing to tell yet."""
        self.assertIn("HTTP/1.1 200 OK\r\n", self.follow(last=2).received)

    def test_heartbeat(self) -> None:
        """While nothing happens a comment now and then shows that the connection lives."""
        exchange = self.follow()
        self.rig.clock.advance(15)
        self.assertEqual(exchange.received.count(": still there\n\n"), 1)
        self.acknowledge(0)
        self.rig.clock.advance(14.9)
        self.assertEqual(exchange.received.count(": still there\n\n"), 1)

    def test_hang_up(self) -> None:
        """Who hangs up is told no more, and leaves no timer."""
        timers = len(self.rig.clock.getDelayedCalls())
        self.follow().hang_up()
        self.assertEqual(len(self.rig.clock.getDelayedCalls()), timers)
        self.acknowledge(0)

    def test_many(self) -> None:
        """Any number can follow, each from where it was."""
        exchanges = [self.follow(last=last) for last in range(3)]
        for number in range(3):
            self.acknowledge(number)
        self.assertEqual([len(self.events(exchange)) for exchange in exchanges], [8, 7, 6])
