"""Processors that call one another, as real processes: the examples, over a fleet that is killed and reconfigured."""

from __future__ import annotations

import re
import shutil
import sys
from random import Random
from signal import SIGKILL

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutput

from .case import Case, Record
from .ports import free_ports
from .support import ROOT, Initiator, environment, until


class Examples(Case):
    """``examples/``, copied, on free ports."""

    async def begin(self, options: str = "", ports: int = 12) -> Initiator:
        """Start an initiator.

        :param options: lines for DEFAULT.
        """
        folder = self.folder()
        for path in (ROOT / "examples").glob("*.*"):
            shutil.copy(path, folder)
        first = free_ports(ports, "0.0.0.0")
        numbers = {"8080": first, "49152": first + 1, "65535": first + ports - 1}
        config = folder / "proactor.cfg"
        text = re.sub("|".join(numbers), lambda match: str(numbers[match[0]]), config.read_text())
        config.write_text(text.replace("refresh = 1\n", f"refresh = 5\n{options}"))
        initiator = Initiator(folder)
        self.addCleanup(initiator.end)
        return await initiator.served()

    async def text(self, job: Record, path: str, status: int = 200) -> str:
        """What a processor answers."""
        answer = await self.http("GET", f"http://127.0.0.1:{job['port']}{path}")
        self.assertEqual(answer.status, status, answer.text)
        return answer.text


class SequenceTests(Examples):
    """The sequences of ``docs/messaging.md``."""

    async def test_all(self) -> None:
        """Each of them works between processes, with real tokens."""
        it = await self.begin()
        spellers = await self.create(it, 2, module="request_reply")
        said = await self.text(spellers[0], "/ask/oak")
        self.assertEqual(said, f"{spellers[1]['guid']} says: O-A-K\n")

        traders = [
            (await self.create(it, module="scatter_gather", options={"price": str(price)}))[0] for price in (9, 70, 60)
        ]
        best = await self.get(f"http://127.0.0.1:{traders[0]['port']}/best")
        self.assertLessEqual(best["answered"], best["asked"])

        async def complete() -> bool:
            found = await self.get(f"http://127.0.0.1:{traders[0]['port']}/best")
            return bool(found == {"guid": traders[2]["guid"], "price": 60.0, "asked": 2, "answered": 2})

        await until(complete, it.console.text)

        first = await self.stage(it, "strip", "label:step=reverse")
        await self.stage(it, "reverse", "")
        url = f"http://127.0.0.1:{first['port']}/work"
        answer = await self.http("POST", url, data=b" live  on ")
        self.assertEqual((answer.status, answer.text), (200, "no evil"))
        await self.stage(it, "upper", "label:step=reverse")
        await self.patched(it, first["guid"], {"next": "label:step=upper"})
        self.assertEqual((await self.http("POST", url, data=b" live  on ")).text, "NO EVIL")

        endpoints = await self.get(f"{it.url}/endpoints?module=pipeline")
        self.assertEqual(len(endpoints), 3)

    async def stage(self, it: Initiator, step: str, next_: str) -> Record:
        options, labels = {"step": step, "next": next_}, {"step": step}
        (job,) = await self.create(it, module="pipeline", options=options, labels=labels)
        return job


class PictureTests(Examples):
    """A computation over processors that are killed and reconfigured."""

    async def test_right_whatever_happens(self) -> None:
        """The picture is the one that is computed in one process, byte for byte."""
        it = await self.begin()
        drawing = await self.create(it, 5, module="mandelbrot")
        size = "160x120"
        path = "/picture.png?width=160&height=120"
        expected: bytes = await getProcessOutput(
            sys.executable,
            [str(ROOT / "examples" / "mandelbrot.py"), "--picture", size],
            env=environment(),
            reactor=reactor,
        )
        await self.patched(it, "mandelbrot", {"rest": 0.02})
        picture = Deferred.fromCoroutine(self.content(drawing[0], path))
        chance, killed = Random(1), 0
        while not picture.called:
            victim = chance.choice(drawing[1:])
            answer = await self.http("POST", f"{it.url}/job/{victim['guid']}/signal", json={"signal": "KILL"})
            killed += answer.status == 202
            await self.edit(it, "mandelbrot", {"rest": chance.choice([0.01, 0.02, 0.03])})
            await deferLater(reactor, 0.3)
        self.assertEqual(await picture, expected)
        self.assertGreater(killed, 0)

    async def content(self, job: Record, path: str) -> bytes:
        response = await self.http.raw("GET", f"http://127.0.0.1:{job['port']}{path}")
        self.assertEqual(response.code, 200)
        body: bytes = await response.content()
        return body


class KilledInitiatorTests(Examples):
    """The initiator is killed while processors call one another."""

    async def test_calls_go_on(self) -> None:
        """No call fails while it is gone, and afterwards tokens are renewed by themselves."""
        it = await self.begin("peer_token_ttl = 12\n")
        spellers = await self.create(it, 3, module="request_reply")
        paths = [(job, "/ask/oak") for job in spellers]
        await gatherResults([Deferred.fromCoroutine(self.text(*each)) for each in paths])
        failed: list[str] = []
        calls = [0]

        async def keep_calling(until_: float) -> None:
            while reactor.seconds() < until_:
                for job, path in paths:
                    answer = await self.http("GET", f"http://127.0.0.1:{job['port']}{path}")
                    calls[0] += 1
                    if answer.status != 200:
                        failed.append(answer.text)

        it.send(SIGKILL)
        await it.ended()
        await keep_calling(reactor.seconds() + 5)
        self.assertEqual(failed, [])
        self.assertGreater(calls[0], 10)
        after = it.following()
        self.addCleanup(after.end)
        await after.served()
        # Longer than any token lives that was given out before.
        await keep_calling(reactor.seconds() + 13)
        self.assertEqual(failed, [])
