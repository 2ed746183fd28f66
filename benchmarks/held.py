"""The initiator that :mod:`benchmarks.holders` measures: all of it but the processes, which exist in memory alone.

It is told what to do on standard input, a word and perhaps a number in a line, and answers each with one line of JSON.
"""

from __future__ import annotations

import cProfile
import gc
import json
import os
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, cast

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver
from zope.interface import implementer

from proactor.config.document import parse
from proactor.config.settings import choose_guid
from proactor.configurator import Configurator
from proactor.follow import Follower
from proactor.home import Home
from proactor.initiator import Initiator, Order
from proactor.interfaces import Handle, ILauncher, LaunchSpec
from proactor.launchers.sockets import PortRange
from proactor.model import Exit
from proactor.processor.configuration import read_start
from proactor.supervisor import Supervisor
from proactor.tokens import TokenAuthority, new_key
from proactor.web.app import make_app
from proactor.web.callers import Identifier, learn
from proactor.web.configs import Configs
from proactor.web.edits import Edits
from proactor.web.health import Health
from proactor.web.jobs import Jobs
from proactor.web.rollouts import RolloutRoutes
from proactor.wire import Site

from .figures import Memory

#: Seconds between two looks at how late the reactor is.
TICK = 0.005
#: More than any process's number, so that no process is meant by it.
_FIRST_PID = 1 << 23


def _now() -> datetime:
    return datetime.now(timezone.utc)


@implementer(ILauncher)
class InMemoryLauncher:
    """Starts nothing, and keeps what would have been the processes' standard input."""

    name = "spawn"

    def __init__(self) -> None:
        self.started: list[tuple[str, bytes]] = []
        self._pids = count(_FIRST_PID)

    def launch(self, spec: LaunchSpec, ended: Callable[[Exit], None]) -> Deferred[Handle]:
        """Pretend to start a process; see :class:`~proactor.interfaces.ILauncher`."""
        self.started.append((spec.guid, spec.stdin))
        return succeed(Handle(spec.guid, spec.incarnation, next(self._pids)))

    def stop(self, handle: Handle, grace: float) -> Deferred[None]:
        """Pretend to end a process."""
        return succeed(None)

    def signal(self, handle: Handle, number: int) -> None:
        """Pretend to send a signal."""

    def tickets(self) -> Iterator[tuple[str, str, int]]:
        """For each process that would be: its guid, its token, the revision that it was started with."""
        started, self.started = self.started, []
        for guid, stdin in started:
            start = read_start(stdin.decode(), guid)
            yield guid, start.token, start.revision


class _NoSocket:
    """A socket that takes no descriptor: those of a whole fleet are more than most limits allow."""

    def __init__(self, port: int) -> None:
        self._name = ("127.0.0.1", port)

    def getsockname(self) -> tuple[str, int]:
        return self._name

    def fileno(self) -> int:
        return -1

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        pass


class InMemoryPorts(PortRange):
    """Ports at which nobody listens."""

    def bind(self) -> socket.socket:
        """Give the next, over and over: none is used."""
        return cast(socket.socket, _NoSocket(self._low))

    def release(self, port: int) -> None:
        """Take it back."""


@define(eq=False)
class Lateness:
    """How late a timer of :data:`TICK` comes: for as long something else had the reactor. In seconds."""

    clock: IReactorTime
    late: list[float] = field(factory=list)
    _due: float = 0.0

    def start(self) -> None:
        """Begin."""
        self._due = self.clock.seconds() + TICK
        self.clock.callLater(TICK, self._tick)

    def _tick(self) -> None:
        self.late.append(self.clock.seconds() - self._due)
        self.start()

    def taken(self) -> list[float]:
        """All since the last time, the one that is due now included."""
        late, self.late = [*self.late, max(0.0, self.clock.seconds() - self._due)], []
        return late


@define(eq=False)
class Collections:
    """How long Python's garbage collector had the process at a time, in seconds."""

    took: list[float] = field(factory=list)
    _began: float = 0.0

    def start(self) -> None:
        """Begin."""
        gc.callbacks.append(self._told)

    def _told(self, phase: str, _info: object) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.took.append(time.perf_counter() - self._began)

    def taken(self) -> list[float]:
        """All since the last time."""
        took, self.took = self.took, []
        return took


async def _ready(*_: object) -> bool:
    return True


