"""Thousands of jobs that come and go: what the initiator keeps of them, which should be nothing.

    python -m benchmarks.churn [--cycles 2000] [--every 1000] [--at-once 6] [--module light]

Each cycle creates a job, ends its process in one of several ways, and deletes the job. The processes are small programs
that answer whatever they are asked, or those of another module, such as ``proactor.processor``. After a tenth of all
cycles the initiator counts as warm. It remembers the last 1,000 events, some five of each cycle, and the last 5,000
changes of who is ready, two of each. What it has grown by for each 1,000 cycles is told in the end, and that of its
guardian, of its fork server and of its home: a leak goes on, what is remembered does not. In the home the last 100,000
events are kept, and behind them it does not grow either.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from contextlib import closing, suppress
from itertools import count, pairwise
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from attrs import define, field

from . import figures, running
from .measured import Measured, measured

#: What may be there more at the end than when it was warm.
GOALS = {"rss_mib": 8.0, "descriptors": 0.0, "delayed_calls": 0.0}

#: Answers whatever it is asked on the socket that it inherits.
LIGHT = """\
[light]
restart_delay = 0.05
stop_timeout = 5
command =
    {python}
    -I
    -S
    -c
    {program}
"""
_PROGRAM = (
    "import socket; s = socket.socket(fileno={fd}); s.setblocking(True); "
    "[(c.recv(1000), c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n'), c.close()) for c, _ in iter(s.accept, None)]"
)
LIGHT = LIGHT.replace("{program}", _PROGRAM)
HEAD = (
    *("after", "cycles", "RSS, MiB", "private", "descriptors", "threads", "processes", "delayed calls", "objects"),
    *("helpers, MiB", "home, files", "home, MiB"),
)
NAMES = (
    *("rss_mib", "private_mib", "descriptors", "threads", "processes", "delayed_calls", "objects"),
    *("helpers_mib", "home_files", "home_mib"),
)


@define(eq=False)
class Churn:
    """The cycles, shared by some threads."""

    initiator: Measured
    module: str
    cycles: int = 0
    _next: Any = field(factory=count)
    _lock: Lock = field(factory=Lock)
    _failed: list[Exception] = field(factory=list)

    def run(self, until: int, at_once: int) -> None:
        """Go on to that cycle.

        :raises Unexpected: one did not go as it should.
        """
        threads = [Thread(target=self._work, args=(until,)) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def _work(self, until: int) -> None:
        with closing(self.initiator.another()) as operator:
            try:
                while (number := self._taken(until)) is not None:
                    self._cycle(operator, number)
            except Exception as e:  # noqa: BLE001 - it is raised where it is waited for
                self._failed.append(e)

    def _taken(self, until: int) -> int | None:
        with self._lock:
            if self.cycles >= until or self._failed:
                return None
            self.cycles += 1
            return self.cycles

    def _cycle(self, operator: running.Operator, number: int) -> None:
        """Create, end, delete: ready or not; killed, restarted, stopped or left alone."""
        ready = {"Prefer": "wait=60"} if number % 2 else {}
        job = operator.call("POST", "/create", {"module": self.module}, **ready)
        path = f"/job/{job['guid']}"
        how = number // 2 % 4
        if how == 0 and job["pid"]:
            with suppress(ProcessLookupError):
                os.kill(job["pid"], signal.SIGKILL)
        elif how in (1, 2):
            # What is not waited for is answered by a line that is no JSON.
            with suppress(json.JSONDecodeError):
                operator.call("POST", f"{path}/{'restart' if how == 1 else 'stop'}", Prefer=f"wait={number % 3 * 60}")
        operator.call("DELETE", path, Prefer="wait=60")


def look(initiator: Measured) -> dict[str, float]:
    """How it is, when what was to end has ended."""
    running.wait_until(lambda: not initiator.outside()["processes"], "the processes are gone")
    # What is closed a moment later: connections, and the timers on them.
    time.sleep(1.5)
    helpers = [figures.Memory.of(pid).rss for pid in running.children(initiator.process.pid)]
    return {
        **initiator.outside(),
        **initiator.inside(),
        "helpers_mib": sum(helpers) / 1024,
        **home(initiator.report.parent / "home"),
    }


def home(folder: Path) -> dict[str, float]:
    """How many files there are in a home, and how much is in them."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return {"home_files": len(sizes), "home_mib": sum(sizes) / (1 << 20)}


def steps(cycles: int, every: int) -> list[tuple[str, int]]:
    """When to look, and what that is called: when it is warm, every so many cycles, at the end."""
    warm = round(cycles * 0.1)
    return [("warm", warm), *(("", at) for at in range(every, cycles, every) if at > warm), ("end", cycles)]


def grown(looks: list[tuple[str, int, dict[str, float]]]) -> list[tuple[int, float]]:
    """Between each two looks: until when, and by how many MiB the resident memory has grown for each 1,000 cycles."""
    return [
        (after, (now["rss_mib"] - then["rss_mib"]) / (after - before) * 1000)
        for (_, before, then), (_, after, now) in pairwise(looks)
    ]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser("python -m benchmarks.churn", description=__doc__.partition("\n")[0])
    parser.add_argument("--cycles", type=int, default=2000, help="how many")
    parser.add_argument("--every", type=int, default=1000, help="after how many to look")
    parser.add_argument("--at-once", type=int, default=6, help="how many at the same time")
    parser.add_argument("--module", default="light", help="what they are")
    options = parser.parse_args()
    looks: list[tuple[str, int, dict[str, float]]] = []
    began = time.monotonic()
    with measured(running.config("", "launch_concurrency = 8") + LIGHT) as initiator:
        churn = Churn(initiator, options.module)
        looks.append(("start", 0, look(initiator)))
        for name, cycles in steps(options.cycles, options.every):
            churn.run(cycles, options.at_once)
            looks.append((name, churn.cycles, look(initiator)))
    show(looks, options.module, time.monotonic() - began)


def show(looks: list[tuple[str, int, dict[str, float]]], module: str, took: float) -> None:
    """Print what was seen."""
    figures.print_table(HEAD, [(name, cycles, *(found[each] for each in NAMES)) for name, cycles, found in looks])
    warm, last = looks[1][2], looks[-1][2]
    more = {name: last[name] - warm[name] for name in NAMES}
    print(f"\n{took:.0f} s; more at the end than when warm: " + ", ".join(f"{n} {v:+.1f}" for n, v in more.items()))
    pace = grown(looks[1:])
    print("RSS, MiB for each 1,000 cycles, until: " + ", ".join(f"{until} {mib:+.2f}" for until, mib in pace))
    figures.print_json(
        "churn",
        {
            "module": module,
            "cycles": looks[-1][1],
            "seconds": took,
            "grown": more,
            "per_thousand_mib": {str(until): mib for until, mib in pace},
            "goals": GOALS,
        },
    )


if __name__ == "__main__":
    main()
