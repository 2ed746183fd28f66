"""How much is logged, changed while everything runs; and the log as JSON, whatever processors write."""

from __future__ import annotations

import json
import os
import sys
from signal import SIGHUP
from typing import Any

from .case import Case, Record, SharedCase, begin
from .support import Initiator, configuration, until

#: Writes all bytes there are, and a line that passes for one of the initiator's, then serves.
ANY_BYTES = (
    "import os,sys;"
    'os.write(1,bytes(range(256))+b"\\n\\xff\\xfe {\\"a\\": 1}\\n\\n"+b"x"*70000+b"\\n");'
    'os.write(2,b"2026-11-24 18:11:30,306 ERROR  |1|proactor|forged\\n");'
    'os.execv(sys.executable,[sys.executable,"-m","proactor.processor",*sys.argv[1:]])'
)


class LevelTests(SharedCase):
    """The level of the initiator, and of a processor."""

    @classmethod
    def configuration(cls) -> str:
        """Of a worker that fetches all the time."""
        return configuration("[worker]\nrate = 1\nrefresh = 0.2\npush = no\n")

    async def put(self, **order: Any) -> Record:
        answer = await self.http("PUT", f"{self.it.url}/log-level", json=order)
        self.assertEqual(answer.status, 200, answer.text)
        record: Record = answer.json
        return record

    async def test_initiator(self) -> None:
        """What is debugging is heard from one request to the next, and no more after it."""
        await self.put(level="warning")
        debugging = r" DEBUG  \|\d+\|proactor.changes.configurator\|Revision \d+: edit of \[worker\]"
        await self.patched(self.it, "worker", {"rate": "2"})
        before = len(self.it.console.lines(debugging))
        await self.put(level="debug", namespace="proactor.changes.configurator")
        await self.patched(self.it, "worker", {"rate": "3"})
        await self.it.console.line(debugging, before + 1)
        await self.put(level="default", namespace="proactor.changes.configurator")
        await self.patched(self.it, "worker", {"rate": "4"})
        self.assertEqual(len(self.it.console.lines(debugging)), before + 1)
        record = await self.put(level="default")
        self.assertEqual((record["level"], record["default"], record["namespaces"]), ("debug", "debug", {}))
        told = self.it.console.lines(r" INFO   \|\d+\|proactor.log_level\|Log level")
        self.assertEqual(len(told), 4, told)

    async def test_processor(self) -> None:
        """An edit of ``log_level`` changes what the running process logs, both ways, and is told by any level."""
        (job,) = await self.create(self.it, module="worker")
        fetched = rf" DEBUG  \|{job['pid']}\|proactor.processor\|Fetched: "
        self.assertEqual(self.it.console.lines(fetched), [])
        await self.patched(self.it, job["guid"], {"log_level": "debug"})
        await self.it.console.line(fetched)
        await self.patched(self.it, job["guid"], {"log_level": "critical"})
        await self.patched(self.it, job["guid"], {"log_level": "error"})
        told = rf" INFO   \|{job['pid']}\|proactor.log_level\|Changed log_level: "
        await self.it.console.line(told + "critical -> error")
        count = len(self.it.console.lines(fetched))
        await self.patched(self.it, job["guid"], {"log_level": None})
        await self.it.console.line(told + "error -> ")
        self.assertEqual(len(self.it.console.lines(fetched)), count)
        after = await self.job(self.it, job["guid"])
        self.assertEqual((after["pid"], after["revision"].get("pending")), (job["pid"], []))

    async def test_wrong(self) -> None:
        """A level that is none reaches no process, and it is said which there are."""
        (job,) = await self.create(self.it, module="worker")
        answer = await self.edit(self.it, job["guid"], {"log_level": "loud"})
        self.assertEqual(answer.status, 422)
        self.assertIn("must be one of debug, info, warning, error, critical", answer.text)


class JSONTests(Case):
    """``--log-format json``."""

    async def served(self, initiator: Initiator) -> Initiator:
        """Wait until it serves, of which the log tells in JSON."""
        line = await initiator.console.line(r'"message": "Serving on ')
        initiator.port = int(json.loads(line)["message"].rpartition(":")[2])
        initiator.url = f"http://127.0.0.1:{initiator.port}"
        return initiator

    async def test_every_line(self) -> None:
        """Every line of the console is a JSON object with all fields, first to last, whatever was written."""
        script = self.folder() / "any_bytes.py"
        script.write_text(ANY_BYTES)
        command = f"{sys.executable} {script} --guid {{guid}} --port {{port}} --fd {{fd}}"
        text = configuration(f"[worker]\nrate = 1\n\n[any]\ncommand = {command}\n")
        initiator = begin(self.folder(), text, "--log-format", "json", "--verbose")
        self.addCleanup(initiator.end)
        await self.served(initiator)
        (worker,) = await self.create(initiator, module="worker")
        (strange,) = await self.create(initiator, module="any")
        await self.http("GET", f"{initiator.url}/nowhere")
        await self.http("POST", f"{initiator.url}/create", {"Authorization": "Bearer wrong"})
        initiator.edit("rate = 1", "rate = 2")
        initiator.send(SIGHUP)
        await initiator.console.line("Read config again")
        initiator.edit("rate = 2", "refresh = never")
        initiator.send(SIGHUP)
        await initiator.console.line("stays as it was")
        os.kill(worker["pid"], 9)
        await until(lambda: self.records(initiator, "SIGKILL"), initiator.console.text)
        initiator.process.terminate()
        await initiator.ended()
        records = self.records(initiator)
        for record in records:
            self.assertLessEqual({"time", "level", "pid", "namespace", "message"}, set(record), record)
        echoed = [record for record in records if record.get("echo") and record["guid"] == strange["guid"]]
        self.assertEqual({record["module"] for record in echoed}, {"any"})
        forged = [record for record in echoed if record["message"] == "forged"]
        self.assertEqual(
            [(each["level"], each["namespace"], each["pid"]) for each in forged], [("ERROR", "proactor", 1)]
        )
        serving = [record for record in echoed if record["message"].startswith("Serving on")]
        self.assertEqual([each["pid"] for each in serving], [strange["pid"]])
        raw = [record for record in echoed if record["namespace"] == "proactor.console"]
        self.assertEqual({record["pid"] for record in raw}, {strange["pid"]})

    def records(self, initiator: Initiator, text: str = "") -> list[Record]:
        """What the console's lines are; of a line that is no JSON object it is told."""
        found = []
        for line in initiator.console.path.read_bytes().splitlines():
            record = json.loads(line)
            self.assertIsInstance(record, dict)
            if text in record["message"]:
                found.append(record)
        return found
