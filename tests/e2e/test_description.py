"""What the OpenAPI document says is put to a running initiator, by schemathesis: every operation, all of its checks."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from time import time

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue

from proactor.tokens.issuing import TokenAuthority
from proactor.tokens.keyring import KeyRing

from .case import Case, Record
from .support import GUID, Initiator, configuration, environment

#: How many examples there are of each operation.
EXAMPLES = int(os.environ.get("PROACTOR_EXAMPLES", "3"))

#: Who is understood and refused has sent what the schema lets through all the same; what is not to be had now is told
#: with 503 or 504, and who sends many tokens that are none with 429. An operator who needs no token is known, and
#: refused, where only a processor may.
SETTINGS = """\
request-timeout = 30
max-stream-events = 3
continue-on-failure = true

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 410, 412, 422, 429, 503, 504]
negative_data_rejection.expected-statuses = ["4xx", 503, 504]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503, 504]

[dictionaries]
guids.values = {guids}
sections.values = {sections}
revisions.values = {revisions}

[parameters]
"path.guid" = {{ dictionary = "guids", probability = 0.8 }}
"path.section" = {{ dictionary = "sections", probability = 0.8 }}
"path.id" = {{ dictionary = "revisions", probability = 0.8 }}
"header.Prefer" = "wait=0"
"query.follow" = "no"
"header.If-Match" = "*"

[[operations]]
include-operation-id = "acknowledge"
checks.missing_required_header.enabled = false
"""


class DescriptionTests(Case):
    """The initiator answers as it is described, whatever it is asked."""

    timeout = 240 + 40 * EXAMPLES

    def test_operator(self) -> Deferred[None]:
        """To an operator."""
        return Deferred.fromCoroutine(self._operator())

    async def _operator(self) -> None:
        it = await self._initiator()
        jobs = await self.create(it, 2)
        await self.edit(it, "proactor.processor", {"rate": 2})
        await self._fuzz(it, jobs)

    def test_processor(self) -> Deferred[None]:
        """To a processor."""
        return Deferred.fromCoroutine(self._processor())

    async def _processor(self) -> None:
        it = await self._initiator()
        jobs = await self.create(it, 1)
        authority = TokenAuthority(GUID, KeyRing.from_json((it.home / "keys" / "ring.json").read_bytes()))
        token = authority.issue(jobs[0]["guid"], GUID, time(), 3000, 1)
        names = ["acknowledge", "show_config", "show_job", "exchange_token", "introspect"]
        chosen = [f"--include-operation-id={name}" for name in names]
        await self._fuzz(it, jobs, f"--header=Authorization: Bearer {token}", *chosen)

    async def _initiator(self) -> Initiator:
        default = "max_jobs = 4\nrestart_delay_max = 5\ntoken_ttl = 3600\nrate = 1"
        return await self.start(configuration(default=default, ports=20))

    async def _fuzz(self, it: Initiator, jobs: list[Record], *arguments: str) -> None:
        guids = [job["guid"] for job in jobs]
        folder = self.folder()
        texts = {"guids": guids, "sections": [*guids, "proactor.processor", "DEFAULT"], "revisions": ["3", "4"]}
        settings = SETTINGS.format(**{name: json.dumps(values) for name, values in texts.items()})
        (folder / "schemathesis.toml").write_text(settings)
        argv = [
            *("-m", "schemathesis.cli", f"--config-file={folder / 'schemathesis.toml'}", "run"),
            *(f"{it.url}/openapi.json", f"--max-examples={EXAMPLES}", "--warnings=off", "--no-shrink"),
            # That would be the end of it.
            "--exclude-operation-id=shut_down",
            # What is deleted with 202 is there until its process has ended.
            "--exclude-checks=use_after_free",
            *arguments,
        ]
        output = await self._output(argv, folder)
        self.assertIn("No issues found", output)
        self.assertEqual(re.findall(r"Unforeseen error.*", it.console.text()), [])

    async def _output(self, argv: list[str], folder: Path) -> str:
        env = environment(NO_COLOR="1", COLUMNS="200")
        output, problems, code = await getProcessOutputAndValue(
            sys.executable, argv, env=env, path=str(folder), reactor=reactor
        )
        told: str = output.decode("utf-8", "replace") + problems.decode("utf-8", "replace")
        self.assertEqual(code, 0, told[-8000:])
        return told
