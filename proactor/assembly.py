"""The initiator, of parts that work on this machine; and how it goes on with what an earlier one left."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import partial
from random import SystemRandom
from typing import Any

from attrs import frozen
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from .config.preloaded import preloaded_modules
from .config.settings import InitiatorSettings
from .guardian.guardian import Guardian
from .guardian.hand_over import socket_of
from .home.home import Home
from .home.opening import Opened, opened
from .initiator import Initiator
from .jobs.fleet import Fleet
from .jobs.flock import Locks
from .jobs.launch_plan import FD, LaunchPlanner
from .jobs.launch_queue import LaunchQueue
from .jobs.left_behind import LeftBehind, tell_of_strays
from .jobs.locks import JobLocks
from .jobs.logs import JobLogs
from .jobs.readiness import prober
from .jobs.taking_up import TakingUp, take_up
from .launchers import identity
from .launchers.command import environment as child_environment
from .launchers.fork import ForkLauncher
from .launchers.ports import Ports
from .messaging.webhook import web_hook
from .model import Identity
from .saved import AddEvent, Saved, SavedJob
from .service_manager import without_ours
from .startup import Options
from .store.interface import IStore
from .timeline.timeline import Timeline
from .tokens.issuing import TokenAuthority
from .tokens.key_rotation import RING, open_ring

log = Logger(namespace="proactor")


def now() -> datetime:
    """The time of day."""
    return datetime.now(timezone.utc)


@frozen
class Parts:
    """What the initiator is of.

    :param saved: what an earlier one left.
    """

    initiator: Initiator
    opened: Opened
    saved: Saved
    guardian: Guardian
    locks: JobLocks
    launcher: ForkLauncher


def assemble(
    reactor: Any,
    options: Options,
    home: Home,
    store: IStore,
    logs: JobLogs,
    guardian: Guardian,
    listen_port: int,
    *,
    open_files: int | None = None,
) -> Parts:
    """Put it together; nothing is begun.

    :param listen_port: where it is reached.
    :param open_files: how many processors may have open, where that is another number than for the initiator.
    :raises ProactorError: what was saved cannot be read, or does not hold any more.
    """
    guid = options["guid"]
    saved = store.load()
    begin = opened(reactor, now, options.document, guid, saved, listen_port)
    configurator = begin.configurator
    configurator.keep = store.commit
    authority = TokenAuthority(guid, open_ring(home, now().timestamp()))
    environment = {**without_ours(dict(os.environ)), **guardian.mark}
    settings = configurator.settings
    launcher = ForkLauncher(reactor, _without_secrets(environment, settings))
    timeline = Timeline()
    timeline.restore(saved.events, saved.last_event)
    timeline.recorded = lambda event: store.note([AddEvent(event.saved())])
    timeline.older = store.events
    locks = JobLocks(Locks(home.path / "locks"))
    fleet = Fleet(
        clock=reactor,
        now=now,
        random=SystemRandom().random,
        configurator=configurator,
        planner=LaunchPlanner(
            configurator, authority, now, environment, sys.executable, listen_port, open_files=open_files
        ),
        ports=Ports(settings.child_port_min, settings.child_port_max),
        launcher=launcher,
        queue=LaunchQueue(settings.launch_concurrency or 2 * (os.cpu_count() or 1), partial(reactor.callLater, 0)),
        logs=logs,
        locks=locks,
        prober=prober(reactor),
        timeline=timeline,
        keeper=guardian,
        store=store,
    )
    deliver = web_hook(reactor, now, authority).deliver
    levels = options.levels if options.levels.observed else None
    initiator = Initiator(reactor, now, configurator, authority, fleet, store, deliver, levels)
    pool = reactor.getThreadPool()
    initiator.keys.save = lambda data: deferToThreadPool(reactor, pool, home.write_secret, RING, data)
    return Parts(initiator, begin, saved, guardian, locks, launcher)


def _without_secrets(environment: Mapping[str, str], settings: InitiatorSettings) -> dict[str, str]:
    """The initiator's environment as processors get it, but for what sections say; tells of what they do not get."""
    kept = child_environment(environment, {"secret_options": " ".join(settings.secret_options)}, True)
    left = sorted(environment.keys() - kept.keys() - {"PROACTOR_TOKEN"})
    if left:
        log.info(
            "Called like secrets, and passed on only to sections whose pass_environment names them: {names}",
            names=", ".join(left),
        )
    return kept


async def begin(parts: Parts) -> None:
    """Go on with what an earlier initiator left: before anybody is served.

    :raises ProactorError: what has to be kept first cannot be.
    """
    initiator, saved, guardian = parts.initiator, parts.saved, parts.guardian
    if parts.opened.writes:
        await initiator.store.commit(parts.opened.writes)
    sockets = dict(await guardian.take_over())
    guardian.start()
    for guid in sockets.keys() - saved.jobs.keys():
        sockets.pop(guid).close()
        guardian.let_go(guid)
    initiator.heard_configuration = partial(_heed, parts)
    parts.launcher.start()
    _heed(parts)
    processes = _Processes(LeftBehind(parts.locks.locks, lambda: guardian.marks))
    taking_up = TakingUp(initiator.fleet, initiator.configurator, parts.locks, processes, _found_socket)
    await take_up(initiator, saved, taking_up, sockets)
    tell_of_strays(parts.locks.locks, saved.jobs)


def _heed(parts: Parts) -> None:
    """What the configuration says of the parts beside it."""
    configurator = parts.initiator.configurator
    parts.guardian.adopt = configurator.settings.adopt
    parts.launcher.spare(configurator.settings.fork_spares)
    # What processors call the initiator with over TLS takes long to load.
    trust = ["proactor.tls.trust"] if configurator.settings.listen_scheme == "https" else []
    parts.launcher.preload([*trust, *preloaded_modules(configurator.live.layers)])


@frozen
class _Processes:
    """The processes of this machine; see :class:`~proactor.jobs.taking_up.Processes`."""

    left_behind: LeftBehind

    def identity(self, pid: int) -> Identity | None:
        """The process that has a number."""
        return identity.identity_of(pid)

    def alive(self, process: Identity) -> bool:
        """Whether that very process lives."""
        return identity.alive(process)

    def boot(self) -> str:
        """The present boot's id."""
        own = identity.identity_of(os.getpid())
        return "" if own is None else own.boot

    def launcher(self, process: Identity) -> str:
        """The name of what launched it."""
        return "fork" if identity.is_forked(process.pid) else "spawn"

    def end_rest(self, ended: Mapping[str, Identity | None]) -> None:
        """End what processes left behind."""
        self.left_behind.end(ended)


def _found_socket(job: SavedJob, process: Identity) -> socket.socket | None:
    return socket_of(process.pid, FD, (job.address, job.port))
