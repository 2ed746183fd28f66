"""An edit that goes out in batches: one that a processor cannot take stops there, and all run the old value again."""

from __future__ import annotations

import re

from twisted.internet.defer import Deferred, gatherResults

from .case import Record, SharedCase
from .support import configuration, curl, until

FLEET = 12
SECTIONS = """\
[picky]
rate = 1
restart = never
"""


class RolloutTests(SharedCase):
    """Twelve processors, in batches of a quarter."""

    @classmethod
    def configuration(cls) -> str:
        """Of processors that may be told what to make of an edit."""
        return configuration(SECTIONS)

    async def _set_up(self) -> None:
        await super()._set_up()
        # Whatever the test before left edited.
        await self.edit(self.it, "picky", {"rate": "1"})

    async def fleet(self, count: int = FLEET, labels: dict[int, Record] | None = None, **odd: Record) -> list[Record]:
        """Processors, in the order in which an edit reaches them.

        :param odd: options of the fifth, ``_5``.
        """
        orders = [
            {"module": "picky", "options": odd.get(f"_{number}", {}), "labels": (labels or {}).get(number, {})}
            for number in range(1, count + 1)
        ]
        url, headers = f"{self.it.url}/create", {"Accept": "application/json"}
        made = [(await self.http("POST", url, headers, json=order)).json["guid"] for order in orders]
        return [await self.becomes(self.it, guid, ready=True) for guid in made]

    async def rollout(self, done: Record) -> Record:
        """The record of an edit's rollout."""
        record: Record = await self.get(f"{self.it.url}/rollout/{done['rollout']}")
        return record

    def saw(self, job: Record, revision: int) -> bool:
        """Whether a processor has said that it was given a revision: it logs what it takes, and what it rejects."""
        mine = rf"\|{job['pid']}\|proactor.processor\|"
        return bool(self.it.console.lines(rf"{mine}(Changed .*\(revision {revision}\)|Rejected revision {revision}:)"))

    async def check_saw(self, jobs: list[Record], revision: int, *wanted: bool) -> None:
        """Who was given a revision, and who never was; the console is a moment behind the acknowledgements."""
        saying = [job for job, given in zip(jobs, wanted, strict=True) if given]
        await until(lambda: all(self.saw(job, revision) for job in saying), self.it.console.text)
        self.assertEqual([self.saw(job, revision) for job in jobs], list(wanted))

    async def check_old(self, jobs: list[Record]) -> None:
        """All run the old value: the same processes."""
        self.assertEqual([config["rate"] for config in await self.each_running(jobs)], ["1"] * len(jobs))
        now = [await self.job(self.it, job["guid"]) for job in jobs]
        self.assertEqual([job["pid"] for job in now], [job["pid"] for job in jobs])
        self.assertEqual([job["revision"]["running"] for job in now], [job["revision"]["wanted"] for job in now])

    def check_order(self, rollout: Record, *wanted: str) -> None:
        """The timeline has these events in this order, among others; it is numbered and dated in order."""
        events = rollout["events"]
        told = iter(f"{event['event']} {event.get('batch', event.get('guid', ''))}".strip() for event in events)
        for each in wanted:
            self.assertIn(each, told, [event["event"] for event in events])
        self.assertEqual([event["id"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual([event["time"] for event in events], sorted(event["time"] for event in events))

    async def test_taken(self) -> None:
        """Batch after batch takes it, each after the one before has acknowledged it."""
        jobs = await self.fleet(6)
        done = await self.patched(self.it, "picky", {"rate": 2}, "?batch=1&batch=25%")
        rollout = done["outcome"]
        self.assertEqual((rollout["state"], rollout["applied"], rollout["batches"]), ("done", 6, [1, 2, 2, 1]))
        self.assertEqual([config["rate"] for config in await self.each_running(jobs)], ["2"] * 6)
        guids = [job["guid"] for job in jobs]
        self.check_order(rollout, "started", "batch 1", f"applied {guids[0]}", "batch 2", "batch 4", "done")
        for number, event in enumerate(rollout["events"]):
            before = rollout["events"][:number]
            if event["event"] == "batch" and event["batch"] > 1:
                given = sum(len(each["processors"]) for each in before if each["event"] == "batch")
                self.assertEqual(sum(each["event"] == "applied" for each in before), given)

    async def test_rejected(self) -> None:
        """The fifth of twelve rejects it: the later batches never see it, and all run the old value again."""
        jobs = await self.fleet(_5={"refuses": "3"})
        done = await self.patched(self.it, "picky", {"rate": 3}, "?batch=25%")
        rollout, revision = done["outcome"], done["revision"]
        self.assertEqual((rollout["state"], rollout["batches"], rollout["batch"]), ("reverted", [3, 3, 3, 3], 2))
        self.assertIn(f"{jobs[4]['guid']} rejected it: rate: ", rollout["problem"])
        await self.check_old(jobs)
        await self.check_saw(jobs, revision, *[True] * 6, *[False] * 6)
        self.check_order(
            rollout,
            *("started", "batch 1", f"applied {jobs[0]['guid']}", "batch 2", f"rejected {jobs[4]['guid']}"),
            *("stopped", "reverting", "reverted"),
        )

    async def test_fallen(self) -> None:
        """The fifth dies a second after it took it, within the watch: it ends as if that had rejected it."""
        jobs = await self.fleet(_5={"falls": "4"})
        done = await self.patched(self.it, "picky", {"rate": 4}, "?batch=25%&watch=2")
        rollout, revision, fallen = done["outcome"], done["revision"], jobs[4]
        self.assertEqual((rollout["state"], rollout["batch"], rollout["absent"]), ("reverted", 2, 1))
        self.assertIn(f"{fallen['guid']} fell over", rollout["problem"])
        self.assertEqual((await self.job(self.it, fallen["guid"]))["exit"]["code"], 3)
        await self.check_old([job for job in jobs if job is not fallen])
        await self.check_saw(jobs, revision, *[True] * 6, *[False] * 6)
        taken = (f"applied {fallen['guid']}", f"absent {fallen['guid']}")
        self.check_order(rollout, "batch 1", "batch 2", *taken, "stopped", "reverting", "reverted")

    async def test_canary(self) -> None:
        """One that is chosen by a label gets it first, and alone; the others when it has stayed well, or never."""
        jobs = await self.fleet(4, {3: {"role": "canary"}}, _3={"refuses": "3"})
        canary = jobs[2]
        done = await self.patched(self.it, "picky", {"rate": 2}, "?first=label:role=canary")
        self.assertEqual((done["outcome"]["state"], done["outcome"]["batches"]), ("done", [1, 3]))
        first = next(event for event in done["outcome"]["events"] if event["event"] == "batch")
        self.assertEqual(first["processors"], [canary["guid"]])
        done = await self.patched(self.it, "picky", {"rate": 3}, f"?first={canary['guid']}")
        self.assertEqual(done["outcome"]["state"], "reverted")
        await self.check_saw(jobs, done["revision"], False, False, True, False)
        self.assertEqual([config["rate"] for config in await self.each_running(jobs)], ["2"] * 4)

    async def test_watched(self) -> None:
        """While a batch is watched the others still run the old value; one that falls over then takes it back."""
        jobs = await self.fleet(3)
        done = (await self.edit(self.it, "picky", {"rate": 2}, "?batch=1&watch=60")).json

        async def has_applied() -> bool:
            return bool((await self.rollout(done))["applied"] == 1)

        await until(has_applied, self.it.console.text)
        self.assertEqual([config["rate"] for config in await self.each_running(jobs)], ["2", "1", "1"])
        explained = await self.get(f"{self.it.url}/config/{jobs[2]['guid']}/explain")
        self.assertLess(explained["held_at"], explained["revision"])
        refused = await self.edit(self.it, "picky", {"rate": 5}, "?conflict=refuse")
        self.assertEqual(refused.status, 409)
        self.assertIn(f"/rollout/{done['rollout']}", refused.text)
        await curl("-s", "-X", "POST", f"http://127.0.0.1:{jobs[0]['port']}/fall")
        rollout = await self.over(done)
        self.assertEqual((rollout["state"], rollout["batch"]), ("reverted", 1))
        await self.check_old(jobs[1:])
        await self.check_saw(jobs, done["revision"], True, False, False)

    async def over(self, done: Record) -> Record:
        """Wait for the end of a rollout, by requests that are held until there is news of it."""
        url = f"{self.it.url}/rollout/{done['rollout']}"
        answer = await self.http("GET", url)
        while answer.json["state"] in ("running", "reverting"):
            known = answer.headers["etag"]
            news = await self.http("GET", url, {"If-None-Match": known, "Prefer": "wait=30"})
            self.assertEqual(news.status, 200)
            answer = news
        return answer.json  # type: ignore[no-any-return]

    async def test_followed(self) -> None:
        """Its events can be followed as they come, from any of them on; the stream ends with it."""
        job = (await self.fleet(1))[0]
        done = (await self.edit(self.it, job["guid"], {"rate": 2}, "?watch=0.5")).json
        stream = ("-sN", "-H", "Accept: text/event-stream", f"{self.it.url}/rollout/{done['rollout']}")
        told = await curl(*stream)
        self.assertEqual(re.findall("event: (.*)", told), ["started", "batch", "applied", "done"])
        self.assertIn(f'"guid": "{job["guid"]}"', told)
        rest = await curl("-H", "Last-Event-ID: 2", *stream)
        self.assertEqual(re.findall("id: (.*)", rest), ["3", "4"])

    async def test_section_paces_itself(self) -> None:
        """A section's own ``rollout_batch`` is how its edits go out; another waits for one that is under way."""
        await self.fleet(4)
        await self.patched(self.it, "picky", {"rollout_batch": "1 50%"})
        edits = [self.patched(self.it, "picky", {"rate": rate}) for rate in (2, 3)]
        done: list[Record] = await gatherResults([Deferred.fromCoroutine(each) for each in edits])
        self.assertEqual([each["outcome"]["batches"] for each in done], [[1, 2, 1]] * 2)
        self.assertEqual([each["outcome"]["state"] for each in done], ["done"] * 2)
        times = [[event["time"] for event in each["outcome"]["events"]] for each in done]
        self.assertLessEqual(times[0][-1], times[1][0])
        await self.patched(self.it, "picky", {"rate": None, "rollout_batch": None})
