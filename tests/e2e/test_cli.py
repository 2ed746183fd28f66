"""Every verb of the command line against a real initiator: what it prints, as JSON too, and its exit code."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

import psutil
from click.shell_completion import ShellComplete
from twisted.internet.threads import deferToThread

from proactor.cli.main import proactor
from proactor.cli.shell import Shell

from ..cli.support import Result, on_running_reactor, run
from .case import Case, SharedCase
from .support import Console, configuration, environment, interruptible, until

SECTIONS = """
[worker]
rate = 1

[picky]
rate = 1

[idle]

[gated]
gate = /nowhere

[broken]
restart = never

[absent]
command = /nowhere/to/be/found
restart = never
"""


def is_there(pid: int) -> bool:
    """Whether a process has not ended; a zombie has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


class Typed:
    """A command in a process of its own."""

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        self.out, self.err = Console(folder / "out"), Console(folder / "err")
        with open(self.out.path, "wb") as out, open(self.err.path, "wb") as err, interruptible():
            self.process = Popen(command(*words), stdin=DEVNULL, stdout=out, stderr=err, env=environment(**variables))

    async def ended(self) -> int:
        """Wait for its end; its exit code."""
        await until(lambda: self.process.poll() is not None, lambda: self.out.text() + self.err.text())
        return self.process.returncode

    async def connected(self) -> None:
        """Wait until it has a connection: it sends what it wants in the turn in which it has."""

        def found() -> bool:
            pid, up = self.process.pid, psutil.CONN_ESTABLISHED
            return any(each.pid == pid and each.status == up for each in psutil.net_connections("tcp"))

        await until(found, self.err.text)

    def end(self) -> None:
        """Have it gone."""
        self.process.kill()
        self.process.wait()


class Terminal(Typed):
    """The same in a terminal of 80 columns, whose screen ``script`` writes down."""

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        self.out = self.err = Console(folder / "screen")
        line = f"stty cols 80 rows 24; exec {shlex.join(command(*words))}"
        script = ["script", "--quiet", "--return", "--flush", "--command", line, str(self.out.path)]
        env = environment(TERM="xterm-256color", SHELL="/bin/sh", **variables)
        with interruptible():
            self.process = Popen(script, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, env=env)

    def press(self, keys: str) -> None:
        """Press some keys."""
        assert self.process.stdin is not None
        self.process.stdin.write(keys.encode())
        self.process.stdin.flush()

    def end(self) -> None:
        """Have it gone."""
        super().end()
        assert self.process.stdin is not None
        self.process.stdin.close()


