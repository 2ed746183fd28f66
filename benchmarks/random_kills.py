"""Kill the initiator, processors, or both, at random moments of random traffic; then see what is there.

    python -m benchmarks.random_kills [--kills 300] [--seed 1] [--workers 3]

The seed is printed; how threads and processes are scheduled is not up to it.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from attrs import define, field

from . import figures, running
from .kills_model import Known, Worker

#: How many processors nobody touches but who kills.
STEADY = 4
_PORTS = 200
_GUID = re.compile(rb"--guid\0([0-9a-f]{32})\0")


def config(port: int, first: int) -> str:
    """A configuration file with fixed ports."""
    return f"""\
[DEFAULT]
host_addr = 127.0.0.1
refresh = 2
restart_delay = 0.05
restart_delay_max = 0.5
restart_attempts = 0
stop_timeout = 5

[proactor.initiator]
listen_addr = 127.0.0.1
listen_port = {port}
child_port_min = {first}
child_port_max = {first + _PORTS - 1}

[benchmarks.nonce]

[{running.GUID}]
"""


def free_port() -> int:
    """A port that is free, below those that clients get."""
    while True:
        port = random.SystemRandom().randrange(15000, 32000 - _PORTS)
        with suppress(OSError), closing(socket.socket()) as sock:
            sock.bind(("127.0.0.1", port))
            return port


@define(eq=False)
class Life:
    """Initiators on one home, one after another."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    started: list[float] = field(factory=list)
    lives: int = 0

    def start(self) -> None:
        """Start one, and wait until it serves."""
        self.lives += 1
        log = self.folder / f"log{self.lives}"
        twistd = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile="]
        command = [*twistd, "proactor", "--home", str(self.folder / "home")]
        command += ["--config", str(self.folder / "proactor.cfg")]
        began = time.monotonic()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=self.folder, env=running.environment()
            )
        process = self.process
        running.wait_until(lambda: process.poll() is not None or b"Serving on" in log.read_bytes(), "it serves")
        if process.poll() is not None:
            raise running.Unexpected(f"the initiator ended: {log.read_text()[-3000:]}")
        self.started.append(time.monotonic() - began)

    def kill(self) -> None:
        """Kill it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def operator(self) -> running.Operator:
        """A connection to it."""
        return running.Operator(self.port, (self.folder / "home" / "operator.token").read_text().strip())


@define(eq=False)
class Caller:
    """Calls the processors that nobody touches, on a new connection each time, and notes what comes."""

    ports: list[int]
    stop: threading.Event
    came: Counter[str] = field(factory=Counter)

    def run(self) -> None:
        """Go on until it is to stop."""
        for number in self._turns():
            connection = HTTPConnection("127.0.0.1", self.ports[number % len(self.ports)], timeout=running.PATIENCE)
            try:
                connection.connect()
            except ConnectionRefusedError:
                self.came["refused"] += 1
                continue
            try:
                connection.request("GET", "/nonce")
                connection.getresponse().read()
                self.came["answered"] += 1
            except Exception:  # noqa: BLE001 - its process was killed with the request in its hands
                self.came["cut"] += 1
            finally:
                connection.close()

    def _turns(self) -> Iterator[int]:
        number = 0
        while not self.stop.is_set():
            yield number
            number += 1
            time.sleep(0.01)


def processors(home: Path) -> dict[str, list[int]]:
    """The processes of each guid that live: those that hold the lock of it, and lead a session."""
    found: dict[str, list[int]] = {}
    locks = str((home / "locks").resolve())
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            stat = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            if stat[0] in "ZX" or int(stat[3]) != int(name):
                continue
            for fd in os.listdir(f"/proc/{name}/fd"):
                target = os.readlink(f"/proc/{name}/fd/{fd}")
                if target.startswith(locks):
                    found.setdefault(target.rpartition("/")[2][:32], []).append(int(name))
    return found


def nonces(jobs: list[dict[str, Any]]) -> dict[tuple[str, int], str]:
    """What each process of some jobs has in its memory."""
    found = {}
    for job in jobs:
        with closing(HTTPConnection("127.0.0.1", job["port"], timeout=running.PATIENCE)) as connection:
            connection.request("GET", "/nonce")
            found[job["guid"], job["pid"]] = connection.getresponse().read().decode()
    return found


def storm(life: Life, kills: int, rng: random.Random, steady: list[str]) -> tuple[int, int]:
    """Kill; how many survivors were looked at, and how many of them were not the same afterwards."""
    survivors = changed = 0
    for _ in range(kills):
        time.sleep(rng.uniform(0.05, 0.6))
        whom = rng.choice(["initiator", "initiator", "processor", "both"])
        held = processors(life.folder / "home")
        victims = [pid for pids in held.values() for pid in pids if rng.random() < 0.3] if whom != "initiator" else []
        before = {pid: _start(pid) for guid in steady for pid in held.get(guid, ()) if pid not in victims}
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if whom != "processor":
            life.kill()
            time.sleep(rng.choice([0.0, 0.0, rng.uniform(0, 0.5)]))
            life.start()
        survivors += len(before)
        changed += sum(_start(pid) != start for pid, start in before.items())
    return survivors, changed


def _start(pid: int) -> str | None:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return None


def judged(operator: running.Operator, workers: list[Worker], life: Life, steady: list[str]) -> list[str]:
    """What is wrong, after all has come to rest."""
    jobs = {job["guid"]: job for job in operator.call("GET", "/job")}
    problems = [text for worker in workers for text in worker.broken]
    known = {job.guid: job for worker in workers for job in worker.jobs}
    problems += [f"{guid}: {text}" for guid, job in known.items() for text in _wrong(operator, job, jobs.get(guid))]
    extra = jobs.keys() - known.keys() - {*steady}
    if len(extra) > sum(worker.unknown_creates for worker in workers):
        problems.append(f"{len(extra)} jobs that nobody was told of")
    held = processors(life.folder / "home")
    for guid, pids in held.items():
        if guid not in jobs or pids != [jobs[guid]["pid"]]:
            problems.append(f"{guid}: processes {pids}, and the job has {jobs.get(guid, {}).get('pid')}")
    problems += [f"{guid}: wanted, and not there" for guid, job in jobs.items() if job["pid"] and guid not in held]
    return problems


def _wrong(operator: running.Operator, known: Known, job: dict[str, Any] | None) -> Iterator[str]:
    if (job is not None) not in known.there:
        yield f"there: {job is not None}, and may be {known.there}"
    elif job is not None:
        if job["wanted"] not in known.wanted:
            yield f"wanted: {job['wanted']}, and may be {known.wanted}"
        colour = operator.call("GET", f"/config/{known.guid}").get("colour")
        if colour not in known.colour:
            yield f"colour: {colour}, and may be {known.colour}"


def settled(operator: running.Operator) -> bool:
    """Whether all has come to rest."""
    return all(job["ready"] or job["state"] == "stopped" for job in operator.call("GET", "/job"))


def listening(first: int) -> set[int]:
    """The ports for processors at which somebody listens."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ports = {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}
    return ports & {*range(first, first + _PORTS)}


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
    workers = [Worker(life.operator(), options.seed * 100 + number, stop) for number in range(options.workers)]
    threads = [threading.Thread(target=run) for run in (*(worker.run for worker in workers), caller.run)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    try:
        survivors, changed = storm(life, options.kills, rng, steady)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    took = time.monotonic() - began
    operator.close()
    running.wait_until(lambda: settled(operator), "all has come to rest", pause=0.2)
    problems = judged(operator, workers, life, steady)
    jobs = operator.call("GET", "/job")
    kept = {job["port"] for job in jobs}
    if vain := listening(first) - kept:
        problems.append(f"ports held in vain: {sorted(vain)}")
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
        "survivors": survivors,
        "changed": changed,
        "calls": dict(caller.came),
        "requests": dict(sorted(counts.items())),
        "jobs": len(jobs),
        "problems": problems,
    }


def main() -> None:
    """Kill, look, print."""
    parser = argparse.ArgumentParser("python -m benchmarks.random_kills", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of what is random")
    parser.add_argument("--workers", type=int, default=3, help="who make requests at the same time")
    options = parser.parse_args()
    first = free_port()
    with tempfile.TemporaryDirectory(prefix="proactor-kills-") as name:
        life = Life(Path(name), first + _PORTS)
        (life.folder / "proactor.cfg").write_text(config(life.port, first))
        try:
            found = weather(life, first, options)
        finally:
            if life.process is not None:
                running.end(life.process)
            for pids in processors(life.folder / "home").values():
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
    print(
        f"seed {options.seed}, {options.kills} kills in {found['seconds']} s, {found['lives']} lives of the initiator"
    )
    for name, count in found["requests"].items():
        print(f"  {name}: {count}")
    print(f"calls from outside: {found['calls']}; survivors: {found['survivors']}, changed: {found['changed']}")
    for problem in found["problems"]:
        print(f"BROKEN: {problem}")
    figures.print_json("random_kills", {"seed": options.seed, "kills": options.kills, **found})
    if found["problems"] or found["changed"] or found["calls"].get("refused"):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
