"""Tests of a job's log over HTTP."""

from __future__ import annotations

import json
import os
import re

from twisted.trial.unittest import SynchronousTestCase

from proactor.client.sse import Parser

from ..support.http import Exchange
from ..support.rig import Rig


class LogTests(SynchronousTestCase):
    """Its end, and what comes after."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.job = self.rig.create()
        self.path = f"GET /job/{self.job.guid}/log"

    def write(self, data: bytes) -> None:
        """Write as the job's process does, and let that be seen."""
        descriptor = self.rig.home.open_log(self.job.guid)
        os.write(descriptor, data)
        os.close(descriptor)
        self.rig.clock.pump([1, 1])

    def test_tail(self) -> None:
        """The last lines, as many as are asked for, as text that no browser takes for a page."""
        self.write(b"one\ntwo\n<b>\xff\n")
        response = self.rig.ask(f"{self.path}?tail=2")
        self.assertEqual((response.status, response.body), (200, b"two\n<b>\xff\n"))
        self.assertEqual(response.headers["content-type"], "text/plain; charset=utf-8")
        self.assertEqual(response.headers["x-content-type-options"], "nosniff")

    def test_cut(self) -> None:
        """Where 1 MiB does not hold all that was asked for, a header says so, or an event."""
        self.assertNotIn("log-cut", self.rig.ask(self.path).headers)
        self.write(b"first\n" + b"x" * 1100000 + b"\n")
        response = self.rig.ask(self.path)
        self.assertEqual((len(response.body), response.headers["log-cut"]), (1 << 20, "line"))
        self.assertEqual(self.rig.ask(f"{self.path}?since=3600").headers["log-cut"], "line")
        self.assertIn('event: cut\ndata: {"cut": "line"}\n\n', self.events().received)
        self.write(b"last\n")
        response = self.rig.ask(self.path)
        self.assertEqual((response.body, response.headers["log-cut"]), (b"last\n", "lines"))
        self.assertNotIn("log-cut", self.rig.ask(f"{self.path}?tail=1").headers)

    def test_usual(self) -> None:
        """Without a number it is the last hundred."""
        self.write(b"".join(b"%d\n" % number for number in range(150)))
        self.assertEqual(self.rig.ask(self.path).body.split(b"\n")[0], b"50")

    def test_since(self) -> None:
        """Only what was written from a time on."""
        self.write(b"2026-11-24T11:00:00Z old\n2026-11-24T11:59:59Z new\n")
        self.assertEqual(self.rig.ask(f"{self.path}?since=60").body, b"2026-11-24T11:59:59Z new\n")

    def test_follow(self) -> None:
        """What is written later comes when it is written, until the job is no more."""
        self.write(b"one\n")
        exchange = self.rig.begin(f"{self.path}?follow=1")
        self.assertIn("one\n", exchange.received)
        self.write(b"two\n")
        self.assertIn("two\n", exchange.received)
        self.assertFalse(exchange.answered)
        self.rig.run(self.rig.fleet.delete(self.job.guid, "test"))
        self.assertTrue(exchange.answered)

    def test_events(self) -> None:
        """As events each piece says where it ends, and who comes back to there misses nothing, not a byte that is no
        text; the last event says that the job is no more.
        """
        self.write(b"one\n\xff\xe2")
        exchange = self.events()
        self.write(b"\x82\xac\n")
        self.write(b"two\n")
        self.assertIn("content-type: text/event-stream", exchange.received.lower())
        told = self.told(exchange.received)
        self.assertEqual(told[0], (6, "log", "one\n\udcff\udce2"))
        text = "".join(text or "" for _, _, text in told)
        self.assertEqual(text.encode("utf-8", "surrogateescape"), b"one\n\xff\xe2\x82\xac\ntwo\n")
        back = self.events(last=9)
        self.rig.run(self.rig.fleet.delete(self.job.guid, "test"))
        self.assertEqual(self.told(back.received)[0], (13, "log", "two\n"))
        self.assertEqual(self.told(back.received)[-1], (None, "deleted", None))
        self.assertTrue(back.answered and exchange.answered)

    def test_quiet(self) -> None:
        """Where nothing is written one hears now and then that we are still there, from the beginning."""
        self.write(b"one\n")
        exchange = self.events("?tail=0")
        self.assertIn(": still there\nid: 4\n", exchange.received)
        self.rig.clock.pump([16])
        self.assertEqual(exchange.received.count(": still there"), 2)
        exchange.hang_up()

    def events(self, query: str = "", last: int | None = None) -> Exchange:
        """Follow it as events."""
        headers = [] if last is None else [("Last-Event-ID", str(last))]
        return self.rig.begin(f"{self.path}{query}", accept="text/event-stream", headers=headers)

    def told(self, received: str) -> list[tuple[int | None, str, str | None]]:
        """What came: number, kind, text."""
        parser = Parser()
        body = received.partition("\r\n\r\n")[2]
        found = [line for line in re.split(r"\r\n[0-9a-f]+\r\n|^[0-9a-f]+\r\n", body) if line]
        messages = parser.feed("".join(found).encode())
        return [
            (int(each.id) if each.event == "log" else None, each.event, json.loads(each.data).get("text"))
            for each in messages
        ]

    def test_hang_up(self) -> None:
        """Who hangs up follows no more."""
        exchange = self.rig.begin(f"{self.path}?follow=1")
        exchange.hang_up()
        self.write(b"later\n")
        self.assertNotIn("later", exchange.received)

    def test_wrong(self) -> None:
        """What cannot be is refused; no job is 404."""
        wrong = {"tail=x": 422, "tail=-1": 422, "since=yesterday": 400, "follow=perhaps": 422, "x=1": 400}
        for query, status in wrong.items():
            self.assertEqual(self.rig.ask(f"{self.path}?{query}").status, status, query)
        self.assertEqual(self.rig.ask(f"GET /job/{'0' * 32}/log").status, 404)
