"""Jobs that crash again and again, beside others that are well: what the initiator has time for meanwhile.

    python -m benchmarks.crash_loops [--crashing 200] [--well 10] [--seconds 30] [--light] [--nice N]

The ones that crash are modules that cannot be imported, or with ``--light`` programs that end within milliseconds. They
are started again for ever, after at most one second: as fast as the machine can. When each has crashed once, the
initiator's and the healthy ones' ``GET /healthz`` are asked, records are read, and one more healthy processor is
created.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from . import figures, running
from .measured import Measured, measured
from .pulse import pulse

#: In milliseconds; how often a healthy one was started again.
GOALS = {"stall_late_max_ms": 50.0, "stall_cpu_max_ms": 50.0, "disturbed": 0}

CRASHING = """\
[crashing]
restart_attempts = 0
restart_delay = 0.1
restart_delay_max = 1
command = {command}
"""
MODULE = "{python} -m there_is_no_such_module {fd}"
LIGHT = "/bin/sh -c 'echo it cannot be; exit 1' sh {fd}"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser("python -m benchmarks.crash_loops", description=__doc__.partition("\n")[0])
    parser.add_argument("--crashing", type=int, default=200, help="how many crash")
    parser.add_argument("--well", type=int, default=10, help="how many do not")
    parser.add_argument("--seconds", type=float, default=30, help="for how long")
    parser.add_argument("--light", action="store_true", help="crash sooner")
    parser.add_argument("--nice", type=int, help="the niceness of those that crash")
    options = parser.parse_args()
    figures.raise_descriptor_limit(2 * options.crashing + 200)
    crashing = CRASHING.replace("{command}", LIGHT if options.light else MODULE)
    crashing += f"nice = {options.nice}\n" if options.nice is not None else ""
    with measured(running.config() + crashing) as initiator:
        found = {"crashing": options.crashing, "nice": options.nice, **storm(initiator, options)}
    figures.print_table(("figure", "value"), list(found.items()))
    figures.print_json("crash_loops", {**found, "goals": GOALS})


def storm(initiator: Measured, options: argparse.Namespace) -> dict[str, Any]:
    """Have it, and measure."""
    operator = initiator.operator
    well = operator.call("POST", "/create", {"count": options.well}, Prefer="wait=120")
    before = [operator.call("GET", f"/job/{job['guid']}") for job in well]
    operator.call("POST", "/create", {"module": "crashing", "count": options.crashing})
    running.wait_until(lambda: all(number > 1 for number in incarnations(operator)), "each crashed", 600, 0.5)
    initiator.inside()
    cpu, launches, began = initiator.outside()["cpu_s"], sum(incarnations(operator)), time.monotonic()
    with pulse([operator.port], 0.005) as own, pulse([job["port"] for job in well], 0.05) as theirs:
        reads = read(operator, [job["guid"] for job in well], options.seconds / 2)
        one_more_began = time.monotonic()
        one_more = operator.call("POST", "/create", {}, Prefer="wait=120")
        one_more_took = time.monotonic() - one_more_began
        reads += read(operator, [one_more["guid"]], options.seconds / 2)
    took, inside, outside = time.monotonic() - began, initiator.inside(), initiator.outside()
    launches = sum(incarnations(operator)) - launches
    after = [operator.call("GET", f"/job/{job['guid']}") for job in well]
    return {
        "launches_per_s": launches / took,
        **own.figures,
        **{f"well_{name}": value for name, value in theirs.figures.items() if name.startswith("healthz")},
        **{f"read_p{percent}_ms": figures.percentile(reads, percent) for percent in (50, 99, 100)},
        "one_more_ready_s": one_more_took,
        "disturbed": sum(now["pid"] != then["pid"] for now, then in zip(after, before, strict=True)),
        **{f"stall_{name}_ms": value for name, value in inside.items() if name.startswith(("late", "cpu", "own"))},
        "cpu_percent": (outside["cpu_s"] - cpu) / took * 100,
        "rss_mib": outside["rss_mib"],
    }


def incarnations(operator: running.Operator) -> list[int]:
    """How often each of those that crash was launched."""
    return [job["incarnation"] for job in operator.call("GET", "/job?module=crashing")]


def read(operator: running.Operator, guids: list[str], seconds: float) -> list[float]:
    """Read records for so long; how long each took, in milliseconds."""
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for guid in guids:
            began = time.perf_counter()
            operator.call("GET", f"/job/{guid}")
            took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.1)
    return took


if __name__ == "__main__":
    main()
