"""Processes that are killed, in the middle of whatever they do: what they said is kept is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.saved import Saved
from proactor.store.opening import open_store
from proactor.store.threads import Threads

ROOT = Path(__file__).parents[2]


class Committer:
    """The process of :mod:`tests.store.committer`.

    :ivar kept: by who, the last number that it said is kept; ``refused``: all that are not.
    """

    def __init__(self, path: Path, **environment: str) -> None:
        python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self.kept: dict[str, int] = {}
        self.refused: dict[str, set[int]] = defaultdict(set)
        self.kinds: set[str] = set()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.committer", str(path.absolute())],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": python_path, **environment},
            text=True,
        )

    def read(self, count: int) -> int:
        """So many lines, or those that are left; how many there were."""
        assert self.process.stdout is not None
        for number in range(count):
            line = self.process.stdout.readline()
            if not line.endswith("\n"):
                return number
            self.take(*line.split())
        return count

    def take(self, what: str, who: str = "", number: str = "", kind: str = "") -> None:
        if what == "kept":
            self.kept[who] = int(number)
        elif what == "refused":
            self.refused[who].add(int(number))
            self.kinds.add(kind)

    def kill(self) -> None:
        """Kill it; what it said until then is read."""
        self.process.kill()
        self.read(1 << 30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.wait()


@contextmanager
def committing(path: Path, **environment: str) -> Iterator[Committer]:
    """One that is killed at the end."""
    committer = Committer(path, **environment)
    try:
        yield committer
    finally:
        committer.kill()


def found(path: Path) -> Saved:
    store = open_store(path, Threads.none(), Clock())
    saved = store.load()
    store.close()
    return saved


class KilledTests(SynchronousTestCase):
    """With SIGKILL."""

    def check(self, saved: Saved, before: Mapping[str, int], committer: Committer, seed: int) -> None:
        events = {each.id for each in saved.events}
        for who, number in saved.values.items():
            last = committer.kept.get(who, before.get(who, 0))
            # One more may have been on its way.
            self.assertIn(number, (last, last + 1), f"seed {seed}")
            self.assertTrue({5 * each + int(who) for each in range(max(1, number - 100), number + 1)} <= events)

    def test_acknowledged(self) -> None:
        """What was acknowledged is there, of what was not nothing is there in part; again and again."""
        seed = int.from_bytes(os.urandom(4), "big")
        random = Random(seed)
        path = Path(self.mktemp())
        before: Mapping[str, int] = {}
        for _ in range(4):
            with committing(path) as committer:
                self.assertGreater(committer.read(1 + random.randrange(2000)), 0)
            saved = found(path)
            self.check(saved, before, committer, seed)
            self.assertEqual(committer.refused, {})
            before = {**before, **saved.values}