def command(*words: str) -> list[str]:
    """How a command is started."""
    return [sys.executable, "-m", "proactor.cli", *words]


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
        self.assertIn("see what it wrote: proactor logs", broken.err)
        absent = await self.proactor("create", "absent", code=1)
        self.assertNotIn("wrote", absent.err)
        self.assertRegex(absent.err, r"\n  see what happened: proactor events --job [0-9a-f]{8}\n$")
        self.assertEqual((await self.proactor("create", "broken", "--json", code=1)).json[0]["state"], "exited")

    async def test_refused(self) -> None:
        """A refusal is the initiator's own words; with --json a problem document, and the exit code."""
        result = await self.proactor("create", "nope", code=1)
        self.assertIn("proactor: module 'nope' is not declared: add a section", result.err)
        error = (await self.proactor("create", "nope", "--json", code=1)).error
        self.assertEqual((error["status"], error["title"], error["exit"]), (422, "Unprocessable Content", 1))

    async def test_log_level(self) -> None:
        """How much is logged is shown and changed, for a while too; what is no level is a mistake in typing."""
        self.assertRegex((await self.proactor("log-level")).out, r"^NAMESPACE +LEVEL +UNTIL\n\(all\) +debug +-\n$")
        changed = await self.proactor("log-level", "error", "--for", "10m", "-n", "proactor.jobs.scale", "--json")
        self.assertEqual(changed.json["namespaces"]["proactor.jobs.scale"]["level"], "error")
        shown = (await self.proactor("log-level")).out
        self.assertRegex(shown, r"\nproactor.jobs.scale +error +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$")
        back = await self.proactor("log-level", "default", "-n", "proactor.jobs.scale", "--json")
        self.assertEqual(back.json["namespaces"], {})
        self.assertIn("nothing is logged as", (await self.proactor("log-level", "info", "-n", "nope", code=1)).err)
        self.assertIn("is not one of", (await self.proactor("log-level", "loud", code=2)).err)
        self.assertIn("say which", (await self.proactor("log-level", "--for", "1m", code=2)).err)

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
        broken = (await self.proactor("create", "broken", "-q", code=1)).out.strip()
        shown = (await self.proactor("show", broken)).out
        self.assertIn("\nstate      exited, running is wanted\n", shown)
        self.assertIn("\nprocess    none\n", shown)
        self.assertRegex(shown, r"\nlast end   exited with status 1\n(.*\n)*.*this module is broken")
        await self.proactor("rm", broken)
        other = "0" if guid[0] != "0" else "1"
        self.assertIn("no job begins with", (await self.proactor("show", other * 6, code=1)).err)
        self.assertEqual((await self.proactor("show", other * 32, "--json", code=1)).error["status"], 404)
        none = (await self.proactor("show", other * 32, code=1)).err
        self.assertEqual(
            none, f"proactor: there is no job {other * 32}, or no more\n  see which there are: proactor ps\n"
        )
        self.assertIn("is [worker] meant?", (await self.proactor("config", "get", "wroker", code=1)).err)

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
        (one,) = [job["guid"] for job in await self.jobs(self.it) if job["module"] == "worker"]
        await self.proactor("stop", one)
        short = await self.proactor("scale", "worker", "2", code=1)
        self.assertIn(f"1 of 2 are ready; stopped, and counted as well, is 1: {one[:8]}\n", short.err)
        self.assertIn(f"proactor start {one[:8]}; ", short.err)
        removed = await self.proactor("rm", one)
        self.assertEqual(
            removed.err,
            "[worker] instances = 2: others are launched in their place. To have none: proactor scale worker 0\n",
        )
        off = await self.proactor("scale", "worker", "off")
        self.assertRegex(off.err, r"^No number of worker is kept from now on; \d run as before, revision \d+\.\n$")
        await self.proactor("scale", "worker", "0")
        self.assertEqual((await self.proactor("scale", "worker", "off", "--json")).json["section"], "worker")
        self.assertEqual((await self.proactor("scale", "nope", "1", "--json", code=1)).error["exit"], 1)
        many = (await self.proactor("scale", "worker", "500", code=1)).err
        self.assertRegex(many, r"instances = 500: must be <= \d+, which is the number of ports from")

    async def test_cut_log(self) -> None:
        """Where an answer does not hold what was asked for, that is said, and whether a line has lost its beginning."""
        (guid,) = await self.made()
        with open(self.it.home / "logs" / f"{guid}.log", "ab") as log:
            log.write(b"x" * (2 << 20) + b"\n")
        result = await self.proactor("logs", guid)
        self.assertRegex(
            result.err, f"^proactor: {guid[:8]}: an answer holds 1 MiB: .* begins in the middle of a line; "
        )
        line, *more = (await self.proactor("logs", guid, "--json")).out.splitlines()
        self.assertEqual(json.loads(line)["cut"], "line")
        self.assertEqual([each for each in more if "cut" in json.loads(each)], [])
        self.assertEqual((await self.proactor("logs", guid, "-n", "0")).err, "")

    async def test_rm(self) -> None:
        """Jobs are removed; many only after a question, or with --yes."""
        one, two, three = await self.made(3)
        self.assertEqual((await self.proactor("rm", one, "--json")).json, [{"guid": one}])
        self.assertIn("say --yes", (await self.proactor("rm", "--all", code=2)).err)
        self.assertEqual((await self.proactor("rm", "-m", "worker", "--yes")).out.count("gone\n"), 2)
        self.assertEqual((await self.proactor("ps", "--json")).json, [])
        self.assertEqual({one, two, three} & {job["guid"] for job in await self.jobs(self.it)}, set())

    async def test_status(self) -> None:
        """The initiator tells how it is, in few lines."""
        await self.made()
        self.assertEqual((await self.proactor("status", "--json")).json["jobs"], {"running": 1})
        self.assertIn("1 running\n", (await self.proactor("status")).out)

    async def test_logs(self) -> None:
        """What a job wrote is shown as it is, as JSON a line each, and with whose it is where there are several."""
        one, two = await self.made(2)
        log = (await self.proactor("logs", one)).out
        self.assertRegex(log, r"\|Serving on \S+:\d+\n$")
        (line,) = (await self.proactor("logs", one[:8], "-n", "1", "--json")).out.splitlines()
        self.assertEqual(json.loads(line), {"guid": one, "line": log.splitlines()[-1]})
        both = (await self.proactor("logs", "-m", "worker", "--since", "1h")).out
        self.assertEqual({line.partition("  ")[0] for line in both.splitlines()}, {one[:8], two[:8]})
        self.assertEqual((await self.proactor("logs", one, "--since", "noon", "--json", code=2)).error["exit"], 2)
        self.assertIn("say which", (await self.proactor("logs", code=2)).err)

    def begin(self, *words: str) -> Typed:
        """Run a command in a process of its own."""
        typed = Typed(self.folder(), "--home", str(self.it.home), *words)
        self.addCleanup(typed.end)
        return typed

    def on_terminal(self, *words: str, **variables: str) -> Terminal:
        """Run a command in a terminal of its own."""
        typed = Terminal(self.folder(), "--home", str(self.it.home), *words, **variables)
        self.addCleanup(typed.end)
        return typed

    async def test_followed_logs(self) -> None:
        """A log that is followed ends with its job."""
        (guid,) = await self.made()
        typed = self.begin("logs", "-f", guid)
        await typed.out.line("Serving on")
        await self.proactor("rm", guid)
        self.assertEqual(await typed.ended(), 0)
        await typed.out.line("Stopping")

    async def test_followed_events(self) -> None:
        """Events are followed, a line each, until one has seen enough."""
        typed = self.begin("events", "-f", "-m", "worker", "-n", "1", "--json")
        (guid,) = await self.made()
        line = await typed.out.line(f'"event": "running", "guid": "{guid}"')
        self.assertEqual(json.loads(line)["module"], "worker")
        typed.process.send_signal(signal.SIGINT)
        self.assertEqual(await typed.ended(), 130)

    async def test_terminal(self) -> None:
        """On a terminal there are bars, colours and a screen that q ends; the terminal is as it was afterwards."""
        typed = self.on_terminal("create", "worker", "-n", "3")
        self.assertEqual(await typed.ended(), 0)
        self.assertIn("3/3", typed.out.text())
        self.assertIn("\x1b[32mrunning\x1b[0m", typed.out.text())
        typed = self.on_terminal("top")
        await until(lambda: "q quit" in typed.out.text(), typed.out.text)
        typed.press("mq")
        self.assertEqual(await typed.ended(), 0)
        self.assertIn("\x1b[?1049l", typed.out.text())
        typed = self.on_terminal("ps", NO_COLOR="1")
        self.assertEqual(await typed.ended(), 0)
        self.assertNotIn("\x1b[32m", typed.out.text())

    async def test_interrupted(self) -> None:
        """Ctrl-C ends the waiting, not the work, and it is said how to look again."""
        typed = self.begin("create", "gated")

        async def there() -> list[Any]:
            return [job for job in await self.jobs(self.it) if job["module"] == "gated" and job["pid"]]

        (job,) = await until(there, "a job")
        typed.process.send_signal(signal.SIGINT)
        self.assertEqual(await typed.ended(), 130)
        self.assertIn("proactor ps\n", typed.err.text())
        self.assertEqual((await self.job(self.it, job["guid"]))["state"], "starting")

    async def test_events(self) -> None:
        """What happened is listed, of one job and of some kinds too, and followed."""
        (guid,) = await self.made()
        records = (await self.proactor("events", "--job", guid, "--json")).json
        self.assertEqual([record["event"] for record in records], ["starting", "running"])
        table = await self.proactor("events", "-m", "worker", "-e", "running", "-n", "1")
        self.assertRegex(table.out, rf"^ *ID  TIME .*\n *\d+  \S+ \S+  {guid[:8]}  running  its endpoint answers\n$")
        self.assertEqual((await self.proactor("events", "-e", "shutdown")).err, "Nothing of that happened.\n")
        wrong = await self.proactor("events", "-e", "runing", code=1)
        self.assertEqual(wrong.err, "proactor: event: there is no 'runing'; is running meant?\n")
        self.assertEqual((await self.proactor("events", "--after", "1", code=2)).out, "")

    async def test_config_read(self) -> None:
        """All is shown, a section, a job's options, one value; what there is not is said."""
        (guid,) = await self.made()
        everything = await self.proactor("config", "get")
        self.assertIn("[worker]\nrate = 1\n", everything.out)
        self.assertIn("are left out: --all", everything.err)
        self.assertIn(guid, (await self.proactor("config", "get", "--all", "--json")).json["sections"])
        self.assertEqual((await self.proactor("config", "get", "worker", "--json")).json, {"rate": "1"})
        self.assertIn("\nrate = 1\n", (await self.proactor("config", "get", guid[:8])).out)
        self.assertEqual((await self.proactor("config", "get", "worker", "rate")).out, "1\n")
        self.assertEqual((await self.proactor("config", "get", guid, "rate", "--json")).json, "1")
        self.assertIn("no option 'x'", (await self.proactor("config", "get", "worker", "x", code=1)).err)
        self.assertEqual((await self.proactor("config", "get", "nope", "--json", code=1)).error["status"], 404)

    async def test_explain(self) -> None:
        """A value is traced to where it is written."""
        (guid,) = await self.made()
        found = (await self.proactor("config", "explain", guid[:8], "rate")).out
        self.assertRegex(
            found, rf"^rate = 1\n    \[{guid}\] by \[worker\]  rate = \$\{{worker:rate\}}\n.*proactor.cfg:\d+"
        )
        record = (await self.proactor("config", "explain", guid, "rate", "--json")).json
        self.assertEqual(list(record["options"]), ["rate"])
        self.assertIn("no option 'x'", (await self.proactor("config", "explain", guid, "x", code=1)).err)

    async def test_edit(self) -> None:
        """An edit is shown, made, and waited for; its history, the difference to the file, and the way back."""
        one, two = await self.made(2)
        plan = await self.proactor("config", "set", "worker", "rate=5", "--plan")
        self.assertRegex(plan.out, rf"^over rate = 1 of \S+:\d+\nrate: 1 -> 5  for {one[:8]}, {two[:8]}\n$")
        self.assertEqual(
            (await self.proactor("config", "set", "worker", "rate=5", "-p", "--json")).json["section"], "worker"
        )
        made = (await self.proactor("config", "set", "worker", "rate=5", "--json")).json
        self.assertEqual((made["outcome"]["state"], made["outcome"]["applied"]), ("done", 2))
        said = await self.proactor(
            "config", "set", "worker", "rate=6", "--first", one[:8], "--batch", "1", "--watch", "0.1"
        )
        self.assertRegex(said.err, r"^Revision \d+ is applied by 2 of 2.\n$")
        history = (await self.proactor("config", "history", "worker", "--json")).json
        self.assertEqual(history[-1]["changes"], {"rate": {"from": "5", "to": "6"}})
        self.assertIn("rate: 5 -> 6", (await self.proactor("config", "history", "worker")).out)
        since = str(history[-2]["revision"])
        self.assertEqual((await self.proactor("config", "diff", "worker", since)).out, "- rate = 5\n+ rate = 6\n")
        difference = {"rate": {"from": "1", "to": "6"}}
        self.assertEqual((await self.proactor("config", "diff", "worker", "--json")).json, difference)
        to_come = await self.proactor("config", "diff", "worker", "9999", code=1)
        self.assertEqual(to_come.out, "")
        self.assertIn("there is no revision 9999: the present one is ", to_come.err)
        back = (await self.proactor("config", "rollback", "worker", since, "--json")).json
        self.assertEqual(back["changes"][one], {"rate": {"from": "6", "to": "5"}})
        await self.proactor("config", "set", "worker", "rate=1", "more=2")
        self.assertEqual((await self.proactor("config", "diff", "worker")).out, "+ more = 2\n")
        await self.proactor("config", "unset", "worker", "rate", "more")
        self.assertEqual((await self.proactor("config", "diff", "worker")).err, "No difference.\n")
        await self.proactor("rm", one, two)
        alone = await self.proactor("config", "set", "worker", "rate=7")
        self.assertIn("it touches no processor", alone.err)
        self.assertIsNone((await self.proactor("config", "unset", "worker", "rate", "--json")).json["outcome"])

    async def test_edit_refused(self) -> None:
        """An edit that cannot be is refused; one that was overtaken, too."""
        (guid,) = await self.made()
        for name, why in {
            "RATE": "'rate' is right",
            "env.FOO": "can be set in the file alone",
            "1st": "a lower-case letter, then",
        }.items():
            self.assertIn(why, (await self.proactor("config", "set", "worker", f"{name}=1", code=1)).err)
        self.assertIn("refresh = -1", (await self.proactor("config", "set", guid, "refresh=-1", code=1)).err)
        error = (await self.proactor("config", "set", guid, "refresh=-1", "--json", code=1)).error
        self.assertEqual((error["status"], error["option"]), (422, "refresh"))
        await self.proactor("config", "set", guid, "rate=2")
        late = await self.proactor("config", "set", guid, "rate=3", "--if-revision", "1", code=1)
        self.assertIn(f"look at what it is now: proactor config history {guid}\n", late.err)
        self.assertIn("given twice", (await self.proactor("config", "set", guid, "rate=1", "rate=2", code=2)).err)
        self.assertIn("NAME=VALUE", (await self.proactor("config", "set", guid, "rate", code=2)).err)

    async def test_rejected(self) -> None:
        """An edit that a processor rejects is taken back, and that is told with its reason; the exit code is 1."""
        result = await self.proactor("create", "picky", "-o", "refuses=7", "--json")
        guid = result.json[0]["guid"]
        rejected = await self.proactor("config", "set", "picky", "rate=7", code=1)
        self.assertRegex(
            rejected.err, rf"revision \d+ was taken back by revision \d+: {guid} rejected it: rate: 7 is not for"
        )
        history = (await self.proactor("config", "history", "picky", "--json")).json
        id_ = str(history[0]["revision"])
        shown = await self.proactor("rollout", id_, code=1)
        self.assertIn("state      reverted\n", shown.out)
        self.assertEqual((await self.proactor("rollout", id_, "--json", code=1)).json["state"], "reverted")
        left = await self.proactor("config", "set", "picky", "rate=7", "--no-revert", code=1)
        self.assertIn("proactor config rollback picky", left.err)
        self.assertEqual((await self.proactor("config", "unset", "picky", "rate", "--wait", "0", "--json")).code, 0)
        self.assertEqual((await self.proactor("rollout", "999", "--json", code=1)).error["status"], 404)

    async def test_top(self) -> None:
        """One look at all there is, as a table or as JSON; where there is no terminal there is no other."""
        (guid,) = await self.made()
        record = (await self.proactor("top", "--json")).json
        self.assertEqual([job["guid"] for job in record["jobs"]], [guid])
        self.assertEqual((record["jobs"][0]["resources"]["threads"], record["messages"]["dead"]), (1, 0))
        table = (await self.proactor("top", "--once", "--sort", "cpu", "-m", "worker")).out
        self.assertRegex(
            table, rf"^http://\S+  revision \d+  1 jobs  1 running  \d+ messages\nJOB .*\n{guid[:8]}  worker "
        )

    async def test_endpoints(self) -> None:
        """Who is ready is listed, with where; nobody is said to be so."""
        (guid,) = await self.made()
        job = await self.job(self.it, guid)
        (record,) = (await self.proactor("endpoints", "--module", "worker", "--json")).json
        self.assertEqual((record["guid"], record["url"]), (guid, job["url"]))
        self.assertEqual((await self.proactor("endpoints", "--urls")).out, f"{job['url']}\n")
        self.assertIn(f"{guid[:8]}  worker  {job['url']}\n", (await self.proactor("endpoints")).out)
        self.assertIn("Nobody", (await self.proactor("endpoints", "-l", "role=none")).err)

    async def test_messages(self) -> None:
        """A message waits for its receiver, is looked at, is dead in the end, is sent again, is forgotten."""
        receipt = (await self.proactor("send", "idle", '{"a": 1}', "-t", "x", "-e", "1", "--json")).json
        self.assertEqual(receipt["to"], ["idle"])
        self.assertRegex((await self.proactor("message", "list")).out, r"RECEIVER .*\nidle +1 +\d+ ")
        again = await self.proactor("send", "idle", "hello", "--id", receipt["id"], "--text")
        self.assertIn("accepted before", again.out)
        number = str(receipt["numbers"][0])
        shown = (await self.proactor("message", "show", number, "--json")).json
        self.assertEqual((shown["type"], shown["event"]["data"]), ("x", {"a": 1}))
        self.assertIn("receiver   idle\n", (await self.proactor("message", "show", number)).out)

        async def dead() -> Any:
            return (await self.proactor("message", "list", "--dead", "--receiver", "idle", "--json")).json

        (record,) = await until(dead, "a dead letter")
        self.assertEqual(record["id"], receipt["id"])
        self.assertRegex((await self.proactor("message", "list", "--dead")).out, rf"\n +{number}  .* dead ")
        resent = (await self.proactor("message", "resend", number, "--json")).json
        self.assertEqual((resent["id"], resent["to"]), (receipt["id"], ["idle"]))
        self.assertEqual((await self.proactor("message", "resend", number, "--json", code=1)).error["status"], 404)
        again_number = str(resent["numbers"][0])
        self.assertEqual((await self.proactor("message", "drop", again_number, "--json")).json["dropped"], True)
        self.assertEqual((await self.proactor("message", "drop", again_number, "--json", code=1)).error["status"], 404)
        self.assertEqual((await self.proactor("message", "list", "--json")).json["waiting"], 0)
        self.assertEqual((await self.proactor("message", "list", "--waiting")).err, "There are none.\n")
        self.assertIn("say which", (await self.proactor("message", "list", "-n", "1", code=2)).err)
        self.assertEqual((await self.proactor("send", "topic:none", "-", stdin="hi", code=0)).err[:6], "Nobody")

    async def test_tokens(self) -> None:
        """A token is made, opens what it is for, is listed, and opens nothing once it is revoked."""
        token = (await self.proactor("token", "create", "ci", "--scope", "read", "-e", "1h")).out.strip()
        as_ci = {"PROACTOR_TOKEN": token, "PROACTOR_URL": self.it.url}
        self.assertEqual((await run("ps", variables=as_ci)).code, 0)
        refused = await run("create", "worker", "--json", variables=as_ci)
        self.assertEqual((refused.code, refused.error["status"]), (1, 403))
        self.assertRegex((await self.proactor("token", "list")).out, r"\nci    read    \d{4}-\d\d-\d\d ")
        file = self.folder() / "two.token"
        made = (await self.proactor("token", "create", "two", "-s", "read", "--out", str(file), "--json")).json
        self.assertEqual((made["name"], "token" in made, file.stat().st_mode & 0o777), ("two", False, 0o600))
        self.assertEqual((await run("--url", self.it.url, "--token-file", str(file), "ps")).code, 0)
        there = await self.proactor("token", "create", "three", "-s", "read", "--out", str(file), code=1)
        self.assertIn("no token was made", there.err)
        self.assertEqual(
            [each["name"] for each in (await self.proactor("token", "list", "--json")).json], ["ci", "two"]
        )
        self.assertEqual(
            (await self.proactor("token", "create", "ci", "-s", "read", "--json", code=1)).error["status"], 409
        )
        self.assertEqual((await self.proactor("token", "revoke", "two", "--json")).json["revoked"], True)
        await self.proactor("token", "revoke", "ci")
        self.assertEqual((await run("ps", "--json", variables=as_ci)).error["status"], 401)
        self.assertEqual((await self.proactor("token", "revoke", "ci", "--json", code=1)).error["status"], 404)
        self.assertIn("There are none", (await self.proactor("token", "list")).err)
        await self.proactor("token", "create", "x", "-s", "read", "-e", "soon", code=2)

    async def test_revoked_processor(self) -> None:
        """What a processor's tokens open is revoked: another process takes its place."""
        (guid,) = await self.made()
        (job,) = (await self.proactor("token", "revoke-job", guid[:8], "--json")).json
        self.assertEqual((job["ready"], job["incarnation"]), (True, 2))

    async def test_completion(self) -> None:
        """A shell completes jobs, modules and sections by what there is; where nobody answers, nothing."""
        (guid,) = await self.made()

        async def completed(*words: str, home: Path = self.it.home) -> list[str]:
            shell = ShellComplete(proactor, {"obj": Shell(runner=on_running_reactor)}, "proactor", "_X")
            found = await deferToThread(shell.get_completions, ["--home", str(home), *words[:-1]], words[-1])
            return [item.value for item in found]

        self.assertEqual(await completed("show", guid[:4]), [guid])
        self.assertEqual(await completed("create", "wor"), ["worker"])
        self.assertEqual(await completed("ps", "--module", "p"), ["proactor.processor", "picky"])
        self.assertEqual(await completed("config", "get", "DEF"), ["DEFAULT"])
        self.assertEqual(await completed("show", "", home=self.folder()), [])

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

    async def test_no_url(self) -> None:
        """One that runs, and whose home does not say where, is not said to be gone: that is 4, with what to do."""
        it = await self.start(configuration())
        (it.home / "url").unlink()
        none = await run("--home", str(it.home), "ps", "--json")
        self.assertEqual((none.code, none.error["title"]), (4, "Not serving"))
        self.assertIn(f"pid {it.pid}, does not say where it is reached", none.error["detail"])
        self.assertIn("--url", (await run("--home", str(it.home), "ps")).err)
        named = await run("--home", str(it.home), "--url", it.url, "ps", "--json")
        self.assertEqual((named.code, named.json), (0, []))


