"""The initiator that :mod:`benchmarks.holders` measures, as a process.

It is told what to do on standard input, a word and perhaps another in a line, and answers each with one line of JSON.
"""

from __future__ import annotations

import cProfile
import json
import os
import resource
import socket
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from proactor.home.home import Home
from proactor.initiator import Initiator
from proactor.jobs.fleet import Order
from proactor.reactor.garbage import GarbageCollector
from proactor.reactor.lots import take_up_in_lots
from proactor.reactor.monotonic import use_monotonic_clock

from .figures import Memory
from .gauges import Collections, Lateness
from .in_memory import InMemoryLauncher, assemble, serve


class Control(LineOnlyReceiver):
    """Does what the lines on standard input say."""

    delimiter = b"\n"

    def __init__(self, reactor: Any, initiator: Initiator, launcher: InMemoryLauncher, port: int) -> None:
        self._reactor = reactor
        self._initiator = initiator
        self._launcher = launcher
        self._port = port
        self._lateness = Lateness(reactor)
        self._collections = Collections()
        self._cpu = 0.0
        self._profile = cProfile.Profile()

    def connectionMade(self) -> None:
        """Say where the initiator is."""
        self._lateness.start()
        self._collections.start()
        self._answer({"port": self._port, "pid": os.getpid()})

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End with who started it."""
        if self._reactor.running:
            self._reactor.stop()

    def lineReceived(self, line: bytes) -> None:
        """Do one thing."""
        word, *rest = line.decode().split()
        Deferred.fromCoroutine(getattr(self, f"do_{word}")(*rest)).addCallbacks(self._answer, self._failed)

    def _answer(self, answer: object) -> None:
        assert self.transport is not None
        self.transport.write(json.dumps(answer).encode() + b"\n")

    def _failed(self, failure: Failure) -> None:
        failure.printTraceback()
        self._reactor.stop()

    async def do_create(self, number: str) -> object:
        """Make jobs: their tickets, and how long each took, in milliseconds."""
        began = time.perf_counter()
        await self._initiator.fleet.create(Order(count=int(number)), "benchmark")
        each = (time.perf_counter() - began) * 1000 / int(number)
        tickets: list[tuple[str, str, int]] = []
        while len(tickets) < int(number):
            # They stand in line to be launched, and each turn of the reactor launches some.
            await deferLater(self._reactor, 0)
            tickets += self._launcher.tickets()
        return {"tickets": tickets, "each": each}

    async def do_memory(self) -> object:
        """What it has in memory, in KiB."""
        memory = Memory.of(os.getpid())
        return {"rss": memory.rss, "pss": memory.pss}

    async def do_begin(self, profile: str = "") -> object:
        """Measure from now on."""
        self._lateness.taken()
        self._collections.taken()
        self._cpu = time.process_time()
        if profile:
            self._profile.enable()
        return {}

    async def do_end(self) -> object:
        """The reactor's longest stall since then and the longest collection of garbage, in ms; seconds of CPU."""
        self._profile.disable()
        worst, collection = self._lateness.taken(), self._collections.taken()
        return {
            "stall_ms": worst.late * 1000,
            "stall_cpu_ms": worst.cpu * 1000,
            "collection_ms": collection * 1000,
            "cpu_s": time.process_time() - self._cpu,
        }

    async def do_waiting(self) -> object:
        """How many processors' fetches are held."""
        return len(self._initiator.configurator.waiting)

    async def do_profile(self, path: str) -> object:
        """Write what was profiled, for :mod:`pstats`."""
        self._profile.dump_stats(path)
        return {}


def main() -> None:
    """Run until standard input ends."""
    from twisted.internet import reactor  # noqa: PLC0415

    untyped: Any = reactor
    use_monotonic_clock(untyped)
    take_up_in_lots(untyped)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder, places = Path(sys.argv[1]), int(sys.argv[2])
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listening.setblocking(False)
    port = listening.getsockname()[1]
    home, launcher = Home.open(folder / "home"), InMemoryLauncher()
    initiator = assemble(untyped, (folder / "proactor.cfg").read_text(), launcher, places, port)
    serve(untyped, initiator, home, listening)
    GarbageCollector(untyped).start()
    StandardIO(Control(untyped, initiator, launcher, port))
    untyped.run()
    home.close()


if __name__ == "__main__":
    main()
