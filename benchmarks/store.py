"""What it costs to keep something: the store one commit at a time and many at once, beside plain SQLite and the disk.

    python -m benchmarks.store [--commits 2000] [--at-once 50] [--rounds 3] [--folder DIR]

A commit is what a request brings: a job as it is now, and an event. Plain SQLite is its own module of Python with a
journal (WAL) and full syncs, one transaction after another, in the thread that asks; the disk is one file to which the
same bytes are appended and synced. All take turns in each round; the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults

from proactor.saved import AddEvent, PutJob, SavedEvent, SavedJob, Write
from proactor.store.opening import open_store
from proactor.store.sqlite import SqliteStore
from proactor.store.threads import Threads
from proactor.store.writing import statements

from . import figures
from .figures import median, percentile

_NOW = datetime.now(timezone.utc)
_JOBS = 100

#: At least so many times the commits of plain SQLite.
GOALS = {"one": 0.5, "many": 3.0}


@frozen
class Run:
    """Commits that were made: in how many seconds, and how many milliseconds each of them took."""

    seconds: float
    times: list[float]

    @property
    def rate(self) -> float:
        """Commits in a second."""
        return len(self.times) / self.seconds


def writes(number: int) -> list[Write]:
    """One commit."""
    guid = f"{number % _JOBS:032x}"
    job = SavedJob(guid, "proactor.processor", "spawn", "127.0.0.1", 49152, _NOW, incarnation=number)
    return [PutJob(job), AddEvent(SavedEvent(number, _NOW, "started", guid, "created", "operator"))]


def one_by_one(count: int, keep: Callable[[int], object]) -> Run:
    """Commits in a loop."""
    times = []
    began = time.perf_counter()
    for number in range(1, count + 1):
        start = time.perf_counter()
        keep(number)
        times.append((time.perf_counter() - start) * 1000)
    return Run(time.perf_counter() - began, times)


def on_the_disk(folder: Path, count: int) -> Run:
    """The same bytes, appended and synced."""
    with (folder / "file").open("wb", buffering=0) as file:

        def keep(number: int) -> None:
            for _, values in statements(writes(number)):
                file.write(repr(values).encode())
            os.fdatasync(file.fileno())

        return one_by_one(count, keep)


def in_plain_sqlite(folder: Path, count: int) -> Run:
    """The same statements, each commit a transaction."""
    path = _home(folder, "plain")
    open_store(path, Threads.none(), _reactor()).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")

        def keep(number: int) -> None:
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements(writes(number)):
                connection.execute(*statement)
            connection.execute("COMMIT")

        return one_by_one(count, keep)


async def in_the_store(folder: Path, count: int, at_once: int) -> Run:
    """So many that wait at the same time."""
    store = open_store(_home(folder, f"{at_once}"), Threads.of(_reactor()), _reactor())
    times: list[float] = []
    began = time.perf_counter()
    await gatherResults(
        Deferred.fromCoroutine(_keep(store, range(first, count + 1, at_once), times)) for first in range(1, at_once + 1)
    )
    took = time.perf_counter() - began
    await store.close()
    return Run(took, times)


async def _keep(store: SqliteStore, numbers: range, times: list[float]) -> None:
    for number in numbers:
        start = time.perf_counter()
        await store.commit(writes(number))
        times.append((time.perf_counter() - start) * 1000)


def _home(folder: Path, name: str) -> Path:
    home = folder / name
    home.mkdir()
    return home / "proactor.db"


def _reactor() -> Any:
    from twisted.internet import reactor  # noqa: PLC0415

    return reactor


async def one_round(folder: Path, commits: int, at_once: int) -> dict[str, Run]:
    """All of them, one after another."""
    return {
        "disk": on_the_disk(folder, commits),
        "plain": in_plain_sqlite(folder, commits),
        "one": await in_the_store(folder, commits, 1),
        "many": await in_the_store(folder, commits, at_once),
    }


def summary(rounds: list[dict[str, Run]]) -> dict[str, Any]:
    """The figures, and how the store's are to those of plain SQLite."""
    found: dict[str, Any] = {}
    for name in rounds[0]:
        runs = [each[name] for each in rounds]
        found[name] = {
            "per_s": median([run.rate for run in runs]),
            "ms_p50": median([median(run.times) for run in runs]),
            "ms_p99": median([percentile(run.times, 99) for run in runs]),
        }
    ratios = {
        name: median([each[name].rate / each["plain"].rate for each in rounds]) for name in ("disk", "one", "many")
    }
    return {**found, "ratio": {**ratios, "plain": 1.0}}


def report(found: Mapping[str, Any], commits: int, at_once: int) -> None:
    """Print."""
    labels = {
        "disk": "a file, appended and synced",
        "plain": "plain SQLite, one at a time",
        "one": "the store, one at a time",
        "many": f"the store, {at_once} at once",
    }
    rows = [
        (
            text,
            *(found[name][column] for column in ("per_s", "ms_p50", "ms_p99")),
            found["ratio"][name],
            GOALS.get(name),
        )
        for name, text in labels.items()
    ]
    figures.print_table(("", "commits/s", "ms, p50", "ms, p99", "ratio", "goal"), rows)
    figures.print_json("store", {"commits": commits, "at_once": at_once, **found, "goals": GOALS})


async def measure(arguments: argparse.Namespace) -> None:
    """All rounds."""
    rounds = []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="proactor-benchmark-", dir=arguments.folder) as folder:
            rounds.append(await one_round(Path(folder), arguments.commits, arguments.at_once))
    report(summary(rounds), arguments.commits, arguments.at_once)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--commits", type=int, default=2000, help="in each round, of each")
    parser.add_argument("--at-once", type=int, default=50, help="that wait at the same time")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="on the disk that is meant")
    arguments = parser.parse_args()
    from twisted.internet.task import react  # noqa: PLC0415

    react(lambda _: Deferred.fromCoroutine(measure(arguments)))


if __name__ == "__main__":
    main()
