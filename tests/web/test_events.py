from __future__ import annotations

import json
import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proactor.timeline.followers import Followers
from proactor.timeline.timeline import KEPT, REACH, Timeline
from proactor.tracing import trace_of
from proactor.web import sse

from ..support.http import Exchange, Response, as_form, as_json
from ..support.rig import GUID, Rig


class Case(SynchronousTestCase):
    """Two processors of two modules, whose timeline is read."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.one, self.other = self.rig.create(), self.rig.create("other.module")
        self.timeline = self.rig.fleet.timeline

    def events(self, query: str = "", **how: Any) -> list[dict[str, Any]]:
        answer = self.rig.ask(f"GET /events{query}", **how)
        self.assertEqual(answer.status, 200)
        found: list[dict[str, Any]] = answer.json()
        return found

    def add(self, count: int, kind: str = "x") -> None:
        for _ in range(count):
            self.timeline.add(self.rig.now(), kind, None, "", "test")

    def follow(self, query: str = "", last: object = None, path: str = "/events") -> Exchange:
        headers = [] if last is None else [("Last-Event-ID", str(last))]
        return self.rig.begin(f"GET {path}{query}", accept="text/event-stream", headers=headers)

    def told(self, exchange: Exchange) -> list[tuple[int | None, str | None, Any]]:
        """What came after its beginning: number, kind and data of each event; comments have no kind."""
        self.rig.clock.advance(0)
        head, _, body = exchange.received.partition("\r\n\r\n")
        self.assertIn("content-type: text/event-stream", head.lower())
        found: list[tuple[int | None, str | None, Any]] = []
        for block in re.findall(r"(.+?)\n\n", re.sub(r"\r\n[0-9a-f]+\r\n|^[0-9a-f]+\r\n", "", body), re.DOTALL):
            fields = dict(line.split(": ", 1) for line in block.splitlines())
            id_ = int(fields["id"]) if "id" in fields else None
            found.append((id_, fields.get("event"), json.loads(fields["data"]) if "data" in fields else None))
        # Where it begins is said first.
        self.assertIsNotNone(found[0][0])
        return found[1:]


class ListTests(Case):
    """``GET /events``."""

    def test_last(self) -> None:
        """The last, oldest first, so many as are asked for."""
        self.assertEqual([each["event"] for each in self.events()], ["starting", "running"] * 2)
        self.assertEqual([each["id"] for each in self.events("?tail=2")], [3, 4])

    def test_older(self) -> None:
        """A link leads to what was before, until there is nothing."""
        target, seen = "/events?tail=3&event=running&event=starting", []
        while target:
            answer = self.rig.ask(f"GET {target}")
            seen.append([each["id"] for each in answer.json()])
            link = answer.headers.get("link", "")
            found = re.fullmatch(r'<(.*)>; rel="prev"', link)
            target = found[1] if found is not None else ""
        self.assertEqual(seen, [[2, 3, 4], [1]])

    def test_chosen(self) -> None:
        """By guid, by what happened, by module; of several any."""
        self.assertEqual([each["id"] for each in self.events(f"?guid={self.other.guid}")], [3, 4])
        self.assertEqual([each["id"] for each in self.events("?event=running")], [2, 4])
        self.assertEqual([each["id"] for each in self.events("?module=my.module&module=x")], [1, 2])
        self.assertEqual(self.events("?guid=nobody"), [])

    def test_of_a_deleted_job(self) -> None:
        """What happened to a job stays when that is no more."""
        self.rig.run(self.rig.delete(self.one.guid))
        told = [each["event"] for each in self.events(f"?guid={self.one.guid}")]
        self.assertEqual(told, ["starting", "running", "stopping", "stopped", "deleted"])
        self.assertEqual(self.rig.ask(f"GET /job/{self.one.guid}/events").status, 404)

    def test_of_a_job(self) -> None:
        """One job's own, page by page as well."""
        answer = self.rig.ask(f"GET /job/{self.other.guid}/events?tail=1&event=starting&event=running")
        self.assertEqual([each["id"] for each in answer.json()], [4])
        self.assertIn(f"</job/{self.other.guid}/events?", answer.headers["link"])
        self.assertIn("before=4", answer.headers["link"])

    def test_wrong(self) -> None:
        """Numbers are such, and parameters are known."""
        for query, status in (
            ("tail=0", 422),
            ("tail=x", 422),
            ("before=0", 422),
            ("event=nonsense", 422),
            ("event=running&event=nonsense", 422),
            ("kind=x", 400),
            ("guid=a&guid=b", 400),
        ):
            self.assertEqual(self.rig.ask(f"GET /events?{query}").status, status, query)
        self.assertEqual(self.rig.ask(f"GET /job/{self.one.guid}/events?module=x").status, 400)

    def test_no_such_kind(self) -> None:
        """Of a kind that there is not it is said which may be meant, or which there are."""
        for path in ("/events", f"/job/{self.one.guid}/events"):
            answer = self.rig.ask(f"GET {path}?event=runing")
            self.assertEqual(answer.json()["detail"], "event: there is no 'runing'; is running meant?")
        self.assertIn("; there are: adopted, backoff, ", self.rig.ask("GET /events?event=xyz").json()["detail"])


