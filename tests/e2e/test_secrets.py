"""What is secret is shown nowhere: not by the system, in no log, in no view; and it is kept from whom it is not for."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .case import Record, SharedCase
from .support import MARK, configuration, until

#: How any JWT begins.
TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ")
PASSWORD, PIN, BOUGHT = "correct-horse", "battery-staple", "never-in-the-environment"

SECTIONS = f"""\
[picky]
rate = 1
db_password = {PASSWORD}
database = postgres://me:${{db_password}}@localhost/
pin = {PIN}
refuses = 13

[bare]
report = nowhere
restart = never
"""


class SecretTests(SharedCase):
    """An initiator with secrets in its file, and its processors."""

    variables = {"PROACTOR_TOKEN": BOUGHT}

    @classmethod
    def configuration(cls) -> str:
        """With secrets by name, by what they are made of, and by declaration."""
        return configuration(SECTIONS)

    async def _set_up(self) -> None:
        await super()._set_up()
        ring = json.loads((self.it.home / "keys" / "ring.json").read_text())
        keys = [key["pem"].split("\n")[1] for key in ring["keys"]]
        self.secrets = [each.encode() for each in (PASSWORD, PIN, BOUGHT, self.it.operator_token(), *keys)]

    def check(self, data: bytes | str, where: object, but: str = "") -> None:
        """See that no secret is there; the message of a failure does not show it either."""
        data = data.encode() if isinstance(data, str) else data
        self.assertFalse(any(each in data for each in self.secrets if each != but.encode()), f"a secret in {where}")
        self.assertFalse(TOKEN.search(data), f"a token in {where}")

    async def report(self, job_options: Record | None = None) -> tuple[Record, Record]:
        """A bare processor's job, and how it was started."""
        path = self.folder() / "report"
        order = {"module": "bare", "options": {"report": str(path), **(job_options or {})}}
        answer = await self.http("POST", f"{self.it.url}/create", {"Accept": "application/json"}, json=order)
        self.assertEqual(answer.status, 201, answer.text)
        await until(path.exists, "a report")
        return answer.json, json.loads(path.read_text())

    async def test_processes(self) -> None:
        """The system shows no secret of any process: neither arguments nor environment hold one."""
        job = (await self.create(self.it, module="picky"))[0]
        bare, report = await self.report()
        for pid in (job["pid"], bare["pid"]):
            for name in ("cmdline", "environ"):
                self.check(Path(f"/proc/{pid}/{name}").read_bytes(), f"{name} of {job['module']}")
        self.check(Path(f"/proc/{self.it.pid}/cmdline").read_bytes(), "the initiator's cmdline")
        self.assertIn(MARK, report["environment"])
        self.assertNotIn("PROACTOR_TOKEN", report["environment"])

    async def test_started_with(self) -> None:
        """A processor is given its own section and a token, the socket, and nothing of a sibling or the initiator."""
        job, report = await self.report({"colour": "$$[x];#"})
        self.assertEqual(report["argv"][1:], ["--guid", job["guid"], "--port", str(job["port"]), "--fd", "3"])
        self.assertEqual([name for name in report["sections"] if name != "_"], [job["guid"]])
        own = report["sections"][job["guid"]]
        self.assertEqual((own["colour"], own["parent_url"]), ("$[x];#", self.it.url))
        text = json.dumps(report)
        self.assertFalse(any(secret.decode() in text for secret in self.secrets), "a secret that is not for it")
        self.assertEqual(len(TOKEN.findall(text.encode())), 1)
        self.assertEqual(report["descriptors"], [0, 1, 2, 3, 4])
        self.assertTrue(report["session"])

    async def test_files(self) -> None:
        """The home is the owner's alone; only the files of secrets hold some."""
        await self.create(self.it, module="picky")
        for path in self.it.home.rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        self.assertEqual(self.it.home.stat().st_mode & 0o077, 0)
        for path in (self.it.home / "logs").iterdir():
            self.check(path.read_bytes(), path.name)

    async def test_views(self) -> None:
        """Every view of an operator's shows three stars; so does a processor's own, or it leaves the secret out."""
        job = (await self.create(self.it, module="picky"))[0]
        guid = job["guid"]
        await self.patched(self.it, "picky", {"pin": "1234", "db_password": "swordfish"})
        self.secrets += [b"swordfish"]
        views = (f"/config/{guid}", "/config/picky", "/config", f"/config/{guid}/explain", "/config/picky/history")
        for view in (*views, f"/job/{guid}", "/job"):
            answer = await self.http("GET", f"{self.it.url}{view}")
            self.assertEqual(answer.status, 200, view)
            self.check(answer.text, view)
        shown = await self.get(f"{self.it.url}/config/{guid}")
        self.assertEqual([shown[name] for name in ("db_password", "database", "pin", "token")], ["***"] * 4)
        running = await self.running(job)
        self.assertEqual(running.keys() & {"db_password", "pin", "token"}, set())
        await self.patched(self.it, "picky", {"pin": None, "db_password": None})

    async def test_edits(self) -> None:
        """No plan, answer, rollout, rejection or line of a log shows one; nor does an edit that refers to it get it."""
        job = (await self.create(self.it, module="picky"))[0]
        edit = {"db_password": "open-sesame", "pin": "hush"}
        self.secrets += [b"open-sesame", b"hush"]
        planned = await self.edit(self.it, "picky", edit, "?plan=1")
        applied = await self.patched(self.it, "picky", edit)
        rejected = await self.patched(self.it, "picky", {"rate": 13})
        self.assertIn("is not for this one, whose pin is ***", rejected["outcome"]["problem"])
        stolen = await self.edit(self.it, job["guid"], {"colour": "${picky:db_password}"})
        self.assertEqual(stolen.status, 422)
        for text in (planned.text, json.dumps([applied, rejected]), stolen.text):
            self.check(text, "an answer")
        rollout = await self.http("GET", f"{self.it.url}/rollout/{rejected['rollout']}")
        self.check(rollout.text, "a rollout")
        await self.it.console.line(rf"\|{job['pid']}\|proactor.processor\|Rejected revision ")
        self.check(self.it.console.text(), "the console")
        await self.patched(self.it, "picky", {"pin": None, "db_password": None})
