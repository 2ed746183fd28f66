"""Every verb of the command line against a real initiator: what it prints, as JSON too, and its exit code."""

from __future__ import annotations

import signal
from typing import Any

from ..cli.support import Result, run
from .case import SharedCase
from .support import configuration

SECTIONS = """
[worker]
rate = 1

[broken]
restart = never
"""


class VerbTests(SharedCase):
    """One initiator for all."""

    @classmethod
    def configuration(cls) -> str:
        """With a module that works, and one that does not."""
        return configuration(SECTIONS)

    async def proactor(self, *words: str, code: int = 0, **how: Any) -> Result:
        """Run a command that ends with that exit code."""
        result = await run("--home", str(self.it.home), *words, **how)
        self.assertEqual(result.code, code, f"{words}: {result}")
        return result

    async def made(self, count: int = 1) -> list[str]:
        """Launch workers; their guids."""
        result = await self.proactor("create", "worker", "-n", str(count), "--quiet")
        return result.out.split()

    async def test_create(self) -> None:
        """Processors are created and waited for; a module that does not start is told of, with its last words."""
        result = await self.proactor("create", "worker", "-n", "2", "-o", "rate=5", "-l", "role=canary", "--json")
        self.assertEqual([(job["ready"], job["labels"]) for job in result.json], [(True, {"role": "canary"})] * 2)
        result = await self.proactor("create", "worker")
        self.assertRegex(result.out, r"^JOB +MODULE +STATE .*\n[0-9a-f]{8}  worker  running +\d+ +\d+ +0 +\d+s\n$")
        self.assertEqual(result.err, "It is ready.\n")
        result = await self.proactor("create", "worker", "--wait", "0", "--json")
        self.assertEqual(len(result.json), 1)
        broken = await self.proactor("create", "broken", code=1)
        self.assertRegex(broken.err, r"1 of 1 not ready\n  [0-9a-f]{32}: exited: .*this module is broken")
        self.assertIn("proactor logs", broken.err)
        self.assertEqual((await self.proactor("create", "broken", "--json", code=1)).json[0]["state"], "exited")

    async def test_refused(self) -> None:
        """A refusal is the initiator's own words; with --json a problem document, and the exit code."""
        result = await self.proactor("create", "nope", code=1)
        self.assertIn("proactor: module 'nope' is not declared: add a section", result.err)
        error = (await self.proactor("create", "nope", "--json", code=1)).error
        self.assertEqual((error["status"], error["title"], error["exit"]), (422, "Unprocessable Content", 1))

    async def test_ps(self) -> None:
        """Jobs are listed, all or some, as a table, as guids, as JSON; none are no error."""
        empty = await self.proactor("ps")
        self.assertEqual((empty.out, empty.err), ("", "There are no jobs. Launch one: proactor create\n"))
        guids = await self.made(2)
        self.assertEqual((await self.proactor("ps", "-q")).out.split(), guids)
        self.assertEqual([job["guid"] for job in (await self.proactor("ps", "--json")).json], guids)
        self.assertEqual((await self.proactor("ps", "--module", "broken", "--json")).json, [])
        self.assertEqual((await self.proactor("ps", "--state", "fatal")).err, "There are no such jobs.\n")

    async def test_show(self) -> None:
        """A job is shown by its guid or the beginning of it; none that begins so is an error."""
        (guid,) = await self.made()
        result = await self.proactor("show", guid[:6])
        self.assertIn(f"guid       {guid}\n", result.out)
        self.assertIn("running    its endpoint answers", result.out)
        self.assertEqual((await self.proactor("show", guid, "--json")).json["resources"]["threads"], 1)
        other = "0" if guid[0] != "0" else "1"
        self.assertIn("no job begins with", (await self.proactor("show", other * 6, code=1)).err)
        self.assertEqual((await self.proactor("show", other * 32, "--json", code=1)).error["status"], 404)

    async def test_moves(self) -> None:
        """Jobs are stopped, started, restarted, by name or by module; what comes of each is told."""
        one, two = await self.made(2)
        self.assertEqual((await self.proactor("stop", one)).out, f"{one[:8]}  worker  stopped\n")
        self.assertEqual((await self.proactor("start", one, "--json")).json[0]["incarnation"], 2)
        restarted = (await self.proactor("restart", one[:8], two[:8], "--json")).json
        self.assertEqual([(job["guid"], job["incarnation"]) for job in restarted], [(one, 3), (two, 2)])
        stopped = (await self.proactor("stop", "--all", "--json")).json
        self.assertEqual([job["state"] for job in stopped], ["stopped"] * 2)
        self.assertEqual((await self.proactor("start", "-m", "worker", "-w", "0")).out.count("starts\n"), 2)
        none = await self.proactor("stop", "0" * 32, "--json", code=1)
        self.assertEqual(none.error["status"], 404)

    async def test_rolling_restart(self) -> None:
        """Those of a module are restarted in batches; how that went can be looked at again."""
        await self.made(3)
        record = (await self.proactor("restart", "-m", "worker", "--batch", "2", "--json")).json
        self.assertEqual((record["state"], record["ready"]), ("done", 3))
        again = await self.proactor("restart", "--follow", record["id"])
        self.assertEqual(again.err, "3 of 3 restarted.\n")
        self.assertEqual((await self.proactor("restart", "--follow", "none", "--json", code=1)).error["status"], 404)

    async def test_signal(self) -> None:
        """A signal is sent; there is no such signal, or no process, and that is said."""
        (guid,) = await self.made()
        self.assertEqual((await self.proactor("signal", "KILL", guid, "--json")).json, [{"guid": guid}])
        await self.becomes(self.it, guid, restarts=1, ready=True)
        job = await self.job(self.it, guid)
        self.assertEqual(job["exit"]["signal"], signal.SIGKILL)
        refused = await self.proactor("signal", "NONE", guid, "--json", code=1)
        self.assertEqual(refused.json[0]["error"]["status"], 422)
        await self.proactor("stop", guid)
        self.assertIn(guid, (await self.proactor("signal", "HUP", guid, code=1)).err)

    async def test_scale(self) -> None:
        """A module is scaled up and down, and left alone again."""
        up = (await self.proactor("scale", "worker", "3", "--json")).json
        self.assertEqual([job["ready"] for job in up["jobs"]], [True] * 3)
        self.assertIn("1 of worker running", (await self.proactor("scale", "worker", "1")).err)
        self.assertEqual((await self.proactor("scale", "worker", "off", "--json")).json["section"], "worker")
        self.assertEqual((await self.proactor("scale", "nope", "1", "--json", code=1)).error["exit"], 1)

    async def test_rm(self) -> None:
        """Jobs are removed; many only after a question, or with --yes."""
        one, two, three = await self.made(3)
        self.assertEqual((await self.proactor("rm", one, "--json")).json, [{"guid": one}])
        self.assertIn("say --yes", (await self.proactor("rm", "--all", code=2)).err)
        self.assertEqual((await self.proactor("rm", "-m", "worker", "--yes")).out.count("gone\n"), 2)
        self.assertEqual((await self.proactor("ps", "--json")).json, [])
        self.assertEqual({one, two, three} & {job["guid"] for job in await self.jobs(self.it)}, set())

    async def test_by_url(self) -> None:
        """The initiator is found by its URL, with a token from the environment, a file, or a home that is named."""
        url, token = ("--url", self.it.url), self.it.operator_token()
        where = str(self.it.home / "operator.token")
        for words, variables in (
            (url, {}),
            (url, {"PROACTOR_TOKEN": token}),
            ((*url, "--token-file", where), {}),
            ((*url, "--home", str(self.it.home)), {}),
            ((), {"PROACTOR_URL": self.it.url, "PROACTOR_TOKEN_FILE": where}),
            ((), {"PROACTOR_HOME": str(self.it.home)}),
        ):
            result = await run(*words, "ps", "--json", variables=variables)
            self.assertEqual((result.code, result.out), (0, "[]\n"), words)
        wrong = await run(*url, "ps", "--json", variables={"PROACTOR_TOKEN": "wrong"})
        self.assertEqual((wrong.code, wrong.error["status"]), (1, 401))
        self.assertIn("PROACTOR_TOKEN", (await run(*url, "ps", variables={"PROACTOR_TOKEN": "wrong"})).err)
        self.assertEqual((await run(*url, "--token-file", "/nowhere", "ps")).code, 1)

    async def test_unreachable(self) -> None:
        """Nobody there is 4, no initiator on a home is 3; both say what to do."""
        gone = await run("--url", "http://127.0.0.1:1", "ps")
        self.assertEqual(gone.code, 4)
        self.assertIn("http://127.0.0.1:1 gave no answer: Connection was refused", gone.err)
        none = await run("--home", str(self.folder()), "ps", "--json")
        self.assertEqual((none.code, none.error["title"]), (3, "Not running"))
        self.assertIn("twistd -n proactor", none.error["detail"])
