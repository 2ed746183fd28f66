"""What one processor costs, beside the plainest process of Twisted, Klein and treq.

Launches one of each in turn: a processor by POST /create with launcher = spawn, the plain process as a child of this
one, on a socket that it inherits likewise. Measured are the time until each serves, its memory when it has fetched, and
what its imports take.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Callable

from attrs import frozen

from . import figures, running
from .beside import Stub, first_answer, inheritable, spawn, stub
from .figures import Memory, median, percentile

_IMPORT = re.compile(r"^import time: +(\d+) \|", re.MULTILINE)
_GUID = "0" * 32


@frozen
class Cost:
    """Of one launch.

    :param serving: from its start (201, or the fork) to its first answer, in ms.
    """

    serving: float
    memory: Memory


def launch_processor(operator: running.Operator) -> Cost:
    """Launch one under the initiator, look at it, and end it."""
    job = operator.call("POST", "/create")
    serving = first_answer(job["port"], job["guid"])
    path = f"/job/{job['guid']}"
    running.wait_until(lambda: operator.call("GET", path)["state"] == "running", "the acknowledgement")
    memory = Memory.of(operator.call("GET", path)["pid"])
    operator.call("DELETE", path, Prefer="wait=30")
    return Cost(serving, memory)


def launch_plain(url: str) -> Cost:
    """The same for the plain process."""
    Stub.fetched.clear()
    with inheritable() as listening, tempfile.TemporaryFile() as log:
        process = spawn(["-m", "benchmarks.plain", str(listening.fileno()), url], listening, log)
        try:
            serving = first_answer(listening.getsockname()[1])
            running.wait_until(Stub.fetched.is_set, "the plain process's fetch")
            return Cost(serving, Memory.of(process.pid))
        finally:
            running.end(process)


def imports(make: Callable[[int, int], list[str]], stdin: str = "") -> float:
    """What the imports of a process take until it has fetched, in ms, by Python's own account.

    :param make: its arguments, by descriptor and port of the socket that it inherits.
    """
    Stub.fetched.clear()
    with inheritable() as listening, tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as config:
        config.write(stdin.encode())
        config.seek(0)
        port = listening.getsockname()[1]
        process = spawn(["-X", "importtime", *make(listening.fileno(), port)], listening, log, config)
        try:
            first_answer(port)
            running.wait_until(Stub.fetched.is_set, "the fetch")
        finally:
            running.end(process)
        log.seek(0)
        return sum(map(int, _IMPORT.findall(log.read().decode()))) / 1000


def import_times(url: str, count: int) -> tuple[list[float], list[float]]:
    """Of a processor, and of the plain process."""
    options = {"token": "x" * 300, "parent_url": url, "revision": "1", "listen_addr": "127.0.0.1"}
    section = "\n".join([f"[{_GUID}]", *(f"{name} = {text}" for name, text in options.items()), ""])

    def processor(fd: int, port: int) -> list[str]:
        return ["-m", "proactor.processor", "--guid", _GUID, "--port", str(port), "--fd", str(fd)]

    def plain(fd: int, port: int) -> list[str]:
        return ["-m", "benchmarks.plain", str(fd), url]

    pairs = [(imports(processor, section), imports(plain)) for _ in range(count)]
    return [ours for ours, _ in pairs], [theirs for _, theirs in pairs]


def summary(costs: list[Cost], import_ms: list[float]) -> dict[str, float]:
    """The figures of one kind."""
    serving = [cost.serving for cost in costs]
    return {
        "serving_ms_p50": median(serving),
        "serving_ms_p99": percentile(serving, 99),
        "private_mib": median([cost.memory.private / 1024 for cost in costs]),
        "pss_mib": median([cost.memory.pss / 1024 for cost in costs]),
        "rss_mib": median([cost.memory.rss / 1024 for cost in costs]),
        "import_ms": median(import_ms),
    }


def measure(launches: int) -> dict[str, dict[str, float]]:
    """All figures: of a processor, of the plain process, and the ratio."""
    ours: list[Cost] = []
    theirs: list[Cost] = []
    with stub() as url, running.initiator(running.config("launcher = spawn")) as operator:
        for _ in range(launches):
            ours.append(launch_processor(operator))
            theirs.append(launch_plain(url))
        our_imports, their_imports = import_times(url, min(5, launches))
    processor, plain = summary(ours, our_imports), summary(theirs, their_imports)
    return {"processor": processor, "plain": plain, "ratio": {name: processor[name] / plain[name] for name in plain}}


def report(launches: int, found: dict[str, dict[str, float]]) -> None:
    """Print."""
    labels = {
        "serving_ms_p50": "from 201 to serving, ms, median",
        "serving_ms_p99": "from 201 to serving, ms, p99",
        "private_mib": "private memory, MiB",
        "pss_mib": "proportional memory (PSS), MiB",
        "rss_mib": "resident memory, MiB",
        "import_ms": "imports under -X importtime, ms",
    }
    print(f"{launches} launches of each, one after another")
    kinds = ("processor", "plain", "ratio")
    rows = [(text, *(found[kind][name] for kind in kinds)) for name, text in labels.items()]
    figures.print_table(("", *kinds), rows)
    figures.print_json("processor_cost", {"launches": launches, **found})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.processor_cost", description=__doc__)
    parser.add_argument("launches", type=int, nargs="?", default=20, help="how many [default: %(default)s]")
    launches = parser.parse_args().launches
    report(launches, measure(launches))


if __name__ == "__main__":
    main()