class StubbornTests(Case):
    """A processor that does not heed SIGTERM."""

    async def test_stop(self) -> None:
        """Who stops it is told that it was killed, and why."""
        it = await self.start(configuration("[stubborn]\nstop_timeout = 0.5\n"))
        await self.create(it, module="stubborn")
        stopped = await run("--home", str(it.home), "stop", "-m", "stubborn")
        self.assertEqual(stopped.code, 0, stopped)
        self.assertIn("stopped: did not end within stop_timeout = 0.5 s of SIGTERM", stopped.out)


class ShutdownTests(Case):
    """An initiator that is ended."""

    async def test_shutdown(self) -> None:
        """It is waited for until it is gone, with its processors or without them."""
        it = await self.start(configuration("[worker]\n"))
        await self.create(it, module="worker")
        pid = int((it.home / "lock").read_text())
        ended = await run("--home", str(it.home), "shutdown", "--json")
        self.assertEqual((ended.code, ended.json["gone"]), (0, True), ended)
        self.assertFalse(is_there(pid))
        self.assertEqual((await run("--home", str(it.home), "status", "--json")).code, 3)

    async def test_keep(self) -> None:
        """Processors are left to the next one, which has them; nobody has to wait for the end."""
        it = await self.start(configuration("[worker]\n"))
        (job,) = await self.create(it, module="worker")
        ended = await run("--home", str(it.home), "shutdown", "--keep", "--wait", "0")
        self.assertEqual((ended.code, ended.err), (0, "It ends.\n"))
        await it.ended()
        following = it.following()
        self.addCleanup(following.end)
        await following.served()
        found = await run("--home", str(it.home), "show", job["guid"], "--json")
        self.assertEqual(found.json["pid"], job["pid"])
