"""Kill the initiator, processors, or both, at random moments of random traffic; then see what is there.

    python -m benchmarks.random_kills [--kills 300] [--seed 1] [--workers 3] [--half-way]

The seed is printed; how threads and processes are scheduled is not up to it. With any finding the home and the logs
stay where they are, and it is said where.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import figures, running
from .kills_model import LABEL, UNKNOWN, Worker, colour_of
from .lives import PORTS, Caller, Life, config, end_all, free_port, processors
from .survivors import Survivors

#: How many processors nobody touches but who kills.
STEADY = 4


def storm(life: Life, kills: int, rng: random.Random, survivors: Survivors, half_way: bool) -> None:
    """Kill, and see each time that all others live on.

    :param half_way: whether some of those that follow are killed as well, before they serve.
    """
    for _ in range(kills):
        # As long as it takes a processor to be launched on this machine: else there are none to survive.
        time.sleep(rng.uniform(0.05, 0.6) * max(1.0, life.started[-1]))
        whom = rng.choice(["initiator", "initiator", "processor", "both"])
        held = survivors.look()
        victims = [pid for pids in held.values() for pid in pids if rng.random() < 0.3] if whom != "initiator" else []
        survivors.killed(victims)
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if whom != "processor":
            life.kill()
            time.sleep(rng.choice([0.0, 0.0, rng.uniform(0, 0.5)]))
            while half_way and rng.random() < 0.5:
                span = rng.uniform(0, life.started[-1])
                life.begin()
                time.sleep(span)
                life.kill()
            life.start()
        survivors.check(whom, victims)


def judged(operator: running.Operator, workers: list[Worker], life: Life, steady: list[str]) -> list[str]:
    """What is wrong, after all has come to rest."""
    jobs = {job["guid"]: job for job in operator.call("GET", "/job")}
    problems = [text for worker in workers for text in worker.broken]
    known = {job.guid: job for worker in workers for job in worker.jobs}
    for guid, job in known.items():
        problems += job.wrong(jobs.get(guid), colour_of(operator, guid) if guid in jobs else None)
    problems += extra([jobs[guid] for guid in jobs.keys() - known.keys() - {*steady}], workers)
    held = processors(life.folder / "home")
    for guid, pids in held.items():
        if guid not in jobs or pids != [jobs[guid]["pid"]]:
            problems.append(f"{guid}: processes {pids}, and the job has {jobs.get(guid, {}).get('pid')}")
    problems += [f"{guid}: wanted, and not there" for guid, job in jobs.items() if job["pid"] and guid not in held]
    return problems


def extra(jobs: Sequence[dict[str, Any]], workers: list[Worker]) -> Iterator[str]:
    """Which jobs are there of which nobody was told: there may be one of an order whose answer did not come."""
    orders = {label: outcome for worker in workers for label, outcome in worker.orders.items()}
    for label, count in Counter(job["labels"].get(LABEL) for job in jobs).items():
        if orders.get(label) != UNKNOWN or count > 1:
            yield f"{count} jobs of the order {label}, which was {orders.get(label)}"


def settled(operator: running.Operator) -> bool:
    """Whether all has come to rest."""
    return all(job["ready"] or job["state"] == "stopped" for job in operator.call("GET", "/job"))


def listening(life: Life, first: int) -> set[int]:
    """The ports for processors at which the initiator or its guardian listens: others may have some of them too."""
    ours: set[str] = set()
    for pid in (*guardians(life), *((life.process.pid,) if life.process else ())):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                ours.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ports = {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in ours}
    return ports & {*range(first, first + PORTS)}


def guardians(life: Life) -> Iterator[int]:
    """The processes of the guardian of this home: one, where all is in order."""
    home = str(life.folder / "home").encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"guardian_main" in command and home in command:
                yield int(pid)


def left_open(life: Life, jobs: int) -> Iterator[str]:
    """Who of the processes that help has more descriptors than jobs are reason for."""
    for pid in guardians(life):
        count = len(os.listdir(f"/proc/{pid}/fd"))
        if count > jobs + 20:
            yield f"the guardian has {count} descriptors for {jobs} jobs"
    for number in running.children(life.process.pid) if life.process else ():
        count = len(os.listdir(f"/proc/{number}/fd"))
        if b"proactor.forkserver" in Path(f"/proc/{number}/cmdline").read_bytes() and count > 20:
            yield f"the fork server has {count} descriptors"


def weather(life: Life, first: int, options: argparse.Namespace) -> dict[str, Any]:
    """The whole of it; what is to be told."""
    rng = random.Random(options.seed)
    life.start()
    operator = life.operator()
    order = {"module": "benchmarks.nonce", "count": STEADY}
    steady = [job["guid"] for job in operator.call("POST", "/create", order, Prefer="wait=60")]
    descriptors = len(os.listdir(f"/proc/{life.process.pid}/fd")) if life.process else 0
    stop = threading.Event()
    ports = [operator.call("GET", f"/job/{guid}")["port"] for guid in steady]
    caller = Caller(ports, stop)
    survivors = Survivors(life, steady, caller, "benchmarks.nonce")
    workers = [Worker(life.operator(), options.seed * 100 + number, stop) for number in range(options.workers)]
    threads = [threading.Thread(target=run) for run in (*(worker.run for worker in workers), caller.run)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    try:
        storm(life, options.kills, rng, survivors, options.half_way)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    took = time.monotonic() - began
    operator.close()
    running.wait_until(lambda: settled(operator), "all has come to rest", pause=0.2)
    survivors.look()
    problems = [*judged(operator, workers, life, steady), *survivors.memories()]
    jobs = operator.call("GET", "/job")
    kept = {job["port"] for job in jobs}
    if vain := listening(life, first) - kept:
        problems.append(f"ports held in vain: {sorted(vain)}")
    problems += left_open(life, len(jobs))
    # Four for each job: its socket, its pidfd, and connections that it has open.
    now = len(os.listdir(f"/proc/{life.process.pid}/fd")) if life.process else 0
    if now > descriptors + 4 * len(jobs):
        problems.append(f"{now} descriptors for {len(jobs)} jobs; {descriptors} at the beginning for {STEADY}")
    counts: Counter[str] = Counter()
    for worker in workers:
        counts.update(worker.counts)
    return {
        "seconds": round(took, 1),
        "lives": life.lives,
        "start_p50": round(figures.median(life.started), 2),
        "start_max": round(max(life.started), 2),
        "survivors": survivors.looked_at,
        "changed": len(survivors.changed),
        "unbegun": survivors.unbegun,
        "looks": sum(worker.looks for worker in workers),
        "calls": dict(caller.came),
        "requests": dict(sorted(counts.items())),
        "jobs": len(jobs),
        "problems": [*problems, *survivors.changed],
    }


def main() -> None:
    """Kill, look, print."""
    parser = argparse.ArgumentParser("python -m benchmarks.random_kills", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of what is random")
    parser.add_argument("--workers", type=int, default=3, help="who make requests at the same time")
    parser.add_argument("--half-way", action="store_true", help="kill initiators that do not serve yet, too")
    options = parser.parse_args()
    first = free_port()
    folder = Path(tempfile.mkdtemp(prefix="proactor-kills-"))
    life = Life(folder, first + PORTS)
    (folder / "proactor.cfg").write_text(config(life.port, first))
    is_clean = False
    try:
        try:
            found = weather(life, first, options)
        finally:
            end_all(life)
        is_clean = not (found["problems"] or found["calls"].get("refused"))
    finally:
        if is_clean:
            shutil.rmtree(folder)
        else:
            print(f"seed {options.seed}; kept: home, configuration, and a log for each initiator, in {folder}")
    print(
        f"seed {options.seed}, {options.kills} kills in {found['seconds']} s, {found['lives']} lives of the initiator"
    )
    for name, count in found["requests"].items():
        print(f"  {name}: {count}")
    print(
        f"calls from outside: {found['calls']}; survivors: {found['survivors']}, changed: {found['changed']}; "
        f"ended before they were let begin: {found['unbegun']}"
    )
    for problem in found["problems"]:
        print(f"BROKEN: {problem}")
    figures.print_json("random_kills", {"seed": options.seed, "kills": options.kills, **found})
    if not is_clean:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
