"""The initiator is killed while its processors are called: who notices, and how soon the next one has them.

    python -m benchmarks.survival [--processors 50] [--kills 5] [--away 1.0]

A processor survives when it has the same process, started at the same time, with the same number in its memory.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from . import figures, running
from .lives import PORTS, Caller, Life, born, config, end_all, free_port, nonce

#: Seconds from when the next initiator serves.
GOALS = {"adopted_s": 2.0}
#: Who call at the same time.
CALLERS = 4

_TOLD = re.compile(r"told (\d+)$", re.MULTILINE)


@frozen
class Seen:
    """What is the same of a survivor."""

    pid: int
    born: str | None
    nonce: str

    @classmethod
    def of(cls, job: dict[str, Any]) -> Seen:
        """Look at the process of a job."""
        return cls(job["pid"], born(job["pid"]), nonce(job))


@contextmanager
def calls(ports: Sequence[int]) -> Iterator[list[Caller]]:
    """Call them for as long as this is entered."""
    stop = threading.Event()
    callers = [Caller([*ports[number:], *ports[:number]], stop) for number in range(CALLERS)]
    threads = [threading.Thread(target=caller.run) for caller in callers]
    for thread in threads:
        thread.start()
    try:
        yield callers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def ready(operator: running.Operator) -> int:
    """How many are adopted, and have answered."""
    return sum(job["ready"] for job in operator.call("GET", "/job"))


def replace(life: Life, count: int, away: float) -> tuple[float, float]:
    """Kill the initiator, and start the next; the seconds until all are adopted, from its start and since it serves.

    :param away: for how long there is none.
    """
    life.kill()
    time.sleep(away)
    began = time.monotonic()
    life.start()
    serving = time.monotonic()
    operator = life.operator()
    running.wait_until(lambda: ready(operator) == count, "all are adopted")
    operator.close()
    now = time.monotonic()
    return now - began, now - serving


def gaps(operator: running.Operator, job: dict[str, Any], lines: int) -> Iterator[str]:
    """What is wrong with a log, which is to have so many lines for as many calls."""
    told = [int(number) for number in _TOLD.findall(operator.text(f"/job/{job['guid']}/log?tail={lines + 1000}"))]
    if told != [*range(1, lines + 1)]:
        yield f"{job['guid']}: its log has {len(told)} of {lines} lines"


def measure(life: Life, count: int, kills: int, away: float) -> dict[str, Any]:
    """Kill some initiators, one after another."""
    life.start()
    operator = life.operator()
    order = {"module": "benchmarks.nonce", "count": count}
    jobs = operator.call("POST", "/create", order, Prefer="wait=60")
    running.wait_until(lambda: ready(operator) == count, "all are ready")
    jobs = operator.call("GET", "/job")
    operator.close()
    before = {job["guid"]: Seen.of(job) for job in jobs}
    with calls([job["port"] for job in jobs]) as callers:
        time.sleep(1)
        took = [replace(life, count, away) for _ in range(kills)]
        time.sleep(1)
    came: Counter[str] = Counter()
    answered: Counter[int] = Counter()
    for caller in callers:
        came.update(caller.came)
        answered.update(caller.answered)
    operator = life.operator()
    after = operator.call("GET", "/job")
    changed = [job["guid"] for job in after if Seen.of(job) != before[job["guid"]] or job["incarnation"] != 1]
    problems = [f"{guid}: it is not the same" for guid in changed]
    # Besides the calls two by which they were looked at.
    problems += [text for job in after for text in gaps(operator, job, answered[job["port"]] + 2)]
    operator.close()
    return {
        "processors": count,
        "kills": kills,
        "calls": dict(came),
        "adopted_s": max(serving for _, serving in took),
        "from_start_s": max(start for start, _ in took),
        "serving_s": max(life.started),
        "serving_cpu_s": max(life.cpu),
        "survived": count - len(changed),
        "problems": problems,
    }


def main() -> None:
    """Kill, look, print."""
    parser = argparse.ArgumentParser("python -m benchmarks.survival", description=__doc__.partition("\n")[0])
    parser.add_argument("--processors", type=int, default=50, help="how many [default: %(default)s]")
    parser.add_argument("--kills", type=int, default=5, help="of the initiator [default: %(default)s]")
    parser.add_argument("--away", type=float, default=1.0, help="seconds without one [default: %(default)s]")
    options = parser.parse_args()
    first = free_port()
    with tempfile.TemporaryDirectory(prefix="proactor-survival-") as name:
        life = Life(Path(name), first + PORTS)
        (life.folder / "proactor.cfg").write_text(config(life.port, first))
        try:
            found = measure(life, options.processors, options.kills, options.away)
        finally:
            end_all(life)
    rows = [(name, value, GOALS.get(name)) for name, value in found.items() if name not in ("calls", "problems")]
    figures.print_table(
        ("figure", "seen", "goal"), [*rows, *((f"calls {how}", n, None) for how, n in found["calls"].items())]
    )
    for problem in found["problems"]:
        print(f"BROKEN: {problem}")
    figures.print_json("survival", {**found, "goals": GOALS})
    if found["problems"] or found["calls"].keys() - {"answered"}:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
