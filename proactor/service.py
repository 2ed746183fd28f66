"""The initiator as a Twisted service: put together, started and ended."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import partial
from random import SystemRandom
from typing import Any

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.threads import deferToThread, deferToThreadPool
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.threadpool import ThreadPool

from .configurator import Configurator
from .errors import ProactorError
from .file_watch import FileWatch
from .fleet import Fleet
from .garbage import GarbageCollector
from .guardian import Guardian
from .home import Home
from .initiator import Initiator
from .job_logs import JobLogs
from .launch_plan import LaunchPlanner, check_launch
from .launch_queue import LaunchQueue
from .launchers.ports import Ports
from .launchers.spawn import SpawnLauncher
from .logs import Observer, file_observer
from .logstore import LogStore
from .lots import take_up_in_lots
from .monotonic import use_monotonic_clock
from .readiness import prober
from .startup import Options, StartError
from .timeline import Timeline
from .tokens import TokenAuthority, new_key
from .web.callers import learn
from .web.resource import make_resource
from .web.table import body_limit
from .wire import Site

#: How long answers in progress may take when the initiator stops, in seconds.
_DRAIN = 5.0
#: Threads for what blocks on the disk of logs.
_LOG_THREADS = 4

log = Logger(namespace="proactor")
_log_jobs = Logger(namespace="proactor.initiator")
_console = Logger(namespace="proactor.console")


def _show(_guid: str, line: bytes) -> None:
    _console.info("{line}", line=line, verbatim=True)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _observer_of(options: Options) -> Observer | None:
    """What writes the log under ``twistd``; ``None`` where twistd's own options ask for something else."""
    twistd: Mapping[str, Any] = getattr(options, "parent", None) or {}
    if "nodaemon" not in twistd or twistd.get("syslog") or twistd.get("logger"):
        return None
    path = twistd.get("logfile")
    if path == "-" or (twistd["nodaemon"] and not path):
        return options.observer(sys.stdout)
    verbose = bool(options["verbose"])
    return file_observer(os.path.abspath(path or "twistd.log"), verbose=verbose, fmt=options["log-format"])


@define(eq=False)
class _Running:
    """What there is while the initiator runs."""

    home: Home
    store: LogStore
    pool: ThreadPool
    guardian: Guardian
    initiator: Initiator
    site: Site
    port: IListeningPort
    watch: FileWatch | None
    collector: GarbageCollector