class FollowTests(Case):
    """As it happens."""

    def test_new(self) -> None:
        """Who follows is told what happens from then on, as a record, and what kind of thing it is."""
        exchange = self.follow()
        self.assertEqual(self.told(exchange), [])
        self.rig.run(self.rig.delete(self.one.guid))
        told = self.told(exchange)
        self.assertEqual([kind for _, kind, _ in told], ["stopping", "stopped", "deleted"])
        self.assertEqual([data for _, _, data in told], self.events("?tail=3"))
        self.assertEqual([id_ for id_, _, _ in told], [5, 6, 7])

    def test_resumed(self) -> None:
        """``Last-Event-ID`` goes on after one."""
        self.assertEqual([id_ for id_, _, _ in self.told(self.follow(last=2))], [3, 4])
        self.assertEqual(self.told(self.follow(last=99)), [])

    def test_tail(self) -> None:
        """It may begin with the last that happened."""
        self.assertEqual([id_ for id_, _, _ in self.told(self.follow("?tail=2"))], [3, 4])
        self.assertEqual([id_ for id_, _, _ in self.told(self.follow("?tail=1&event=starting"))], [3])
        self.assertEqual(self.told(self.follow("?tail=1&event=fatal")), [])
        self.assertEqual(self.rig.begin("GET /events?before=3", accept="text/event-stream").response.status, 422)

    def test_chosen(self) -> None:
        """Who chooses is told no more than that."""
        exchange = self.follow(f"?guid={self.other.guid}&event=stopped")
        own = self.follow(path=f"/job/{self.other.guid}/events")
        for job in (self.one, self.other):
            self.rig.run(self.rig.fleet.supervised(job.guid).stop("test"))
        self.assertEqual(
            [(kind, data["guid"]) for _, kind, data in self.told(exchange)], [("stopped", self.other.guid)]
        )
        self.assertEqual([kind for _, kind, _ in self.told(own)], ["stopping", "stopped"])

    def test_heartbeat(self) -> None:
        """Where nothing happens that is of interest it is told that we are there, and how far one has got."""
        exchange = self.follow("?event=fatal")
        self.add(3)
        self.rig.clock.advance(0)
        self.rig.clock.advance(sse.HEARTBEAT)
        self.assertEqual(self.told(exchange), [(7, None, None)])
        self.assertIn(": still there\n", exchange.received)
        self.rig.clock.advance(sse.HEARTBEAT)
        self.assertEqual(len(self.told(exchange)), 2)

    def test_many_at_once(self) -> None:
        """However much happens in one turn, all of it comes."""
        exchange = self.follow()
        self.add(350)
        self.assertEqual([id_ for id_, _, _ in self.told(exchange)], list(range(5, 355)))

    def missed(self, count: int) -> list[tuple[int | None, str | None, Any]]:
        """What a reader is told when it reads on after so much has happened."""
        exchange = self.follow()
        exchange.pause()
        self.add(1)
        self.rig.clock.advance(0)
        before = len(exchange.received)
        self.add(count)
        self.rig.clock.advance(0)
        self.assertLess(len(exchange.received), before + 64 * 1024)
        exchange.resume()
        return self.told(exchange)

    def test_slow(self) -> None:
        """For one that does not read nothing is kept in memory; it comes from the store when it reads on."""
        told = self.missed(KEPT + 2000)
        self.assertEqual([id_ for id_, _, _ in told], list(range(5, KEPT + 2006)))

    def test_too_slow(self) -> None:
        """What is not to be had any more by then it is told of."""
        self.timeline.older = Timeline().older
        told = self.missed(2 * REACH)
        ((_, _, gap),) = [each for each in told if each[1] == "gap"]
        numbers = [id_ for id_, kind, _ in told if kind == "x"]
        self.assertEqual(len(numbers) + gap["lost"], 2 * REACH + 1)
        self.assertEqual(numbers[-1], self.timeline.last_id)

    def test_long_away(self) -> None:
        """Who comes back after everything is gone is told how much that was, and followed on from there."""
        self.timeline.restore([], 1000)
        self.timeline._all.clear()
        exchange = self.follow(last=4)
        self.assertEqual(self.told(exchange), [(None, "gap", {"lost": 996})])
        self.add(1)
        self.assertEqual([id_ for id_, _, _ in self.told(exchange)][1:], [1001])

    def test_hang_up(self) -> None:
        """Who hangs up leaves nothing behind."""
        timers = len(self.rig.clock.getDelayedCalls())
        self.follow().hang_up()
        self.add(1)
        self.assertEqual(len(self.rig.clock.getDelayedCalls()), timers)

    def test_stop(self) -> None:
        """The stop of the initiator is told to its end, and ends the stream."""
        exchange = self.follow()
        self.rig.run(self.rig.initiator.stop())
        self.assertTrue(exchange.answered)
        self.assertEqual([kind for _, kind, _ in self.told(exchange)][-1], "stopped")
        self.rig.run(self.rig.initiator.stop())

    def test_closed_in_between(self) -> None:
        """Followers that are let go while news is on its way are let go once."""
        followers = Followers(self.rig.clock, self.timeline)
        exchange = self.follow()
        self.add(1)
        self.rig.initiator.followers.close()
        self.assertTrue(exchange.answered)
        followers.close()


