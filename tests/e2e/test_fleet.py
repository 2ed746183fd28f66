"""Many processors at once, and the ports that they are given."""

from __future__ import annotations

import re
import socket
from contextlib import closing

from twisted.internet.defer import Deferred, gatherResults

from .case import Case, SharedCase
from .support import Answer, Initiator, configuration, curl

AT_ONCE = 20


class FleetTests(SharedCase):
    """An initiator with ports enough."""

    @classmethod
    def configuration(cls) -> str:
        """With modules that start, start late, and do not start."""
        return configuration("[gated]\n\n[broken]\nrestart = never\n\n[not_there]\nrestart = never\n")

    async def test_at_once(self) -> None:
        """Twenty creations at once are twenty processors, each at a port of its own and with its own name there."""
        posts = [self.http("POST", f"{self.it.url}/create") for _ in range(AT_ONCE)]
        answers: list[Answer] = await gatherResults([Deferred.fromCoroutine(post) for post in posts])
        self.assertEqual([(each.status, each.text) for each in answers], [(201, "201: Created\n")] * AT_ONCE)
        guids = [each.headers["location"].removeprefix("/job/") for each in answers]
        jobs = [await self.becomes(self.it, guid, ready=True, state="running") for guid in guids]
        self.assertEqual(len({job["port"] for job in jobs}), AT_ONCE)
        self.assertEqual(len({job["pid"] for job in jobs}), AT_ONCE)
        self.assertEqual([config["guid"] for config in await self.each_running(jobs)], guids)

    async def test_slow_launch(self) -> None:
        """One that is slow to start, and one that cannot, delay nobody; each is ready when it is."""
        gate = self.folder() / "open"
        slow = await curl(
            "-s",
            "-H",
            "Accept: application/json",
            "-d",
            "module=gated",
            "-d",
            f"options.gate={gate}",
            f"{self.it.url}/create",
        )
        await curl("-s", "-d", "module=broken", f"{self.it.url}/create")
        guid = re.findall('"guid": "([0-9a-f]{32})"', slow)[0]
        await self.create(self.it, count=2)
        job = await self.job(self.it, guid)
        self.assertEqual((job["state"], job["ready"]), ("starting", False))
        gate.touch()
        await self.becomes(self.it, guid, state="running", ready=True)

    async def test_waiting_clients(self) -> None:
        """A processor's URL is good as soon as it is created: who calls before it serves waits, and is not refused."""
        gate = self.folder() / "open"
        answer = await self.http(
            "POST",
            f"{self.it.url}/create",
            {"Accept": "application/json"},
            json={"module": "gated", "options": {"gate": str(gate)}},
        )
        job = answer.json
        call = Deferred.fromCoroutine(self.running(job))
        await self.create(self.it)
        self.assertFalse(call.called)
        gate.touch()
        self.assertEqual((await call)["guid"], job["guid"])

    async def test_cannot_be_imported(self) -> None:
        """The job of a module that cannot be imported says why."""
        for module, why in (("not_there", "No module named not_there"), ("broken", "this module is broken")):
            location = re.findall(
                "Location: (.*)\r\n", await curl("-si", "-d", f"module={module}", f"{self.it.url}/create")
            )
            job = await self.becomes(self.it, location[0].removeprefix("/job/"), state="exited", pid=None, ready=False)
            self.assertEqual((job["exit"]["code"], job["exit"]["signal"]), (1, None))
            self.assertIn("exited with status 1", job["exit"]["reason"])
            self.assertIn(why, job["exit"]["lines"][-1])

    async def test_delete(self) -> None:
        """A deleted job is no more, nor its process, nor its log; its port can be had again."""
        job = (await self.create(self.it))[0]
        url = f"{self.it.url}/job/{job['guid']}"
        self.assertEqual((await self.http("DELETE", url, {"Prefer": "wait=30"})).status, 204)
        self.assertEqual((await self.http("GET", url)).status, 404)
        self.assertEqual(list((self.it.home / "logs").glob(f"{job['guid']}*")), [])
        with closing(socket.create_server(("127.0.0.1", job["port"]))):
            pass


class PortTests(Case):
    """An initiator with three ports."""

    async def created(self, initiator: Initiator) -> Answer:
        return await self.http("POST", f"{initiator.url}/create", {"Accept": "application/json"}, json={})

    async def test_few_ports(self) -> None:
        """A port that another program has is passed over; with none left it is 503 and why; one given back is used."""
        text = configuration(ports=3)
        first = int(re.findall(r"child_port_min = (\d+)", text)[0])
        with closing(socket.create_server(("127.0.0.1", first + 1))):
            initiator = await self.start(text)
            one, two, none = [await self.created(initiator) for _ in range(3)]
            self.assertEqual([one.json["port"], two.json["port"]], [first, first + 2])
            self.assertEqual(none.status, 503)
            self.assertIn(f"no port is left in {first}-{first + 2} at 127.0.0.1", none.json["detail"])
            self.assertIn("2 are processors', 1 other programs'", none.json["detail"])
            self.assertRegex(none.headers["retry-after"], r"^\d+$")
            self.assertRegex(await curl("-s", "-X", "POST", f"{initiator.url}/create"), "^503: .*no port is left")
            gone = await self.http("DELETE", f"{initiator.url}/job/{one.json['guid']}", {"Prefer": "wait=30"})
            self.assertEqual(gone.status, 204)
            self.assertEqual((await self.created(initiator)).json["port"], first)
        for job in await self.jobs(initiator):
            await self.becomes(initiator, job["guid"], ready=True)

    async def test_most_jobs(self) -> None:
        """At ``max_jobs`` it is 503 and why, and of several that are asked for at once none is started."""
        initiator = await self.start(configuration(own="max_jobs = 2"))
        answer = await self.http("POST", f"{initiator.url}/create", json={"count": 3})
        self.assertEqual(answer.status, 503)
        self.assertIn("max_jobs = 2", answer.text)
        self.assertEqual(await self.jobs(initiator), [])
        self.assertEqual(len(await self.create(initiator, count=2)), 2)
        self.assertEqual((await self.created(initiator)).status, 503)
