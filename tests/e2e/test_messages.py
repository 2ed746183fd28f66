"""Durable messages between real processes: through kills of who takes them, and of the initiator."""

from __future__ import annotations

import os
from signal import SIGKILL
from typing import Any

from .case import Record
from .support import Initiator, until
from .test_sequences import Examples


class MessageTests(Examples):
    """The examples that send them."""

    async def send(self, it: Initiator, target: str, data: bytes) -> Record:
        """Send one, as curl does."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self.http("POST", f"{it.url}/message/{target}", headers, data=data)
        self.assertEqual(answer.status, 202, answer.text)
        receipt: Record = answer.json
        return receipt

    async def shows(self, it: Initiator, job: Record, path: str, wanted: Any) -> None:
        """Wait until a processor answers with that."""

        async def so() -> bool:
            return bool(await self.get(f"http://127.0.0.1:{job['port']}{path}") == wanted)

        await until(so, it.console.text)

    async def test_publish_subscribe(self) -> None:
        """All who have subscribed hear it, and who subscribes by an edit hears what comes after that."""
        it = await self.begin()
        guests = await self.create(it, 2, module="publish_subscribe")
        answer = await self.http("POST", f"http://127.0.0.1:{guests[0]['port']}/say", data=b"good morning")
        self.assertEqual(answer.text, "said to 2\n")
        for guest in guests:
            await self.shows(it, guest, "/heard", ["chat.lobby: good morning"])
        self.assertEqual((await self.send(it, "topic:chat.garden?type=said", b"unheard"))["to"], [])
        await self.patched(it, guests[1]["guid"], {"subscribe": "chat.*"})
        receipt = await self.send(it, "topic:chat.garden?type=said", b"from outside")
        self.assertEqual(receipt["to"], [guests[1]["guid"]])
        await self.shows(it, guests[1], "/heard", ["chat.lobby: good morning", "chat.garden: from outside"])

    async def test_work_queue(self) -> None:
        """All work is done although a worker is killed over it; what cannot be done is a dead letter."""
        it = await self.begin("restart_delay = 0.1\n")
        workers = await self.create(it, 2, module="work_queue")
        for below in (10, 100, 2_000_000, 1000):
            await self.send(it, "work_queue?type=count", b'{"below": %d}' % below)
        os.kill(workers[0]["pid"], SIGKILL)
        await self.send(it, "work_queue?type=count", b'{"below": "many"}')

        async def is_over() -> bool:
            found = await self.get(f"{it.url}/message")
            return bool(not found["waiting"] and found["dead"] == 1)

        await until(is_over, it.console.text)
        results = {"10": 4, "100": 25, "2000000": 148933, "1000": 168}
        await self.shows(it, workers[1], "/results", results)
        (letter,) = await self.get(f"{it.url}/message?state=dead")
        self.assertIn("below: must be a whole number", letter["problem"])
        stranger = await self.http("POST", f"http://127.0.0.1:{workers[1]['port']}/message", data=b"x")
        self.assertEqual(stranger.status, 401)
