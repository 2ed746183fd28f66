"""An edit over HTTP: shown, checked, pushed to live processes, acknowledged, taken back."""

from __future__ import annotations

import os
from signal import SIGCONT, SIGHUP, SIGSTOP

from .case import Record, SharedCase
from .support import GUID, configuration, until

SECTIONS = """\
[picky]
rate = 1
colour = ${shade} red
restart = never
"""


class EditTests(SharedCase):
    """PATCH, and what comes of it."""

    @classmethod
    def configuration(cls) -> str:
        """With a module that has opinions."""
        return configuration(SECTIONS, default="shade = light\nrefresh = 5")

    async def _set_up(self) -> None:
        await super()._set_up()
        self.before = await self.revision()

    async def revision(self) -> int:
        """Of the whole configuration."""
        return int((await self.get(f"{self.it.url}/readyz"))["revision"])

    async def pickies(self, *options: Record) -> list[Record]:
        """Processors, each with options of its own."""
        jobs = [(await self.create(self.it, module="picky", options=own))[0] for own in options]
        self.before = await self.revision()
        return jobs

    async def seen(self, job: Record) -> Record:
        """The same processor's record as it is now: it was not started again."""
        now = await self.job(self.it, job["guid"])
        self.assertEqual((now["pid"], now["state"], now["ready"]), (job["pid"], "running", True))
        return now

    async def undo(self, section: str = "picky") -> None:
        """Take all edits of a section back."""
        written = (await self.get(f"{self.it.url}/config/{section}"))["options"]
        edited = {name: None for name in written if name not in ("colour", "restart")}
        await self.edit(self.it, section, edited)

    async def test_reaches(self) -> None:
        """It is in the live process when the answer says so, and each has acknowledged it."""
        jobs = await self.pickies({}, {})
        done = await self.patched(self.it, "picky", {"rate": 2.5})
        revision = done["revision"]
        self.assertEqual(revision, self.before + 1)
        change = {"rate": {"from": "1", "to": "2.5"}}
        self.assertEqual(done["changes"], {job["guid"]: change for job in jobs})
        self.assertEqual((done["outcome"]["state"], done["outcome"]["applied"]), ("done", 2))
        for job in jobs:
            answer = await self.http("GET", f"http://127.0.0.1:{job['port']}/rate")
            self.assertEqual(answer.text, "2.5\n")
            now = await self.seen(job)
            self.assertEqual(now["revision"], {"wanted": revision, "running": revision, "pending": []})
            healthz = await self.get(f"http://127.0.0.1:{job['port']}/healthz")
            self.assertEqual((healthz["guid"], healthz["revision"]), (job["guid"], revision))
        await self.patched(self.it, "picky", {"rate": None})
        self.assertEqual([config["rate"] for config in await self.each_running(jobs)], ["1", "1"])

    async def test_plan(self) -> None:
        """A plan changes nothing, and is to the letter what the same edit then answers."""
        first, second, _own = await self.pickies({}, {}, {"colour": "blue"})
        planned = await self.edit(self.it, "DEFAULT", {"shade": "dark", "extra": "${shade}er"}, "?plan=1")
        self.assertEqual(await self.revision(), self.before)
        self.assertEqual((await self.running(first))["shade"], "light")
        changed = {"shade": {"from": "light", "to": "dark"}, "extra": {"from": None, "to": "darker"}}
        inherited = {**changed, "colour": {"from": "light red", "to": "dark red"}}
        guids = first["guid"], second["guid"], _own["guid"]
        wanted = dict(zip(guids, (inherited, inherited, changed), strict=True))
        self.assertEqual(planned.json["changes"], wanted)
        line = self.it.config.read_text().split("\n").index("shade = light") + 1
        overridden = {"text": "light", "source": str(self.it.config), "line": line}
        self.assertEqual(planned.json["overrides"], {"shade": overridden})
        done = await self.edit(self.it, "DEFAULT", {"shade": "dark", "extra": "${shade}er"})
        self.assertEqual((done.status, done.json), (200, planned.json))
        self.assertEqual(done.headers["etag"], f'"{done.json["revision"]}"')
        await self.patched(self.it, "DEFAULT", {"shade": None, "extra": None})

    async def test_overtaken(self) -> None:
        """An edit that was made against what is no longer so is refused."""
        shown = await self.http("GET", f"{self.it.url}/config/picky")
        match = {"If-Match": shown.headers["etag"]}
        self.assertEqual((await self.edit(self.it, "picky", {"a": 1}, **match)).status, 200)
        overtaken = await self.edit(self.it, "picky", {"a": 2}, **match)
        self.assertEqual(overtaken.status, 412)
        self.assertEqual((await self.get(f"{self.it.url}/config/picky"))["options"]["a"], "1")
        await self.undo()

    async def test_refused(self) -> None:
        """What a running processor declared that it cannot take is refused: by guid, option, value, reason."""
        good, job = await self.pickies({"rate": "3"}, {})
        for option, value, reason in (
            ("rate", "-1", "must be > 0"),
            ("rate", "1001", "must be <= 1000"),
            ("rate", "fast", "'fast' is not a number"),
            ("workers", "0", "must be >= 1"),
            ("colour", "${nowhere}", "refers to nothing"),
            ("stop_timeout", "soon", "'soon' is not a number"),
        ):
            answer = await self.edit(self.it, "picky", {"fine": "yes", option: value}, Accept="application/json")
            self.assertEqual(answer.status, 422, answer.text)
            for word in (f"{option} = {value}", reason):
                self.assertIn(word, answer.json["detail"])
        answer = await self.edit(self.it, "DEFAULT", {"workers": "none"}, Accept="application/json")
        self.assertEqual(answer.status, 422)
        self.assertTrue(any(each["guid"] in answer.json["detail"] for each in (good, job)), answer.text)
        self.assertEqual(await self.revision(), self.before)
        self.assertNotIn("fine", await self.running(job))
        self.assertEqual((await self.seen(job))["revision"]["running"], job["revision"]["running"])

    async def test_rejected(self) -> None:
        """One that a processor rejects goes back by itself, for those too that had taken it; the history has both."""
        willing, unwilling = await self.pickies({}, {"refuses": "3"})
        done = await self.patched(self.it, "picky", {"rate": "3"})
        outcome = done["outcome"]
        self.assertEqual(outcome["state"], "reverted")
        self.assertIn(f"{unwilling['guid']} rejected it: rate: 3 is not for this one", outcome["problem"])
        self.assertEqual(outcome["reverted_by"], done["revision"] + 1)
        self.assertEqual((await self.get(f"{self.it.url}/config/picky"))["options"]["rate"], "1")
        for job in (willing, unwilling):
            self.assertEqual((await self.running(job))["rate"], "1")
            now = (await self.seen(job))["revision"]
            self.assertEqual((now["wanted"], now["running"]), (outcome["reverted_by"],) * 2)
        history = await self.get(f"{self.it.url}/config/picky/history")
        self.assertEqual([entry["revision"] for entry in history[-2:]], [done["revision"], outcome["reverted_by"]])
        self.assertEqual(history[-1]["changes"], {"rate": {"from": "3", "to": None}})

    async def test_breaks(self) -> None:
        """An exception in ``reconfigure`` is a rejection, and ends nothing."""
        job = (await self.pickies({"breaks": "4"}))[0]
        done = await self.patched(self.it, job["guid"], {"rate": "4"})
        self.assertEqual(done["outcome"]["state"], "reverted")
        self.assertIn("RuntimeError: it broke", done["outcome"]["problem"])
        await self.seen(job)
        done = await self.patched(self.it, job["guid"], {"rate": "5"})
        self.assertEqual((done["outcome"]["state"], (await self.running(job))["rate"]), ("done", "5"))

    async def test_left(self) -> None:
        """With ``revert=no`` it stays, and the processor that goes on without it is seen to differ."""
        job = (await self.pickies({"refuses": "3"}))[0]
        done = await self.patched(self.it, job["guid"], {"rate": "3"}, "?revert=no")
        self.assertEqual(done["outcome"]["state"], "failed")
        now = (await self.seen(job))["revision"]
        self.assertEqual((now["wanted"], now["running"]), (done["revision"], job["revision"]["running"]))
        self.assertEqual((now["rejected"]["revision"], now["rejected"]["option"]), (done["revision"], "rate"))
        self.assertEqual((await self.running(job))["rate"], "1")

    async def test_history(self) -> None:
        """Any earlier revision of a section comes back exactly, as a new one; who did what is told."""
        job = (await self.pickies({}))[0]
        section = job["guid"]
        edits: list[Record] = [{"rate": 2}, {"rate": 3, "a": "b"}, {"a": None}]
        revisions = [(await self.patched(self.it, section, edit))["revision"] for edit in edits]
        history = await self.get(f"{self.it.url}/config/{section}/history")
        self.assertEqual([entry["revision"] for entry in history], revisions)
        self.assertEqual({entry["actor"] for entry in history}, {"operator (local)"})
        self.assertEqual(history[1]["changes"], {"rate": {"from": "2", "to": "3"}, "a": {"from": None, "to": "b"}})
        for to, rate, extra in ((revisions[1], "3", "b"), (revisions[0], "2", None), (self.before, "1", None)):
            url = f"{self.it.url}/config/{section}/rollback"
            answer = await self.http("POST", url, {"Prefer": "wait=30"}, json={"to": to})
            self.assertEqual((answer.status, answer.json["outcome"]["state"]), (200, "done"))
            running = await self.running(job)
            self.assertEqual(
                (running["rate"], running.get("a"), running["revision"]), (rate, extra, answer.json["revision"])
            )

    async def test_explain(self) -> None:
        """Of each option it is told by which way it came: file and line, or revision, section by section."""
        job = (await self.pickies({}))[0]
        url = f"{self.it.url}/config/{job['guid']}/explain"
        lines = self.it.config.read_text().split("\n")

        def told(section: str, option: str, text: str) -> Record:
            line = lines.index(f"{option} = {text}") + 1
            return {"section": section, "option": option, "text": text, "source": str(self.it.config), "line": line}

        colour = (await self.get(url))["options"]["colour"]
        self.assertEqual(colour["value"], "light red")
        way = (told("picky", "colour", "${shade} red"), told("DEFAULT", "shade", "light"))
        for link, wanted in zip(colour["chain"][-2:], way, strict=True):
            self.assertEqual({name: link[name] for name in wanted}, wanted)
        done = await self.patched(self.it, job["guid"], {"colour": "very ${picky:colour}"})
        colour = (await self.get(url))["options"]["colour"]
        self.assertEqual(colour["value"], "very light red")
        self.assertEqual(
            (colour["chain"][0]["section"], colour["chain"][0]["revision"]), (job["guid"], done["revision"])
        )

    async def test_pending(self) -> None:
        """What is declared for the next start is taken, reported as pending, and there after a restart."""
        job = (await self.pickies({}))[0]
        done = await self.patched(self.it, job["guid"], {"workers": 4, "rate": 2})
        self.assertEqual(done["outcome"]["state"], "done")
        now = (await self.seen(job))["revision"]
        self.assertEqual((now["running"], now["pending"]), (done["revision"], ["workers"]))
        running = await self.running(job)
        self.assertEqual((running["rate"], running.get("workers", "1")), ("2", "1"))
        answer = await self.http("POST", f"{self.it.url}/job/{job['guid']}/restart", {"Prefer": "wait=30"})
        self.assertLess(answer.status, 300, answer.text)
        again = await self.becomes(self.it, job["guid"], ready=True, incarnation=2)
        self.assertEqual(again["revision"]["pending"], [])
        self.assertEqual((await self.running(job))["workers"], "4")

    async def test_drift(self) -> None:
        """A processor that does not answer is seen to run what it ran, until it takes what it is to have."""
        job = (await self.pickies({}))[0]
        os.kill(job["pid"], SIGSTOP)
        try:
            done = (await self.edit(self.it, job["guid"], {"rate": 2})).json
            now = (await self.job(self.it, job["guid"]))["revision"]
            self.assertEqual((now["wanted"], now["running"]), (done["revision"], job["revision"]["running"]))
            rollout = await self.get(f"{self.it.url}/rollout/{done['rollout']}")
            self.assertEqual((rollout["state"], rollout["waiting"]), ("running", 1))
        finally:
            os.kill(job["pid"], SIGCONT)
        revision = {"wanted": done["revision"], "running": done["revision"], "pending": []}
        await self.becomes(self.it, job["guid"], revision=revision)
        self.assertEqual((await self.running(job))["rate"], "2")

    async def test_file_and_edit(self) -> None:
        """Where an edit and the file disagree the edit wins, until it is unset; then the file's newest is there."""
        job = (await self.pickies({}))[0]
        await self.patched(self.it, "picky", {"rate": 2})
        self.it.edit("\nrate = 1\n", "\nrate = 7\n")
        self.it.send(SIGHUP)

        async def is_read() -> bool:
            return await self.revision() > self.before + 1

        await until(is_read, self.it.console.text)
        self.assertEqual((await self.running(job))["rate"], "2")
        link = (await self.get(f"{self.it.url}/config/{job['guid']}/explain"))["options"]["rate"]["chain"][-1]
        self.assertEqual(link["overrides"]["text"], "7")
        await self.patched(self.it, "picky", {"rate": None})
        self.assertEqual((await self.running(job))["rate"], "7")
        self.it.edit("\nrate = 7\n", "\nrate = 1\n")
        self.it.send(SIGHUP)
        await self.becomes_rate(job, "1")

    async def becomes_rate(self, job: Record, rate: str) -> None:
        """Wait until a processor runs that."""

        async def is_there() -> bool:
            return bool((await self.running(job))["rate"] == rate)

        await until(is_there, self.it.console.text)

    async def test_initiator(self) -> None:
        """The initiator's own section can be edited too, and is checked like the file."""
        answer = await self.edit(self.it, GUID, {"max_jobs": "few"}, Accept="application/json")
        self.assertEqual(answer.status, 422)
        self.assertEqual((await self.edit(self.it, GUID, {"max_jobs": 0})).status, 200)
        refused = await self.http("POST", f"{self.it.url}/create")
        self.assertEqual((refused.status, "max_jobs = 0" in refused.text), (503, True))
        self.assertEqual((await self.edit(self.it, GUID, {"max_jobs": None})).status, 200)