@define(eq=False)
class ProactorService(Service):
    """The initiator as a service."""

    options: Options
    _socket: socket.socket | None = None
    _running: _Running | None = None
    _hangup: Any = field(default=None)

    def setServiceParent(self, parent: Any) -> None:
        """Have the application log in our format: twistd asks it for that component before it starts anything."""
        observer = _observer_of(self.options)
        if observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, observer)
        Service.setServiceParent(self, parent)

    def privilegedStartService(self) -> None:
        """Bind the port while there may be the right to."""
        Service.privilegedStartService(self)
        self._bind()

    def startService(self) -> None:
        """Run.

        :raises StartError: the port or the home cannot be had.
        """
        from twisted.internet import reactor  # noqa: PLC0415 - the one place that chooses it

        Service.startService(self)
        use_monotonic_clock(reactor)
        take_up_in_lots(reactor)
        self._bind()
        try:
            self._running = self._start(reactor)
        except ProactorError as e:
            raise self._cannot(str(e)) from None

    def _cannot(self, why: str) -> StartError:
        twistd: Mapping[str, Any] = getattr(self.options, "parent", None) or {}
        if not twistd.get("nodaemon", True):
            # Of a daemon's error twistd shows the first words on the terminal, and says that the log has more.
            log.critical("{why}", why=why)
        return StartError(f"proactor: {why}")

    def _bind(self) -> None:
        if self._socket is None:
            settings = self.options.settings
            try:
                self._socket = _listening(settings.listen_addr, settings.listen_port)
            except OSError as e:
                where = f"{settings.listen_addr}:{settings.listen_port}"
                remedy = "choose other listen_addr and listen_port, or stop what listens there"
                raise self._cannot(f"cannot listen at {where}: {e.strerror or e}; {remedy}") from None

    def _start(self, reactor: Any) -> _Running:
        assert self._socket is not None
        listen_port = self._socket.getsockname()[1]
        home = Home.open(self.options["home"])
        pool = ThreadPool(0, _LOG_THREADS, "logs")
        pool.start()
        store = LogStore(reactor, home.path / "logs", partial(deferToThreadPool, reactor, pool), _show)
        logs = JobLogs(home, store)
        logs.sweep()
        store.echo = self.options.settings.console
        store.start()
        guardian = Guardian(reactor)
        initiator = assemble(reactor, self.options, home, logs, guardian, listen_port)
        guardian.start()
        _log_jobs.info("Running jobs")
        token_file = str(home.path / "operator.token")
        resource = make_resource(reactor, initiator, store, home.operator_token, token_file, os.geteuid())
        site = Site(resource, clock=reactor, on_connect=learn, body_limit=body_limit)
        port = reactor.adoptStreamPort(self._socket.fileno(), self._socket.family, site)
        self._socket.close()
        self._socket = None
        initiator.start()
        log.info("Serving on {address}:{port}", address=port.getHost().host, port=listen_port)
        self._hangup = signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(self.reload))
        collector = GarbageCollector(reactor)
        collector.start()
        watch = self._watch(reactor, initiator)
        return _Running(home, store, pool, guardian, initiator, site, port, watch, collector)

    def _watch(self, reactor: Any, initiator: Initiator) -> FileWatch | None:
        """Look at the configuration file, and read it again where the configuration says so."""

        def changed() -> None:
            if initiator.configurator.settings.watch_config:
                self.reload("a change of the file")

        path = self.options.source.path
        watch = None if path is None else FileWatch(reactor, path, changed)
        if watch is not None:
            watch.start()
        return watch

    def reload(self, why: str = "SIGHUP") -> Deferred[None]:
        """Read the configuration file again; what is wrong with it is logged, and the old one stays."""
        return Deferred.fromCoroutine(self._reload(why))

    async def _reload(self, why: str) -> None:
        source, running = self.options.source, self._running
        if running is None:
            return
        if source.path is not None and source.path.exists() and not source.path.is_file():
            # To read another kind of file could take for ever.
            log.error("{why}: the configuration stays as it was: {file} is no file", why=why, file=source.name)
            return
        if source.path is None:
            log.warn("{why}: the configuration came from standard input, which cannot be read again", why=why)
            return
        try:
            await running.initiator.reload(source.read(), why)
        except ProactorError as e:
            log.error("{why}: the configuration stays as it was: {error}", why=why, error=str(e))

    async def _stop(self, running: _Running) -> None:
        from twisted.internet import reactor  # noqa: PLC0415

        try:
            await running.initiator.stop()
            await maybeDeferred(running.port.stopListening)
            # Who follows a log comes to its end.
            await running.store.stop()
            await running.site.drain().addTimeout(_DRAIN, reactor, lambda *_: running.site.close())
        finally:
            await running.collector.stop()
            await running.guardian.stop()
            await deferToThread(running.pool.stop)
            running.home.close()

    def stopService(self) -> Deferred[None] | None:
        """End the fleet, then the rest; waited for."""
        Service.stopService(self)
        running, self._running = self._running, None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if running is None:
            return None
        signal.signal(signal.SIGHUP, self._hangup)
        if running.watch is not None:
            running.watch.stop()
        return Deferred.fromCoroutine(self._stop(running))


def _listening(address: str, port: int) -> socket.socket:
    infos = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, sockaddr = infos[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setblocking(False)
        listening.bind(sockaddr)
        listening.listen(1024)
    except BaseException:
        listening.close()
        raise
    return listening


def assemble(
    reactor: Any, options: Options, home: Home, logs: JobLogs, guardian: Guardian, listen_port: int
) -> Initiator:
    """The initiator, of parts that work on this machine.

    :param listen_port: where it is reached.
    """
    guid = options["guid"]
    configurator = Configurator.begin(reactor, _now, options.document, guid, check_launch)
    authority = TokenAuthority.from_pem(guid, home.read_secret("keys/signing.pem", new_key))
    environment = {**os.environ, **guardian.mark}
    planner = LaunchPlanner(configurator, authority, _now, environment, sys.executable, listen_port)
    settings = configurator.settings
    fleet = Fleet(
        clock=reactor,
        now=_now,
        random=SystemRandom().random,
        configurator=configurator,
        planner=planner,
        ports=Ports(settings.child_port_min, settings.child_port_max),
        launcher=SpawnLauncher(reactor),
        queue=LaunchQueue(settings.launch_concurrency or 2 * (os.cpu_count() or 1), partial(reactor.callLater, 0)),
        logs=logs,
        prober=prober(reactor),
        timeline=Timeline(),
        keeper=guardian,
    )
    return Initiator(reactor, _now, configurator, authority, fleet)