class CausalTests(Case):
    """What led to what."""

    def chain(self, kind: str) -> list[str]:
        """The last of a kind, and back from there what led to it."""
        events = {each["id"]: each for each in self.events("?tail=1000")}
        at = max(id_ for id_, each in events.items() if each["event"] == kind)
        told = []
        while at is not None:
            told.append(events[at]["event"])
            at = events[at]["because"]
        return told

    def test_edit(self) -> None:
        """An edit leads to its rollout, that to its batches, a batch to what its processors say."""
        other = self.rig.create()
        self.rig.ask("PATCH /config/my.module?batch=1", **as_json({"rate": 3}))
        self.rig.acknowledge(self.one)
        self.rig.acknowledge(other)
        started = ["rollout.started", "configured"]
        batches = ["rollout.batch", "rollout.batch", *started]
        self.assertEqual(self.chain("rollout.applied"), ["rollout.applied", *batches])
        self.assertEqual(self.chain("rollout.done"), ["rollout.done", *batches])
        told = self.events("?tail=100&event=rollout.applied&module=my.module")
        self.assertEqual([(each["rollout"], each["guid"]) for each in told], [("5", self.one.guid), ("5", other.guid)])
        self.assertEqual(self.events(f"?guid={other.guid}&event=rollout.applied")[0]["actor"], other.guid)

    def test_rejected(self) -> None:
        """A rejection stops a rollout, that takes the edit back, and that is said to be so."""
        self.rig.ask("PATCH /config/my.module", **as_json({"rate": 3}))
        self.rig.acknowledge(self.one, rejected="rate: no")
        self.rig.acknowledge(self.one)
        stopped = ["rollout.stopped", "rollout.rejected", "rollout.batch", "rollout.started", "configured"]
        reverting = ["rollout.reverting", "configured", *stopped]
        self.assertEqual(self.chain("rollout.reverted"), ["rollout.reverted", *reverting])
        (rejected,) = self.events("?event=rollout.rejected")
        self.assertEqual(rejected["cause"], "rate: no")

    def test_crash(self) -> None:
        """A crash leads to a wait, that to a start, and that to the next run."""
        self.rig.launcher.kill(self.one.guid)
        self.rig.clock.advance(0)
        self.rig.clock.advance(1)
        self.rig.clock.advance(0)
        self.rig.acknowledge(self.one)
        self.assertEqual(self.chain("running"), ["running", "starting", "backoff", "running", "starting"])

    def test_operator(self) -> None:
        """What an operator does begins something; what it leads to comes from it."""
        self.rig.run(self.rig.fleet.supervised(self.one.guid).stop("test"))
        self.assertEqual(self.chain("stopped"), ["stopped", "stopping"])

    def test_rolling_restart(self) -> None:
        """A rolling restart leads to each of its restarts."""
        exchange = self.rig.begin("POST /restart?module=my.module", wait=10)
        self.rig.clock.advance(0)
        self.rig.acknowledge(self.one)
        self.assertEqual(exchange.response.status, 200)
        self.assertEqual(self.chain("running"), ["running", "starting", "stopped", "stopping", "restart.started"])
        self.assertEqual(self.chain("restart.done"), ["restart.done", "restart.started"])

    def test_instances(self) -> None:
        """What is created because the configuration says so comes from its change."""
        self.rig.ask("PATCH /config/my.module", **as_json({"instances": 2}))
        self.rig.clock.advance(0)
        self.assertEqual(self.chain("starting"), ["starting", "configured"])

    def test_shutdown(self) -> None:
        """The stop of the initiator stops its processors."""
        self.rig.run(self.rig.initiator.stop())
        self.assertEqual(self.chain("stopped"), ["stopped", "stopping", "shutdown"])

    def test_configured_by(self) -> None:
        """The guid of the initiator is in no event."""
        self.assertNotIn(GUID, json.dumps(self.events()))


