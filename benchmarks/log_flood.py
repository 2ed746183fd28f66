"""A process that writes to its log as fast as it can, and what that does to the disk, to us, and to who follows it.

    python benchmarks/log_flood.py [--mib 200] [--line 1000000] [--writers 1] [--folder DIR] [--console]
                                   [--busy | --alone | --bare]

Prints, one figure a line: the most that the log took on the disk, against its cap; our longest stall and memory;
what was dropped; what a follower got. Ends with status 1 where the cap was passed.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from proactor.guardian.guardian import Guardian
from proactor.logstore import Extract, Limits, LogStore

MIB = 1 << 20
LIMITS = Limits()
BUSY = 0.04

#: Writes, once its standard input ends, lines of bytes that are no UTF-8 and look like formats, with a number each.
WRITER = """
import os, sys
total, length = map(int, sys.argv[1:])
filling = (bytes(set(range(256)) - {10}) + b"{0} %s {log_level} ") * (length // 256 + 1)
os.read(0, 1)
for number in range(total // length):
    line = b"%012d " % number + filling
    os.write(1, line[:length - 1] + b"\\n")
"""

#: Looks, as often as it can, at what the files of each log take on the disk, until its standard input ends.
MEASURER = """
import os, select, sys

def files(live):
    folder = live[:-4] + ".old"
    return [live, *(os.path.join(folder, name) for name in (os.listdir(folder) if os.path.isdir(folder) else ()))]

highest = 0
while not select.select([0], [], [], 0.0005)[0]:
    for live in sys.argv[1:]:
        size = 0
        for path in files(live):
            try:
                size += os.stat(path).st_blocks * 512
            except FileNotFoundError:
                pass
        highest = max(highest, size)
print(highest)
"""


class Ended(ProcessProtocol):
    """Fires when a process has ended."""

    def __init__(self) -> None:
        self.over: Deferred[None] = Deferred()

    def processExited(self, _reason: Failure) -> None:
        """Tell."""
        self.over.callback(None)


class Stalls:
    """Measures for how long the reactor did not come to what was due."""

    def __init__(self, reactor: Any) -> None:
        self.longest = 0.0
        self._reactor = reactor
        self._tick()

    def _tick(self) -> None:
        self._due = time.perf_counter() + 0.001
        self._reactor.callLater(0.001, self._tock)

    def _tock(self) -> None:
        self.longest = max(self.longest, time.perf_counter() - self._due)
        self._tick()


def memory() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def later(reactor: Any, seconds: float) -> Deferred[None]:
    """Fire after some time."""
    over: Deferred[None] = Deferred()
    reactor.callLater(seconds, over.callback, None)
    return over


def hold_up(reactor: Any) -> None:
    """Have the reactor come to nothing else for most of the time."""
    time.sleep(BUSY)
    reactor.callLater(BUSY / 10, hold_up, reactor)


async def count(pieces: AsyncIterator[Extract]) -> int:
    """Read to the end, and tell how much it was."""
    total = 0
    async for piece in pieces:
        total += len(piece.data)
    return total


async def guarded(reactor: Any, home: Path) -> Guardian:
    """Start a guardian; returns when it cuts logs."""
    guardian = Guardian(reactor, home=home)
    guardian.start()
    guid = "f" * 32
    probe = home / "logs" / f"{guid}.log"
    probe.write_bytes(bytes(range(1, 256)) * 8192)
    taken = probe.stat().st_blocks
    guardian.cut(guid, MIB)
    while probe.stat().st_blocks == taken:
        await later(reactor, 0.01)
    guardian.leave_uncut(guid)
    probe.unlink()
    return guardian


def start_writers(reactor: Any, options: argparse.Namespace, logs: list[Path]) -> tuple[int, list[Deferred[None]]]:
    """Start them; gives what has to be closed for them to begin, and what fires at the end of each."""
    processes = []
    gate, opener = os.pipe()
    for log in logs:
        with log.open("ab") as file:
            process = Ended()
            argv = [sys.executable, "-c", WRITER, str(options.mib * MIB), str(options.line)]
            reactor.spawnProcess(process, argv[0], argv, env={}, childFDs={0: gate, 1: file.fileno(), 2: 2})
            processes.append(process.over)
    os.close(gate)
    return opener, processes


async def flood(reactor: Any, options: argparse.Namespace, home: Path) -> None:
    """Have it done, and print what came of it."""
    folder = home / "logs"
    folder.mkdir(0o700)
    guardian = await guarded(reactor, home)
    pool = ThreadPool(0, 4, "logs")
    pool.start()
    shown = [0]

    def on_line(_guid: str, _line: bytes) -> None:
        shown[0] += 1

    store = LogStore(reactor, folder, partial(deferToThreadPool, reactor, pool), on_line if options.console else None)
    store.start()
    guids = [f"{number:032x}" for number in range(options.writers)]
    logs = [folder / f"{guid}.log" for guid in guids]
    followers = []
    for guid, log in zip(guids, logs, strict=True):
        log.touch(0o600)
        if not options.bare:
            guardian.cut(guid, LIMITS.cut)
        if not options.bare and not options.alone:
            store.add(guid, LIMITS)
            followers.append(Deferred.fromCoroutine(count(store.follow(guid))))
    measurer = subprocess.Popen(
        [sys.executable, "-c", MEASURER, *map(str, logs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    opener, processes = start_writers(reactor, options, logs)
    await later(reactor, 0.5 + 0.1 * options.writers)
    if options.busy:
        hold_up(reactor)
    before, stalls, begun = memory(), Stalls(reactor), time.perf_counter()
    os.close(opener)
    await DeferredList(processes)
    took = time.perf_counter() - begun
    await later(reactor, 0.5)
    stored = [store.stored(guid) for guid in guids if followers]
    longest = stalls.longest  # before we stall ourselves
    highest, _ = measurer.communicate()
    await store.stop()
    await guardian.stop()
    got = [result for _, result in await DeferredList(followers)]
    pool.stop()
    print(f"written                {options.writers * options.mib:10.1f} MiB in {took:.2f} s")
    print(f"disk, of one log       {int(highest) / MIB:10.1f} MiB at most; the cap is {LIMITS.cap / MIB:.0f} MiB")
    print(f"kept                   {sum(each.kept for each in stored) / MIB:10.1f} MiB")
    print(f"dropped                {sum(each.dropped for each in stored) / MIB:10.1f} MiB")
    print(f"followed               {sum(got) / MIB:10.1f} MiB, {len(got)} followers")
    print(f"lines shown            {shown[0]:10}")
    print(f"longest stall          {longest * 1000:10.1f} ms")
    print(f"memory                 {before:10.1f} MiB before, {memory():.1f} MiB at most")
    if int(highest) >= LIMITS.cap and not options.bare:
        raise SystemExit(1)


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Do it in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="log-flood-", dir=options.folder))
    try:
        await flood(reactor, options, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    from twisted.internet.task import react

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--mib", type=int, default=200, help="how much each process writes")
    parser.add_argument("--line", type=int, default=1_000_000, help="bytes of a line")
    parser.add_argument("--writers", type=int, default=1, help="how many processes")
    parser.add_argument("--folder", help="where to make a folder for the logs; else where temporary files go")
    parser.add_argument("--console", action="store_true", help="have the lines shown, to a function that counts them")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--busy", action="store_true", help="have the reactor held up most of the time")
    kinds.add_argument(
        "--alone", action="store_true", help="keep no log: the guardian alone sees to it, as when we are gone"
    )
    kinds.add_argument("--bare", action="store_true", help="nobody does, to see what the machine does to us alone")
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, parser.parse_args())))
