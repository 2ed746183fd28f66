from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProcessTransport, IReactorFromThreads
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import TestCase

from proactor.logstore import Limits, LogStore
from proactor.logstore.files import Files

from .support import GUID, taken_on_disk

MIB = 1 << 20

#: Writes 200 MB as fast as it can, in lines of 1 MB, and a last word. It is not as urgent as what is tested.
FLOOD = """
import os
os.nice(10)
filling = (bytes(set(range(256)) - {10}) + b"{0} %s {log_level} ") * 4096
for number in range(200):
    os.write(1, (b"%012d " % number + filling)[:999_999] + b"\\n")
os.write(1, b"alive\\n")
os.read(0, 1)
"""

#: Writes a batch of numbered lines for each byte that it is given.
BATCHES = """
import os
number = 0
while os.read(0, 1):
    os.write(1, b"".join(b"%012d %s\\n" % (each, b"x" * (each % 300)) for each in range(number, number + 100)))
    number += 100
"""


class Program(ProcessProtocol):
    """A process that writes to a log.

    :ivar over: fires when it has ended.
    """

    transport: IProcessTransport

    def __init__(self) -> None:
        self.over: Deferred[None] = Deferred()

    def processExited(self, _reason: Failure) -> None:
        """Tell."""
        self.over.callback(None)


class ProcessTests(TestCase):
    """Real processes, real threads, real files."""

    timeout = 120

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.files = Files(self.folder / f"{GUID}.log")
        self.files.live.touch(0o600)
        self.lines: list[bytes] = []
        pool = ThreadPool(0, 3, "logs")
        pool.start()
        self.addCleanup(pool.stop)
        self.store = LogStore(
            reactor,
            self.folder,
            partial(deferToThreadPool, IReactorFromThreads(reactor), pool),
            lambda _, line: self.lines.append(line),
        )
        self.store.start()
        self.addCleanup(self.stop)

    def stop(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.store.stop())

    def spawn(self, code: str) -> Program:
        """Start a process that writes to the log, with a pipe to tell it to go on."""
        program = Program()
        with self.files.live.open("ab") as log:
            argv = [sys.executable, "-c", code]
            reactor.spawnProcess(program, argv[0], argv, env={}, childFDs={0: "w", 1: log.fileno(), 2: 2})
        self.addCleanup(lambda: Deferred.fromCoroutine(self.ended(program)))
        return program

    async def ended(self, program: Program) -> None:
        """Have a process end."""
        program.transport.closeStdin()
        await program.over

    async def follow(self, came: Callable[[bytes], bool]) -> int:
        """Follow the log until ``came`` says that it was enough; gives how much came."""
        total = 0
        async for piece in self.store.follow(GUID, 0):
            total += len(piece.data)
            if came(piece.data):
                break
        return total

    async def test_flood(self) -> None:
        """A flood of ugly lines: our memory stays within bounds, and so does the disk in the end; what is left out is
        counted and said; a follower lives on and gets the last word, and so does the console.
        """
        limits = Limits()
        self.store.add(GUID, limits)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        said = b""

        def came(piece: bytes) -> bool:
            nonlocal said
            said += b"".join(line for line in piece.splitlines(keepends=True) if b" dropped here ---\n" in line)
            self.assertNotIn(b"\0" * 100, piece)
            return piece.endswith(b"alive\n")

        self.spawn(FLOOD)
        total = await self.follow(came)
        await self.store.shown(GUID)
        stored = self.store.stored(GUID)
        missed = sum(int(line.split()[1]) for line in said.splitlines())
        self.assertEqual(stored.written, 200 * 1_000_000 + len(b"alive\n"))
        self.assertTrue(stored.kept + stored.dropped <= stored.written)
        self.assertTrue(stored.written <= total + missed <= stored.written + 1000 * (said.count(b"\n") + 1))
        self.assertTrue(taken_on_disk(self.files) <= limits.cap)
        self.assertEqual(self.lines[-1], b"alive")
        self.assertTrue(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 64 << 10)
        self.assertEqual(self.store.last_lines(GUID, 1), ("alive",))
        tail = await self.store.tail(GUID, 1)
        self.assertEqual(tail.data, b"alive\n")

    async def test_nothing_lost(self) -> None:
        """Of a process that gives us time each line is there once, over all rotations: in the files, on the console,
        for a follower.
        """
        self.store.add(GUID, Limits(MIB, 100))
        followed = b""
        batches = 0

        def came(piece: bytes) -> bool:
            nonlocal followed, batches
            followed += piece
            if followed.count(b"\n") == 100 * batches:
                batches += 1
                program.transport.write(b"x")
            return batches > 400

        program = self.spawn(BATCHES)
        program.transport.write(b"x")
        batches = 1
        await self.follow(came)
        await self.ended(program)
        await self.store.shown(GUID)
        older = sorted(self.files.folder.iterdir())
        self.assertTrue(len(older) > 5)
        kept = b"".join(path.read_bytes() for path in older) + self.files.live.read_bytes().lstrip(b"\0")
        numbers = list(range(40_000))
        self.assertEqual([int(line[:12]) for line in kept.splitlines()][:40_000], numbers)
        self.assertEqual([int(line[:12]) for line in followed.splitlines()], numbers)
        self.assertEqual([int(line[:12]) for line in self.lines][:40_000], numbers)
        self.assertEqual(self.store.stored(GUID).dropped, 0)