class TraceTests(Case):
    """What belongs together by the trace of a request."""

    TRACE = "0af7651916cd43dd8448eb211c80319c"

    def traced(self, line: str, **how: Any) -> Response:
        headers = [*how.pop("headers", []), ("traceparent", f"00-{self.TRACE}-b7ad6b7169203331-01")]
        return self.rig.ask(line, headers=headers, **how)

    def traces(self, last: int) -> set[str | None]:
        return {each.get("trace") for each in self.events(f"?tail={last}")}

    def test_edit(self) -> None:
        """An edit's trace is in all that comes of it, and goes to the processor with its configuration."""
        token, path = self.rig.token(self.one), f"/config/{self.one.guid}"
        self.assertNotIn("traceparent", self.rig.ask(f"GET {path}", token=token).headers)
        self.traced("PATCH /config/my.module", **as_json({"rate": 3}))
        answer = self.rig.ask(f"GET {path}", token=token)
        self.assertEqual(trace_of(answer.headers["traceparent"]), self.TRACE)
        self.assertNotIn("traceparent", self.rig.ask(f"GET {path}").headers)
        self.rig.acknowledge(self.one, rejected="rate: no")
        self.rig.acknowledge(self.one)
        told = self.events("?tail=100")[4:]
        self.assertEqual(told[-1]["event"], "rollout.reverted")
        self.assertEqual({each.get("trace") for each in told}, {self.TRACE})

    def test_actions(self) -> None:
        """So is that of what is done to jobs."""
        self.traced(f"POST /job/{self.one.guid}/restart")
        self.rig.clock.advance(0)
        self.rig.acknowledge(self.one)
        self.traced(f"DELETE /job/{self.other.guid}")
        self.rig.clock.advance(0)
        self.assertEqual([each["event"] for each in self.events("?tail=7")][-1], "deleted")
        self.assertEqual(self.traces(7), {self.TRACE})
        self.traced("POST /create", **as_form(module="my.module"))
        self.assertEqual(self.traces(8), {self.TRACE})

    def test_forgotten(self) -> None:
        """Only those of the last changes are remembered."""
        for number in range(101):
            self.rig.initiator.exchange.traced(number, self.TRACE)
        self.assertEqual(len(self.rig.initiator.exchange._traces), 100)

    def test_none(self) -> None:
        """Without one nothing is made up, and what is none is passed over."""
        self.rig.ask(f"POST /job/{self.one.guid}/stop", headers=[("traceparent", "x")])
        self.assertEqual(self.traces(2), {None})
