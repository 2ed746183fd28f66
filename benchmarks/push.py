"""How long an edit takes to be live in running processors, and acknowledged by them.

First one processor and many edits of its module's section: the time from the answer to the PATCH until the rollout is
known to be done, over HTTP, when the processor itself shows the new value. Then many processors and a few edits of
DEFAULT: the time from when the PATCH is sent until each has acknowledged, by the rollout's own record.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from http.client import HTTPConnection
from typing import Any

from . import figures, running
from .figures import median, percentile

GOALS = {"one_ms_p50": 10.0, "many_ms_p99": 1000.0}

_MODULE = "proactor.processor"
#: Between two edits, in seconds: a processor lets no initiator have it fetch without end.
_PAUSE = 0.05


#: The ms until each had acknowledged an edit, and until all that was known over HTTP.
Edit = tuple[list[float], float]


def finished(operator: running.Operator, rollout: str) -> dict[str, Any]:
    """A rollout's record, once it is over; asked for with one held request after another.

    :raises Unexpected: it came to another end than it should.
    """
    known: dict[str, str] = {}
    while True:
        record: dict[str, Any] | None = operator.call("GET", f"/rollout/{rollout}", None, Prefer="wait=20", **known)
        if record is None:
            continue
        if record["state"] in ("done", "failed", "reverted"):
            break
        known = {"If_None_Match": f'"{len(record["events"])}"'}
    if record["state"] != "done":
        raise running.Unexpected(f"rollout {rollout} is {record['state']}: {record['problem']}")
    return record


def edit_one(operator: running.Operator, processor: HTTPConnection, value: str) -> float:
    """Edit the module's section; gives the ms from the answer until it is acknowledged.

    :raises Unexpected: the processor does not have it then.
    """
    plan = operator.call("PATCH", f"/config/{_MODULE}", {"rate": value})
    began = time.perf_counter()
    finished(operator, plan["rollout"])
    took = (time.perf_counter() - began) * 1000
    processor.request("GET", "/config")
    if json.loads(processor.getresponse().read())["rate"] != value:
        raise running.Unexpected("it was acknowledged, and is not live")
    return took


def one(operator: running.Operator, edits: int) -> list[float]:
    """Edits of one processor."""
    job = operator.call("POST", "/create")
    path = f"/job/{job['guid']}"
    running.wait_until(lambda: operator.call("GET", path)["state"] == "running", "the processor")
    times = []
    with closing(HTTPConnection("127.0.0.1", job["port"], timeout=running.PATIENCE)) as processor:
        for number in range(edits):
            time.sleep(_PAUSE)
            times.append(edit_one(operator, processor, str(number + 2)))
    operator.call("DELETE", path, Prefer="wait=30")
    return times


def edit_many(operator: running.Operator, count: int, value: str) -> Edit:
    """Edit DEFAULT; gives the ms until each had acknowledged, and until that was known over HTTP.

    :raises Unexpected: there are not that many.
    """
    began, wall = time.perf_counter(), time.time()
    plan = operator.call("PATCH", "/config/DEFAULT", {"greeting": value})
    record = finished(operator, plan["rollout"])
    known = (time.perf_counter() - began) * 1000
    applied = [event for event in record["events"] if event["event"] == "applied"]
    if len(applied) != count:
        raise running.Unexpected(f"{len(applied)} of {count} acknowledged")
    times = [datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp() for event in applied]
    return [(moment - wall) * 1000 for moment in times], known


def many(operator: running.Operator, count: int, rounds: int, patience: float) -> tuple[float, list[Edit]]:
    """Edits of many processors; gives the seconds until all of those served, and the times of each edit."""
    began = time.perf_counter()
    operator.call("POST", "/create", {"count": count})

    def ready() -> bool:
        return len(operator.call("GET", "/job?state=running")) == count

    running.wait_until(ready, f"{count} processors", patience, pause=0.5)
    launched = time.perf_counter() - began
    return launched, [edit_many(operator, count, f"hello {number}") for number in range(rounds)]


def summary(alone: list[float], launched: float, together: list[Edit]) -> dict[str, Any]:
    """The figures."""
    fleet = [times for times, _ in together]
    return {
        "one_ms_p50": median(alone),
        "one_ms_p99": percentile(alone, 99),
        "launched_s": launched,
        "many_ms_p50": median([median(times) for times in fleet]),
        "many_ms_p99": median([percentile(times, 99) for times in fleet]),
        "many_ms_max": median([max(times) for times in fleet]),
        "known_ms": median([known for _, known in together]),
        "worst": {
            "one_ms_p50": max(alone),
            "many_ms_p99": max(percentile(times, 99) for times in fleet),
            "many_ms_max": max(max(times) for times in fleet),
            "known_ms": max(known for _, known in together),
        },
    }


def report(processors: int, found: Mapping[str, Any]) -> None:
    """Print."""
    labels = {
        "one_ms_p50": "one: from the answer to acknowledged, ms, median",
        "one_ms_p99": "one: the same, p99",
        "launched_s": f"{processors}: launched and ready, s",
        "many_ms_p50": f"{processors}: from the edit to half acknowledged, ms",
        "many_ms_p99": f"{processors}: to 99 % acknowledged, ms",
        "many_ms_max": f"{processors}: to all acknowledged, ms",
        "known_ms": f"{processors}: to that known over HTTP, ms",
    }
    rows = [(text, found[name], found["worst"].get(name), GOALS.get(name)) for name, text in labels.items()]
    figures.print_table(("", "seen", "worst", "goal"), rows)
    figures.print_json("push", {"processors": processors, **found, "goals": GOALS})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.push", description=__doc__)
    parser.add_argument("processors", type=int, nargs="?", default=200, help="how many [default: %(default)s]")
    parser.add_argument("--edits", type=int, default=200, help="edits of the one processor [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="edits of the many [default: %(default)s]")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds for the launch [default: %(default)s]")
    given = parser.parse_args()
    with running.initiator(running.config("rate = 1")) as operator:
        alone = one(operator, given.edits)
        launched, together = many(operator, given.processors, given.rounds, given.patience)
    report(given.processors, summary(alone, launched, together))


if __name__ == "__main__":
    main()
