"""What a call of one processor to another takes, beside the same call in plain treq and Klein without tokens.

Both are made by the same process, by turns: 10 rounds of calls one after the other, and of calls at the same time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any

from . import figures, running
from .figures import median, percentile

GOALS = {"ms_p50": 1.15}

_MODULE = "benchmarks.caller"


@contextmanager
def plain_server() -> Iterator[int]:
    """A server of Klein alone, in a process of its own; its port."""
    command = [sys.executable, "-m", _MODULE, "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=running.environment())
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        running.end(process)
        assert process.stdout is not None
        process.stdout.close()


def measured(caller: Mapping[str, Any], target: str, port: int, calls: int, at_once: int) -> Any:
    """What a processor measures.

    :raises Unexpected: it fails.
    """
    with closing(HTTPConnection("127.0.0.1", caller["port"], timeout=600)) as connection:
        connection.request("GET", f"/measure/{target}/{port}/{calls}/{at_once}")
        response = connection.getresponse()
        body = response.read()
    if response.status != 200:
        raise running.Unexpected(f"{response.status}: {body[:500]!r}")
    return json.loads(body)


def summary(times: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The figures of one kind of call."""
    each = [seconds * 1000 for seconds in times["each"]]
    return {"ms_p50": median(each), "ms_p99": percentile(each, 99), "per_second": 1 / median(times["all"])}


def report(found: Mapping[str, Mapping[str, float]], calls: int, at_once: int) -> None:
    """Print."""
    peer, plain = found["peer"], found["plain"]
    ratio = {name: peer[name] / plain[name] for name in plain}
    labels = {
        "ms_p50": "one call, ms, median",
        "ms_p99": "the same, p99",
        "per_second": f"calls a second, {at_once} at once",
    }
    rows = [(text, peer[name], plain[name], ratio[name], GOALS.get(name)) for name, text in labels.items()]
    figures.print_table(("", "peer", "plain", "ratio", "goal"), rows)
    figures.print_json("peer_call", {"calls": calls, **found, "ratio": ratio, "goals": GOALS})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peer_call", description=__doc__)
    parser.add_argument("calls", type=int, nargs="?", default=200, help="of each kind and round [default: %(default)s]")
    parser.add_argument("--at-once", type=int, default=8, help="under way at a time [default: %(default)s]")
    given = parser.parse_args()
    text = running.config() + f"\n[{_MODULE}]\nlisten_addr = 127.0.0.1\n"
    with running.initiator(text) as operator, plain_server() as port:
        jobs = operator.call("POST", "/create", {"module": _MODULE, "count": 2}, Prefer="wait=60")
        found = measured(jobs[0], jobs[1]["guid"], port, given.calls, given.at_once)
    report({name: summary(times) for name, times in found.items()}, given.calls, given.at_once)


if __name__ == "__main__":
    main()
