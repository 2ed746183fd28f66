"""What many processors that live cost the initiator while nothing happens: each has a fetch held, again and again."""

from __future__ import annotations

import re
import time
from typing import Any

from . import figures, running
from .figures import Memory

#: Percent of a CPU.
GOAL = 5.0
#: Seconds for which a fetch is held.
REFRESH = 30

_FETCHES = re.compile(r"^proactor_fetches_total\{.*\} (\S+)$", re.MULTILINE)


def measure(count: int, seconds: float) -> dict[str, Any]:
    """Launch so many, let them come to rest, and look for a while at what the initiator uses."""
    with running.initiator(running.config(f"refresh = {REFRESH}")) as operator:
        began = time.monotonic()
        operator.call("POST", "/create", {"count": count})
        running.wait_until(
            lambda: len(operator.call("GET", "/job?state=running")) >= count, "all are ready", patience=600, pause=0.5
        )
        launched = time.monotonic() - began
        # What comes of the launches, such as the first tokens being renewed, is to be over.
        time.sleep(min(REFRESH, seconds))
        fetched, cpu, began = fetches(operator), running.cpu_time(operator.pid), time.monotonic()
        time.sleep(seconds)
        took, used = time.monotonic() - began, running.cpu_time(operator.pid) - cpu
        return {
            "processors": count,
            "launched_s": launched,
            "seconds": took,
            "fetches": fetches(operator) - fetched,
            "cpu_percent": used / took * 100,
            "initiator_rss_mib": Memory.of(operator.pid).rss / 1024,
            **memory(operator),
        }


def memory(operator: running.Operator) -> dict[str, float]:
    """Of a processor, in MiB."""
    jobs = operator.call("GET", "/job?state=running")
    found = [Memory.of(job["pid"]) for job in jobs[:: max(1, len(jobs) // 50)]]
    return {
        "private_mib": figures.median([each.private / 1024 for each in found]),
        "pss_mib": figures.median([each.pss / 1024 for each in found]),
    }


def fetches(operator: running.Operator) -> float:
    """How many the initiator has answered since it began."""
    # It has been idle for long, which an initiator bears for a minute.
    operator.close()
    return sum(map(float, _FETCHES.findall(operator.text("/metrics"))))


def report(found: dict[str, Any]) -> None:
    """Print."""
    rows = [(name, value, GOAL if name == "cpu_percent" else None) for name, value in found.items()]
    figures.print_table(("figure", "seen", "goal"), rows)
    figures.print_json("live", {**found, "goals": {"cpu_percent": GOAL}})
