"""Many processors that wait for a change of their configuration: memory, and an edit that reaches all of them.

The processors are simulated, lean clients in this process; the initiator is another process, real but for its
launcher. Each holds ``GET /config/GUID``; of an edit of DEFAULT each gets its part, acknowledges it and holds again, at
once: no fleet of real ones comes back so fast.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from attrs import define, frozen

from . import figures, running
from .holding import Fleet, fleet

#: In KiB, seconds and milliseconds.
GOALS = {"kib_per_holder": 20.0, "all_have_s": 3.0, "stall_ms": 50.0}

_OPTIONS = """\
rate = 2.5
limit = 1000000
upstream = http://127.0.0.1:9000/api
workers = 4
mode = careful
rollout_timeout = 600
"""


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

        :raises Unexpected: it has ended.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise running.Unexpected("the initiator ended")
        return json.loads(line)


@contextmanager
def held_initiator() -> Iterator[tuple[Held, running.Operator]]:
    """The process, which ends with this."""
    with tempfile.TemporaryDirectory(prefix="proactor-benchmark-") as folder:
        home = Path(folder)
        (home / "proactor.cfg").write_text(running.config(_OPTIONS, "token_ttl = 3600"))
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.held", folder],
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


@frozen
class Round:
    """One edit. Times in seconds since it was sent, stalls in milliseconds.

    :param all_have: when the last had it; median: half of them.
    :param all_hold: when the last had acknowledged it and held again.
    :param stall: how late the initiator's reactor was at most until all held again.
    """

    answered: float
    median: float
    all_have: float
    all_hold: float
    stall: float
    cpu: float


def edit(held: Held, operator: running.Operator, all_: Fleet, number: int, patience: float, profile: bool) -> Round:
    """Edit DEFAULT once; all of the fleet get it."""
    answered: list[float] = []
    value = f"hello {number}"

    def patch() -> None:
        operator.call("PATCH", "/config/DEFAULT", {"greeting": value})
        answered.append(time.monotonic())

    held.tell("begin", *(["profile"] if profile else []))
    began = time.monotonic()
    editing = Thread(target=patch)
    editing.start()
    all_.run(len(all_.holders), patience)
    over = time.monotonic()
    editing.join()
    end = held.tell("end")
    print(end, file=sys.stderr)
    if not all(f'"{value}"'.encode() in holder.body for holder in all_.holders):
        raise running.Unexpected("somebody has another value")
    got = [holder.got - began for holder in all_.holders]
    return Round(answered[0] - began, figures.median(got), max(got), over - began, end["stall"], end["cpu"])


def measure(number: int, rounds: int, patience: float, profile: str | None) -> dict[str, Any]:
    """All figures."""
    with held_initiator() as (held, operator):
        tickets: list[Any] = []
        each: list[float] = []
        while len(tickets) < number:
            created = held.tell("create", min(250, number - len(tickets)))
            tickets += created["tickets"]
            each.append(created["each"])
        before = held.tell("memory")
        with closing(fleet(tickets, held_port(operator))) as all_:
            held.tell("begin")
            began = time.monotonic()
            all_.connect(patience)
            connecting, joined = time.monotonic() - began, held.tell("end")
            after = held.tell("memory")
            print(held.tell("gc"), file=sys.stderr)
            done = [edit(held, operator, all_, n, patience, bool(profile)) for n in range(rounds)]
            print(held.tell("gc"), file=sys.stderr)
        if profile:
            held.tell("profile", Path(profile).absolute())
    return {
        "holders": number,
        "create_ms_first": each[0],
        "create_ms_last": each[-1],
        "connect_s": connecting,
        "connect_stall_ms": joined["stall"],
        "kib_per_holder": (after["pss"] - before["pss"]) / number,
        "rss_kib_per_holder": (after["rss"] - before["rss"]) / number,
        "objects_per_holder": (after["objects"] - before["objects"]) / number,
        "rounds": [_fields(each) for each in done],
    }


def held_port(operator: running.Operator) -> int:
    """Where the initiator is."""
    return operator.port


def _fields(round_: Round) -> dict[str, float]:
    return {name: getattr(round_, name) for name in ("answered", "median", "all_have", "all_hold", "stall", "cpu")}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.holders", description=__doc__)
    parser.add_argument("holders", type=int, nargs="?", default=10_000, help="how many [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="how many edits [default: %(default)s]")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds that a step may take")
    parser.add_argument("--profile", metavar="FILE", help="profile the initiator during the edits, for pstats")
    given = parser.parse_args()
    figures.raise_descriptor_limit(given.holders + 200)
    print(json.dumps(measure(given.holders, given.rounds, given.patience, given.profile), indent=1))


if __name__ == "__main__":
    main()
