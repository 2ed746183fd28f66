"""What a launch costs, in four ways side by side: how long until it serves, how many in a second, how much memory.

    python -m benchmarks.launch [--rounds 25] [--count 200] [--live 0]

``reference`` is a fresh interpreter for each, one after another; ``spawn`` and ``fork`` are an initiator's launchers,
by ``POST /create``; ``floor`` is a process with Twisted, Klein and treq loaded that forks, and promises nothing. What
the first and the last start is the plainest process that serves (``benchmarks.plain``). From the request to the first
answer of what was launched is its time: it is asked at once, and its socket, which listens before, has the question
wait.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from . import figures, live
from .beside import first_answer, stub
from .designs import Design, Initiator, Started, all_designs
from .figures import Memory, median, percentile

#: For ``fork``.
GOALS = {"serving_ms_p50": 10.0, "per_second": 150.0, "private_mib": 8.0}
#: How many are launched one after another in a round: of the slow ones fewer.
PER_ROUND = {"reference": 1, "spawn": 1, "fork": 4, "floor": 4}
#: How many of the slow ones are launched at once, at most: they take their time.
_MOST_SLOW = 40
#: Seconds after the first launch of each: what an initiator does ahead, when it has nothing to do, is done then.
_REST = 4.0
#: How many of those launched at once are looked at, and asked how often.
_LOOKED_AT, _ASKED = 20, 10

LABELS = {
    "serving_ms_p50": "from the request to serving, ms, p50",
    "serving_ms_p99": "the same, p99",
    "launches": "of so many, one after another",
    "per_second": "serving per second, asked for at once",
    "at_once": "of so many",
    "cpu_ms": "processor time of each, its launch included, ms",
    "private_mib": "private memory, MiB",
    "pss_mib": "proportional memory (PSS), MiB",
    "private_busy_mib": f"private memory after {_ASKED} more requests, MiB",
    "pss_busy_mib": "proportional memory then, MiB",
}


def one(design: Design) -> float:
    """Launch one, and end it; the ms until it served."""
    began = time.perf_counter()
    started = design.launch(1)
    first_answer(started[0].port, started[0].guid)
    took = (time.perf_counter() - began) * 1000
    design.end(started)
    return took


@frozen
class Batch:
    """What was seen of many.

    :param per_second: how many served in a second, from the request to the first answer of the last.
    :param cpu: the seconds of CPU that all who had part in it used until then.
    :param idle: the memory of some that have been asked once; ``busy``: when they were asked some times more.
    """

    count: int
    per_second: float
    cpu: float
    idle: Sequence[Memory]
    busy: Sequence[Memory]


def many(design: Design, count: int) -> Batch:
    """Launch many at once, look at some, and end them."""
    used, began = design.cpu(), time.perf_counter()
    started = design.launch(count)
    for each in started:
        first_answer(each.port, each.guid)
    took, cpu = time.perf_counter() - began, design.cpu() - used
    if isinstance(design, Initiator):
        started = design.running(started)
    seen = started[:: max(1, count // _LOOKED_AT)]
    idle = _memory(seen)
    for each in seen:
        for _ in range(_ASKED):
            first_answer(each.port, each.guid)
    busy = _memory(seen)
    design.end(started)
    return Batch(count, count / took, cpu, idle, busy)


def _memory(started: Sequence[Started]) -> list[Memory]:
    # What they do right after they began to serve, such as the first fetch, is to be over.
    time.sleep(0.5)
    return [Memory.of(each.pid) for each in started if each.pid is not None]


def summary(serving: Sequence[float], batch: Batch) -> dict[str, float]:
    """The figures of one design."""
    return {
        "serving_ms_p50": median(serving),
        "serving_ms_p99": percentile(serving, 99),
        "launches": len(serving),
        "per_second": batch.per_second,
        "at_once": batch.count,
        "cpu_ms": batch.cpu / batch.count * 1000,
        "private_mib": median([each.private / 1024 for each in batch.idle]),
        "pss_mib": median([each.pss / 1024 for each in batch.idle]),
        "private_busy_mib": median([each.private / 1024 for each in batch.busy]),
        "pss_busy_mib": median([each.pss / 1024 for each in batch.busy]),
    }


def measure(rounds: int, count: int, concurrency: int) -> dict[str, dict[str, float]]:
    """The figures of all designs."""
    serving: dict[str, list[float]] = {name: [] for name in PER_ROUND}
    with stub() as url, all_designs(url, concurrency) as designs:
        for design in designs.values():
            one(design)
        time.sleep(_REST)
        for _ in range(rounds):
            for name, times in PER_ROUND.items():
                serving[name] += [one(designs[name]) for _ in range(times)]
        slow = min(count, _MOST_SLOW)
        batches = {name: many(design, count if PER_ROUND[name] > 1 else slow) for name, design in designs.items()}
    return {name: summary(serving[name], batches[name]) for name in designs}


def report(found: Mapping[str, Mapping[str, float]]) -> None:
    """Print, and how ``fork`` is to the others."""
    rows: list[Sequence[Any]] = [
        (text, *(found[name][figure] for name in PER_ROUND), GOALS.get(figure)) for figure, text in LABELS.items()
    ]
    figures.print_table(("", *PER_ROUND, "goal"), rows)


def ratios(found: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """How ``fork`` is to each of the others: machines differ less in that."""
    names = [name for name in LABELS if name not in ("launches", "at_once")]
    others = [name for name in PER_ROUND if name != "fork"]
    return {other: {name: found["fork"][name] / found[other][name] for name in names} for other in others}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser("python -m benchmarks.launch", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=25, help="of launches one after another [default: %(default)s]")
    parser.add_argument("--count", type=int, default=200, help="how many at once [default: %(default)s]")
    parser.add_argument("--concurrency", type=int, default=2 * (os.cpu_count() or 1), help="launches at a time")
    parser.add_argument("--live", type=int, default=0, help="so many that live, and what the initiator uses meanwhile")
    parser.add_argument("--seconds", type=float, default=60, help="for how long that is looked at")
    options = parser.parse_args()
    figures.raise_descriptor_limit(2 * max(options.count, options.live) + 500)
    if options.live:
        live.report(live.measure(options.live, options.seconds))
        return
    found = measure(options.rounds, options.count, options.concurrency)
    report(found)
    figures.print_json("launch", {**found, "fork_to": ratios(found), "goals": GOALS})


if __name__ == "__main__":
    main()