def assemble(reactor: Any, home: Home, text: str, launcher: ILauncher, listen_port: int) -> Initiator:
    """An initiator as the plugin puts it together, but for the launcher and what asks whether processes are ready."""
    document = parse(text, "benchmark.cfg")
    guid = choose_guid(document, None)
    configurator = Configurator.begin(reactor, _now, document, guid)
    authority = TokenAuthority.from_pem(guid, home.read_secret("keys/signing.pem", new_key))
    follower = Follower(reactor, lambda _key, _line: None)
    supervisor = Supervisor(reactor, _now, {launcher.name: launcher}, home, {}, follower)
    ports: dict[str, PortRange] = {"127.0.0.1": InMemoryPorts("127.0.0.1", 1, 65535)}
    return Initiator(
        reactor, _now, configurator, authority, supervisor, _ready, Random(1), listen_port, ranges=ports
    )


def site(reactor: Any, initiator: Initiator, home: Home) -> Site:
    """All that it serves."""
    identifier = Identifier(
        home.operator_token,
        os.geteuid(),
        initiator.identify,
        lambda: initiator.configurator.settings.operator_auth,
        str(home.path / "operator.token"),
    )
    handlers = {
        **Jobs(reactor, initiator).handlers(),
        **Configs(initiator).handlers(),
        **Edits(reactor, initiator).handlers(),
        **RolloutRoutes(initiator).handlers(),
        **Health(initiator).handlers(),
    }
    return Site(make_app(handlers, identifier).resource(), clock=reactor, on_connect=learn)


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
        self._began = (0.0, 0.0)
        self._profile = cProfile.Profile()

    def connectionMade(self) -> None:
        """Say where the initiator is."""
        self._lateness.start()
        self._collections.start()
        self._answer({"port": self._port, "pid": os.getpid()})

    def connectionLost(self, reason: object = None) -> None:
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

    def _failed(self, failure: Any) -> None:
        failure.printTraceback()
        self._reactor.stop()

    async def do_create(self, number: str) -> object:
        """Make jobs; the answer has their tickets, and how long each took in milliseconds."""
        began = time.perf_counter()
        await self._initiator.create(Order(count=int(number)), "benchmark")
        each = (time.perf_counter() - began) * 1000 / int(number)
        return {"tickets": list(self._launcher.tickets()), "each": each}

    async def do_memory(self) -> object:
        """What it has in memory, in KiB."""
        memory = Memory.of(os.getpid())
        return {"rss": memory.rss, "pss": memory.pss, "objects": len(gc.get_objects())}

    async def do_begin(self, profile: str = "") -> object:
        """Measure from now on."""
        self._lateness.taken()
        self._collections.taken()
        if os.environ.get("TURNS"):
            import sys as _s; _s.path.insert(0, "/tmp/bw")
            if not hasattr(self, "rec"):
                import turns
                self.rec, self.dump = turns.install(self._reactor)
            self.rec.clear()
        self._began = (time.perf_counter(), time.process_time())
        if profile:
            self._profile.enable()
        return {}

    async def do_end(self) -> object:
        """How late the reactor was at most since then, in milliseconds, and what share of one core it had."""
        self._profile.disable()
        if os.environ.get("TURNS"):
            self.dump()
        wall, cpu = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        late, collections = sorted(self._lateness.taken()), self._collections.taken()
        return {"stall": late[-1] * 1000, "stalls": [round(x*1000) for x in late[-12:]], "gc": [round(x*1000) for x in sorted(collections)[-10:]], "gc_sum": sum(collections), "seconds": wall, "cpu": cpu}

    async def do_gc(self) -> object:
        if os.environ.get("GCS"):
            gc.set_debug(gc.DEBUG_SAVEALL)
        b = time.perf_counter()
        n = gc.collect()
        if gc.garbage:
            from collections import Counter
            c = Counter(type(o).__module__ + "." + type(o).__name__ for o in gc.garbage)
            print(c.most_common(60), file=sys.stderr)
            gc.garbage.clear()
        return {"unreachable": n, "seconds": time.perf_counter() - b}

    async def do_profile(self, path: str) -> object:
        """Write what was profiled, for :mod:`pstats`."""
        self._profile.dump_stats(path)
        return {}


def main() -> None:
    """Run until standard input ends."""
    from twisted.internet import reactor  # noqa: PLC0415

    folder = Path(sys.argv[1])
    if os.environ.get("GCX"):
        gc.set_threshold(*map(int, os.environ["GCX"].split(",")))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listening.setblocking(False)
    port = listening.getsockname()[1]
    home, launcher = Home.open(folder / "home"), InMemoryLauncher()
    initiator = assemble(reactor, home, (folder / "proactor.cfg").read_text(), launcher, port)
    untyped: Any = reactor
    untyped.adoptStreamPort(listening.fileno(), listening.family, site(reactor, initiator, home))
    StandardIO(Control(reactor, initiator, launcher, port))
    untyped.run()
    home.close()


if __name__ == "__main__":
    main()
