"""A storm of launches: many processors created at once, and how promptly the initiator answers meanwhile.

    python -m benchmarks.storm [--jobs 200] [--concurrency 2 x CPUs] [--nice N] [--pause 0.005]

All are asked for by one request, and each is a real ``proactor.processor``. While they start, ``GET /healthz`` is asked
again and again over a connection of its own, by another process. That process measures too how late its own sleep ends:
on a machine whose CPUs are all taken, that is what nobody can be quicker than.
"""

from __future__ import annotations

import argparse
import os
import time
from contextlib import closing
from typing import Any

from . import figures, running
from .measured import measured
from .pulse import pulse

#: In milliseconds.
GOALS = {"healthz_p99_ms": 50.0}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser("python -m benchmarks.storm", description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=200, help="how many are created")
    parser.add_argument("--concurrency", type=int, default=2 * (os.cpu_count() or 1), help="launches at a time")
    parser.add_argument("--nice", type=int, help="the niceness of the processors")
    parser.add_argument("--pause", type=float, default=0.005, help="seconds between two questions")
    options = parser.parse_args()
    module = "refresh = 30\n" + (f"nice = {options.nice}\n" if options.nice is not None else "")
    figures.raise_descriptor_limit(2 * options.jobs + 200)
    text = running.config(module, f"launch_concurrency = {options.concurrency}")
    with measured(text) as initiator, closing(initiator.another()) as operator:
        initiator.inside()
        cpu = initiator.outside()["cpu_s"]
        with pulse([initiator.operator.port], options.pause) as beat:
            began = time.monotonic()
            jobs = operator.call("POST", "/create", {"count": options.jobs})
            created = time.monotonic() - began
            wait_until_ready(operator, len(jobs))
            took = time.monotonic() - began
        inside, outside = initiator.inside(), initiator.outside()
        found: dict[str, Any] = {
            "jobs": options.jobs,
            "concurrency": options.concurrency,
            "nice": options.nice,
            "created_s": created,
            "ready_s": took,
            **beat.figures,
            **{f"stall_{name}_ms": value for name, value in inside.items() if name.startswith(("late", "cpu", "own"))},
            "cpu_s": outside["cpu_s"] - cpu,
            "rss_mib": outside["rss_mib"],
        }
    figures.print_table(("figure", "value"), list(found.items()))
    figures.print_json("storm", {**found, "goals": GOALS})


def wait_until_ready(operator: running.Operator, count: int) -> None:
    """Wait until there are so many processors that run."""
    running.wait_until(
        lambda: len(operator.call("GET", "/job?state=running")) >= count, f"{count} are ready", patience=600, pause=0.5
    )


if __name__ == "__main__":
    main()
