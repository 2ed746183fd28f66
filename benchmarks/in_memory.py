"""An initiator that is whole but for its processes: those, their sockets and their logs exist in memory alone."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from itertools import count
from random import Random
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from proactor.changes.configurator import Configurator
from proactor.config.document import parse
from proactor.config.settings import choose_guid
from proactor.home.home import Home
from proactor.initiator import Initiator
from proactor.interfaces import Handle, ILauncher, LaunchSpec
from proactor.jobs.fleet import Fleet
from proactor.jobs.launch_plan import LaunchPlanner
from proactor.jobs.launch_queue import LaunchQueue
from proactor.jobs.launch_record import LaunchRecord
from proactor.jobs.readiness import Prober
from proactor.launchers.held import HeldSocket
from proactor.launchers.ports import Ports
from proactor.logstore import LogStore
from proactor.messaging.webhook import web_hook
from proactor.model import Exit, Identity
from proactor.processor.configuration import read_start
from proactor.store.memory import MemoryStore
from proactor.timeline.timeline import Timeline
from proactor.tokens.issuing import TokenAuthority
from proactor.tokens.keyring import new_key
from proactor.web.callers import learn
from proactor.web.resource import make_resource
from proactor.wire import Site

#: More than any process's number, so that no process is meant by it.
_FIRST_PID = 1 << 23
_PORT = 20000


def now() -> datetime:
    """The time of day."""
    return datetime.now(timezone.utc)


@implementer(ILauncher)
class InMemoryLauncher:
    """Starts nothing, and keeps what would have been the processes' standard input."""

    name = "spawn"

    def __init__(self) -> None:
        self._started: list[tuple[str, bytes]] = []
        self._pids = count(_FIRST_PID)

    def launch(self, spec: LaunchSpec, ended: Callable[[Exit], None]) -> Deferred[Handle]:
        """Pretend to start a process; see :class:`~proactor.interfaces.ILauncher`."""
        self._started.append((spec.guid, spec.stdin))
        return succeed(Handle(spec.guid, spec.incarnation, Identity(next(self._pids), 0, "")))

    def adopt(self, handle: Handle, ended: Callable[[Exit], None]) -> bool:
        """There is nothing to adopt."""
        return False

    def stop(self, handle: Handle, grace: float) -> Deferred[None]:
        """Pretend to end a process."""
        return succeed(None)

    def signal(self, handle: Handle, number: int) -> None:
        """Pretend to send a signal."""

    def tickets(self) -> Iterator[tuple[str, str, int]]:
        """For each process that would be, once: its guid, its token, the revision that it was started with."""
        started, self._started = self._started, []
        for guid, stdin in started:
            start = read_start(stdin.decode(), guid)
            yield guid, start.token, start.revision


class _NoSocket:
    """A socket that takes no descriptor: a fleet's and its connections are more than most limits allow."""

    family = socket.AF_INET

    def getsockopt(self, level: int, option: int) -> int:
        return 1

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", _PORT)

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:
        pass

    def close(self) -> None:
        pass


class InMemoryPorts(Ports):
    """Ports at which nobody listens."""

    def take(self, address: str, count: int) -> list[HeldSocket]:
        """Give sockets that are none."""
        return [HeldSocket(cast(socket.socket, _NoSocket())) for _ in range(count)]

    def give_back(self, held: HeldSocket) -> None:
        """Take one back."""


class NoLogs:
    """Logs of processes that write nothing."""

    def add(self, guid: str, max_bytes: int, backups: int, at_end: bool = False) -> None:
        """Keep none."""

    async def remove(self, guid: str) -> None:
        """Forget none."""

    def open(self, guid: str, max_bytes: int, backups: int) -> int:
        """Give a descriptor of the null device; the caller closes it."""
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)

    def check(self, guid: str) -> None:
        """One can be had."""

    def written(self, guid: str) -> int:
        """Nothing was."""
        return 0

    def last_lines(self, guid: str, start: int, count: int) -> tuple[str, ...]:
        """There are none."""
        return ()


class NoKeeper:
    """Keeps an eye on no process."""

    def watch(self, pid: int, grace: float, start: int | None = None) -> None:
        """There is a process that is none."""

    def unwatch(self, pid: int) -> None:
        """It is no more."""

    def keep(self, guid: str, fileno: Callable[[], int]) -> None:
        """There is a socket that is none."""

    def let_go(self, guid: str) -> None:
        """Nor is there now."""


class NoLocks:
    """Locks that nobody holds."""

    def take(self, guid: str, launch: LaunchRecord) -> int:
        """Give a descriptor of the null device; the caller closes it."""
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def reserve(self, guid: str) -> None:
        """Have room for none."""

    def remove(self, guid: str) -> None:
        """Remove none."""


class Believer(Prober):
    """Believes whoever says that it serves."""

    def __init__(self) -> None:
        """Need neither a reactor nor a client."""

    async def wait(self, base_url: str, guid: str, delays: Iterator[float], alive: Callable[[], bool]) -> bool:
        """Ask nobody."""
        return alive()


def assemble(reactor: Any, text: str, launcher: ILauncher, places: int, listen_port: int) -> Initiator:
    """An initiator as the plugin puts it together, but for what has to do with processes.

    :param text: its configuration file.
    :param places: how many may be launched at once.
    """
    document = parse(text, "benchmark.cfg")
    guid = choose_guid(document, None)
    configurator, store = Configurator.begin(reactor, now, document, guid), MemoryStore(reactor)
    configurator.keep = store.commit
    authority = TokenAuthority.from_pem(guid, new_key())
    fleet = Fleet(
        clock=reactor,
        now=now,
        random=Random(1).random,
        configurator=configurator,
        planner=LaunchPlanner(configurator, authority, now, {}, "python", listen_port),
        ports=InMemoryPorts(_PORT, _PORT),
        launcher=launcher,
        queue=LaunchQueue(places, partial(reactor.callLater, 0)),
        logs=NoLogs(),
        prober=Believer(),
        timeline=Timeline(),
        keeper=NoKeeper(),
        locks=NoLocks(),
        store=store,
    )
    deliver = web_hook(reactor, now, authority).deliver
    return Initiator(reactor, now, configurator, authority, fleet, store, deliver)


def serve(reactor: Any, initiator: Initiator, home: Home, listening: socket.socket) -> None:
    """Serve it as the plugin does."""
    token_file = str(home.path / "operator.token")
    # mypy takes what runs in a thread for something else than what is asked for, though the two are one.
    store = LogStore(reactor, home.path / "logs", cast(Any, deferToThread))
    resource = make_resource(reactor, initiator, store, home.operator_token, token_file, os.geteuid())
    site = Site(resource, clock=reactor, on_connect=learn)
    reactor.adoptStreamPort(listening.fileno(), listening.family, site)
