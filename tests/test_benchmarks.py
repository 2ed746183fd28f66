"""The benchmarks run, with small numbers, and print what they promise; how fast anything is, is not looked at."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.figures import Memory, median, percentile
from benchmarks.lives import Life
from benchmarks.random_kills import listening

from .support.measuring import unmeasured

ROOT = Path(__file__).parent.parent
NOT_HERE = None if Path("/proc/self/smaps_rollup").exists() else "the kernel does not tell of memory here"

SMAPS = """\
562f43496000-7ffd1dc7d000 ---p 00000000 00:00 0                          [rollup]
Rss:                1752 kB
Pss:                 283 kB
Pss_Dirty:           112 kB
Private_Clean:        40 kB
Private_Dirty:       112 kB
"""


#: One program asks all, one after another: what they import is loaded once.
HELP = """
import contextlib, runpy, sys
names = sys.argv[1:]
sys.argv[1:] = ["--help"]
for name in names:
    with contextlib.suppress(SystemExit):
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")
    print(end="\\0")
"""


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return unmeasured({**os.environ, "PYTHONPATH": path})


def run(name: str, *arguments: str) -> tuple[list[str], dict[str, Any]]:
    """Run one; the lines of its table, and the object on its last line."""
    environment = _environment()
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=300)
    if done.returncode:
        raise AssertionError(f"{name} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    *table, last = done.stdout.splitlines()
    return table, json.loads(last)


class ProgramTests(SynchronousTestCase):
    """Each as a program."""

    skip = NOT_HERE

    def assertPositive(self, figures: dict[str, Any], *names: str) -> None:
        for name in names:
            self.assertIsInstance(figures[name], (int, float), name)
            self.assertGreater(figures[name], 0, name)

    def test_messages(self) -> None:
        """It measures what is accepted and what is delivered, beside Redis where that is there."""
        _, found = run("messages", "--messages", "60", "--connections", "8")
        self.assertEqual(found["benchmark"], "messages")
        for what in ("accepted", "one_sender", "delivered"):
            self.assertPositive(found["initiator"][what], "per_second")
        self.assertEqual(bool(found["ratio"]), "redis" in found)

    def test_message_chaos(self) -> None:
        """No message is lost through kills of everybody, none comes out of its order, every copy is known."""
        _, found = run("message_chaos", "--messages", "240", "--pause", "0.3", "--senders", "2", "--receivers", "2")
        self.assertEqual((found["benchmark"], found["problems"]), ("message_chaos", []))
        self.assertPositive(found, "messages", "received", "lives")

    def test_processor_cost(self) -> None:
        """It measures a processor, the plain process, and says how the one is to the other."""
        table, found = run("processor_cost", "2")
        self.assertEqual((found["benchmark"], found["launches"]), ("processor_cost", 2))
        names = ("serving_ms_p50", "serving_ms_p99", "private_mib", "pss_mib", "rss_mib", "import_ms")
        for kind in ("processor", "plain", "ratio"):
            self.assertEqual(tuple(found[kind]), names)
            self.assertPositive(found[kind], *names)
        for name in names:
            ratio = found["processor"][name] / found["plain"][name]
            self.assertAlmostEqual(found["ratio"][name], ratio, 2, name)
        self.assertLess(found["processor"]["private_mib"], found["processor"]["rss_mib"])
        self.assertEqual(table[1].split(), ["processor", "plain", "ratio"])
        self.assertEqual(len(table), 2 + len(names))

    def test_launch(self) -> None:
        """It launches in four ways, one after another and several at once, and says how they are to one another."""
        table, found = run("launch", "--rounds", "1", "--count", "3")
        names = {"serving_ms_p50", "serving_ms_p99", "per_second", "cpu_ms", "private_mib", "pss_mib"}
        for design in ("reference", "spawn", "fork", "floor"):
            self.assertPositive(found[design], *names, "private_busy_mib", "pss_busy_mib")
            self.assertEqual(found[design]["at_once"], 3)
        self.assertEqual({*found["fork_to"]}, {"reference", "spawn", "floor"})
        for name in names:
            ratio = found["fork"][name] / found["spawn"][name]
            self.assertAlmostEqual(found["fork_to"]["spawn"][name], ratio, 1, name)
        self.assertEqual(found["goals"], {"serving_ms_p50": 10.0, "per_second": 150.0, "private_mib": 8.0})
        self.assertEqual(table[0].split(), ["reference", "spawn", "fork", "floor", "goal"])

    def test_live(self) -> None:
        """Processors live and fetch; it looks at what the initiator uses meanwhile."""
        _, found = run("launch", "--live", "3", "--seconds", "1")
        self.assertEqual((found["benchmark"], found["processors"]), ("live", 3))
        self.assertPositive(found, "launched_s", "seconds", "initiator_rss_mib", "private_mib", "pss_mib")
        self.assertEqual(found["goals"], {"cpu_percent": 5.0})

    def test_push(self) -> None:
        """It edits one processor and several, each of which acknowledges every edit."""
        table, found = run("push", "3", "--edits", "3", "--rounds", "2")
        self.assertEqual((found["benchmark"], found["processors"]), ("push", 3))
        self.assertPositive(found, "one_ms_p50", "one_ms_p99", "launched_s", "many_ms_p50", "many_ms_p99", "known_ms")
        self.assertLessEqual(found["one_ms_p50"], found["one_ms_p99"])
        self.assertLessEqual(found["many_ms_p50"], found["many_ms_max"])
        self.assertEqual(found["goals"], {"one_ms_p50": 10.0, "many_ms_p99": 1000.0})
        self.assertEqual(table[0].split(), ["seen", "worst", "goal"])

    def test_peer_call(self) -> None:
        """It measures both kinds of call, and says how the one is to the other."""
        table, found = run("peer_call", "2", "--at-once", "2")
        self.assertEqual((found["benchmark"], found["calls"], found["goals"]), ("peer_call", 2, {"ms_p50": 1.15}))
        for kind in ("peer", "plain", "ratio"):
            self.assertPositive(found[kind], "ms_p50", "ms_p99", "per_second")
        self.assertEqual(table[0].split(), ["peer", "plain", "ratio", "goal"])

    def test_holders(self) -> None:
        """Each of the holders gets each of the edits, and holds again."""
        profile = self.mktemp()
        table, found = run("holders", "40", "--rounds", "2", "--settle", "0", "--profile", profile)
        self.assertEqual((found["benchmark"], found["holders"]), ("holders", 40))
        self.assertPositive(found, "create_ms_first", "create_ms_last", "connect_s", "cpu_s", "stall_cpu_ms")
        self.assertPositive(found, "half_have_s", "all_have_s", "all_hold_s", "answered_s")
        self.assertLessEqual(found["half_have_s"], found["all_have_s"])
        self.assertLessEqual(found["all_have_s"], found["all_hold_s"])
        self.assertEqual(found["goals"], {"kib_per_holder": 20.0, "all_have_s": 3.0, "stall_ms": 50.0})
        self.assertEqual(table[0], "40 holders, who acknowledge at once; of edits the median and the worst")
        self.assertEqual(table[1].split(), ["seen", "worst", "goal"])
        self.assertTrue(Path(profile).exists())

    def test_holders_who_take_their_time(self) -> None:
        """They acknowledge later, and not before they have it."""
        table, found = run("holders", "20", "--rounds", "1", "--settle", "0", "--linger", "0.2")
        self.assertIn("0.2 s after they have it", table[0])
        self.assertGreaterEqual(found["all_hold_s"], found["half_have_s"] + 0.2)

    def test_storm(self) -> None:
        """All that it creates are ready, and meanwhile the initiator answers."""
        table, found = run("storm", "--jobs", "3", "--concurrency", "2")
        self.assertEqual((found["benchmark"], found["jobs"], found["goals"]), ("storm", 3, {"healthz_p99_ms": 50.0}))
        self.assertPositive(found, "created_s", "ready_s", "asked", "healthz_p99_ms", "stall_cpu_max_ms")
        self.assertLessEqual(found["created_s"], found["ready_s"])
        self.assertEqual(table[0].split(), ["figure", "value"])

    def test_churn(self) -> None:
        """All that it creates is gone, and no process of it is left."""
        table, found = run("churn", "--cycles", "20", "--every", "8", "--at-once", "2")
        self.assertEqual((found["benchmark"], found["cycles"]), ("churn", 20))
        self.assertEqual((found["grown"]["processes"], found["grown"]["descriptors"]), (0, 0))
        self.assertEqual([row.split()[0] for row in table[:6]], ["after", "start", "warm", "8", "16", "end"])
        self.assertEqual([*found["per_thousand_mib"]], ["8", "16", "20"])

    def test_churn_of_processors(self) -> None:
        """The same with processors, which are forked: that the fork server lives on is no leak."""
        _, found = run("churn", "--cycles", "10", "--at-once", "2", "--module", "proactor.processor")
        self.assertEqual((found["module"], found["grown"]["processes"]), ("proactor.processor", 0))

    def test_crash_loops(self) -> None:
        """What crashes is started again and again, and the others go on."""
        _, found = run("crash_loops", "--crashing", "2", "--well", "1", "--seconds", "1", "--light")
        self.assertEqual((found["benchmark"], found["crashing"], found["disturbed"]), ("crash_loops", 2, 0))
        self.assertPositive(found, "launches_per_s", "healthz_p50_ms", "well_healthz_p50_ms", "one_more_ready_s")

    def test_survival(self) -> None:
        """Initiators are killed, and nobody who calls a processor notices."""
        table, found = run("survival", "--processors", "3", "--kills", "2", "--away", "0.1")
        self.assertEqual((found["benchmark"], found["survived"], found["problems"]), ("survival", 3, []))
        self.assertEqual({*found["calls"]}, {"answered"})
        self.assertPositive(found, "adopted_s", "from_start_s", "serving_s", "serving_cpu_s")
        self.assertEqual(table[0].split(), ["figure", "seen", "goal"])

    def test_revocation(self) -> None:
        """All that a processor had called refuse it once it is revoked, each time."""
        table, found = run("revocation", "3", "--rounds", "2")
        self.assertEqual((found["benchmark"], found["peers"], found["rounds"]), ("revocation", 3, 2))
        self.assertPositive(found, "refused_ms_p50", "refused_ms_max", "asked_ms")
        self.assertEqual(found["goals"], {"refused_ms_max": 1000.0})
        self.assertEqual(table[0].split(), ["seen", "worst", "goal"])

    def test_random_kills(self) -> None:
        """What was answered is there after kills of every kind, and nothing else; its seed is printed."""
        table, found = run("random_kills", "--kills", "4", "--seed", "7")
        self.assertEqual((found["benchmark"], found["seed"], found["kills"]), ("random_kills", 7, 4))
        self.assertEqual((found["problems"], found["changed"], found["calls"].get("refused", 0)), ([], 0, 0))
        self.assertTrue(table[0].startswith("seed 7, 4 kills in "), table[0])

    def test_help(self) -> None:
        """Each says what it does."""
        names = (
            "launch",
            "processor_cost",
            "push",
            "holders",
            "storm",
            "churn",
            "crash_loops",
            "random_kills",
            "peer_call",
            "revocation",
            "survival",
        )
        said = subprocess.check_output([sys.executable, "-c", HELP, *names], text=True, env=_environment())
        for name, each in zip(names, said.split("\0")[:-1], strict=True):
            self.assertTrue(each.startswith(f"usage: python -m benchmarks.{name} "), each)


class ListeningTests(SynchronousTestCase):
    """What random_kills looks for at the end."""

    skip = NOT_HERE

    def test_in_vain(self) -> None:
        """A port that the initiator has is found; one that another program has in the same range is not."""
        with socket.create_server(("127.0.0.1", 0)) as ours:
            port = ours.getsockname()[1]
            for pid, found in ((os.getpid(), {port}), (os.getppid(), set[int]())):
                life = Life(Path(self.mktemp()), 1)
                life.process = cast(Any, SimpleNamespace(pid=pid))
                self.assertEqual(listening(life, port) & {port}, found)


class FiguresTests(SynchronousTestCase):
    """What they count with."""

    def test_percentile(self) -> None:
        """It is a value that was seen: the least that so many percent do not pass."""
        values = [float(value) for value in range(100, 0, -1)]
        found = [percentile(values, percent) for percent in (0, 1, 50, 99, 99.1, 100)]
        self.assertEqual(found, [1, 1, 50, 99, 100, 100])
        self.assertEqual(median([3.0]), 3.0)
        self.assertRaises(ValueError, percentile, [], 50)

    def test_memory(self) -> None:
        """Private memory is what would be given back."""
        self.assertEqual(Memory.parse(SMAPS), Memory(private=152, pss=283, rss=1752))
        if NOT_HERE is None:
            self.assertGreater(Memory.of(os.getpid()).private, 0)
