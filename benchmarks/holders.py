"""Many processors that wait for a change of their configuration: their memory, and an edit that reaches all of them.

The processors are simulated, lean clients in this process; the initiator is a process of its own, real but for its
processes. Each client holds GET /config/GUID. Of an edit of DEFAULT each gets its part, acknowledges it and holds
again: at once, if it is not told to take some time over it as real processors do.
"""

from __future__ import annotations

import argparse
import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from attrs import define

from . import figures, running
from .figures import median
from .holding import Fleet, fleet

GOALS = {"kib_per_holder": 20.0, "all_have_s": 3.0, "stall_ms": 50.0}

_OPTIONS = """\
rate = 2.5
limit = 1000000
upstream = http://127.0.0.1:9000/api
workers = 4
mode = careful
rollout_timeout = 600
"""
#: Jobs that are made at a time, of which the first and the last are timed.
_AT_ONCE = 250


@define(eq=False)
class Held:
    """The initiator's process, and how it is told what to do."""

    process: subprocess.Popen[bytes]

    def tell(self, *words: object) -> Any:
        """Have something done; what it answers."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        self.process.stdin.flush()
        return self.heard()

    def heard(self) -> Any:
        """Its next answer.

        :raises Unexpected: it has ended, or says nothing.
        """
        assert self.process.stdout is not None
        # Nothing of an answer is in a buffer here: each was read to its end before the next was asked for.
        if not select.select([self.process.stdout], [], [], running.PATIENCE)[0]:
            raise running.Unexpected("the initiator says nothing")
        line = self.process.stdout.readline()
        if not line:
            raise running.Unexpected("the initiator ended")
        return json.loads(line)


@contextmanager
def held_initiator(places: int) -> Iterator[tuple[Held, running.Operator]]:
    """The process, which ends with this."""
    with tempfile.TemporaryDirectory(prefix="proactor-benchmark-") as folder:
        home = Path(folder)
        (home / "proactor.cfg").write_text(running.config(_OPTIONS, "token_ttl = 3600"))
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.held", folder, str(places)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=running.environment(),
        )
        try:
            held = Held(process)
            port = held.heard()["port"]
            with closing(running.Operator(port, (home / "home" / "operator.token").read_text().strip())) as operator:
                yield held, operator
        finally:
            running.end(process)


Figures = dict[str, float]


def edit(held: Held, operator: running.Operator, all_: Fleet, value: str, given: argparse.Namespace) -> Figures:
    """Edit DEFAULT once, and see that all of the fleet get it. Times count from when the edit is sent.

    :raises Unexpected: somebody has another value then.
    """
    answered: list[float] = []

    def patch() -> None:
        operator.call("PATCH", "/config/DEFAULT", {"greeting": value})
        answered.append(time.monotonic())

    held.tell("begin", *(["profile"] if given.profile else []))
    began, cpu = time.monotonic(), time.process_time()
    editing = Thread(target=patch)
    editing.start()
    all_.run(len(all_.holders), given.patience)
    all_held(held, len(all_.holders), given.patience)
    over, cpu = time.monotonic(), time.process_time() - cpu
    editing.join()
    measured: Figures = held.tell("end")
    if not answered or not all(f'"{value}"'.encode() in holder.body for holder in all_.holders):
        raise running.Unexpected("somebody has another value")
    got = [holder.got - began for holder in all_.holders]
    times = {"half_have_s": median(got), "all_have_s": max(got), "all_hold_s": over - began}
    return {"answered_s": answered[0] - began, **times, **measured, "clients_cpu_s": cpu}


def all_held(held: Held, number: int, patience: float) -> None:
    """Wait until the initiator holds what was sent.

    :raises Unexpected: it does not come to.
    """
    running.wait_until(lambda: held.tell("waiting") == number, "the last fetches", patience)


def create(held: Held, number: int) -> tuple[list[Any], list[float]]:
    """Make jobs: their tickets, and how long one took on the average of each lot, in milliseconds."""
    tickets: list[Any] = []
    each: list[float] = []
    while len(tickets) < number:
        created = held.tell("create", min(_AT_ONCE, number - len(tickets)))
        tickets += created["tickets"]
        each.append(created["each"])
    return tickets, each


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    number = given.holders
    with held_initiator(number) as (held, operator):
        tickets, each = create(held, number)
        before = held.tell("memory")
        with closing(fleet(tickets, operator.port, given.linger)) as all_:
            held.tell("begin")
            began = time.monotonic()
            all_.connect(given.patience)
            all_held(held, number, given.patience)
            connecting, joined = time.monotonic() - began, held.tell("end")
            # The initiator's collection of garbage, if it is due, is none of the edits'.
            time.sleep(given.settle)
            after = held.tell("memory")
            rounds = [edit(held, operator, all_, f"hello {n}", given) for n in range(given.rounds)]
        if given.profile:
            held.tell("profile", Path(given.profile).absolute())
    return {
        "holders": number,
        "linger_s": given.linger,
        "kib_per_holder": (after["pss"] - before["pss"]) / number,
        "rss_kib_per_holder": (after["rss"] - before["rss"]) / number,
        "create_ms_first": each[0],
        "create_ms_last": each[-1],
        "connect_s": connecting,
        "connect_stall_ms": joined["stall_ms"],
        **{name: median([each[name] for each in rounds]) for name in rounds[0]},
        "worst": {name: max(each[name] for each in rounds) for name in rounds[0]},
    }


def report(found: Mapping[str, Any]) -> None:
    """Print."""
    linger = f"{found['linger_s']:g} s after they have it" if found["linger_s"] else "at once"
    print(f"{found['holders']} holders, who acknowledge {linger}; of edits the median and the worst")
    worst = found["worst"]
    lines = [
        ("memory per holder, KiB", "kib_per_holder"),
        ("job created, ms, the first", "create_ms_first"),
        ("job created, ms, the last", "create_ms_last"),
        ("all connected and held, s", "connect_s"),
        ("edit: half have it, s", "half_have_s"),
        ("edit: all have it, s", "all_have_s"),
        ("edit: PATCH answered, s", "answered_s"),
        ("edit: all acknowledged, held again, s", "all_hold_s"),
        ("longest stall of the reactor, ms", "stall_ms"),
        ("the same in processor time, ms", "stall_cpu_ms"),
        ("longest collection of garbage, ms", "collection_ms"),
        ("processor time of the initiator, s", "cpu_s"),
        ("processor time of the clients, s", "clients_cpu_s"),
    ]
    rows = [(label, found[name], worst.get(name), GOALS.get(name)) for label, name in lines]
    figures.print_table(("", "seen", "worst", "goal"), rows)
    figures.print_json("holders", {**found, "goals": GOALS})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.holders", description=__doc__)
    parser.add_argument("holders", type=int, nargs="?", default=10_000, help="how many [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="how many edits [default: %(default)s]")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds a step may take [default: %(default)s]")
    parser.add_argument("--settle", type=float, default=3.0, help="seconds before the edits [default: %(default)s]")
    parser.add_argument("--linger", type=float, default=0.0, help="seconds a holder takes to take up what it got")
    parser.add_argument("--profile", metavar="FILE", help="profile the initiator during the edits, for pstats")
    given = parser.parse_args()
    figures.raise_descriptor_limit(given.holders + 200)
    report(measure(given))


if __name__ == "__main__":
    main()
