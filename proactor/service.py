"""The initiator as a Twisted service: put together, started and ended."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.threads import deferToThread, deferToThreadPool
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from .assembly import Parts, assemble, begin, now
from .config.settings import InitiatorSettings
from .errors import ProactorError
from .guardian.guardian import Guardian
from .home.disk import reason
from .home.home import Home
from .initiator import Initiator
from .jobs.fleet import Fleet
from .jobs.launch_plan import base_url
from .jobs.logs import JobLogs
from .jobs.taking_up import go_on
from .log.levels import CONSOLE
from .log.writing import Observer, file_observer
from .logstore import LogStore
from .reactor.file_watch import FileWatch
from .reactor.garbage import GarbageCollector
from .reactor.lots import take_up_in_lots
from .reactor.monotonic import use_monotonic_clock
from .service_manager import ServiceManager
from .startup import ConfigSource, Options, StartError
from .store.opening import open_store
from .store.sqlite import SqliteStore
from .store.threads import Threads
from .web.callers import learn
from .web.resource import make_resource
from .web.table import body_limit
from .wire import Site

if TYPE_CHECKING:
    from .tls.server import ServerTls

#: How long answers in progress may take when the initiator stops, in seconds.
_DRAIN = 5.0
#: Threads for what blocks on the disk of logs.
_LOG_THREADS = 4

log = Logger(namespace="proactor")
_log_jobs = Logger(namespace="proactor.initiator")
_console = Logger(namespace=CONSOLE)


def _show(fleet: Fleet, guid: str, line: bytes) -> None:
    job = fleet.jobs.get(guid)
    known = {} if job is None else {"module": job.module, "pid": job.pid}
    _console.info("{line}", line=line, verbatim=True, guid=guid, **known)


def _observer_of(options: Options) -> Observer | None:
    """What writes the log under ``twistd``; ``None`` where twistd's own options ask for something else."""
    twistd: Mapping[str, Any] = getattr(options, "parent", None) or {}
    if "nodaemon" not in twistd or twistd.get("syslog") or twistd.get("logger"):
        return None
    path = twistd.get("logfile")
    if path == "-" or (twistd["nodaemon"] and not path):
        return options.observer(sys.stdout)
    return file_observer(os.path.abspath(path or "twistd.log"), levels=options.levels, fmt=options["log-format"])


@define(eq=False)
class _Running:
    """What there is while the initiator runs.

    :ivar started: fires when it serves, or will not.
    """

    home: Home
    store: SqliteStore
    logs: LogStore
    pool: ThreadPool
    parts: Parts
    collector: GarbageCollector
    manager: ServiceManager
    started: Deferred[None] | None = None
    site: Site | None = None
    port: IListeningPort | None = None
    watch: FileWatch | None = None


@define(eq=False)
class ProactorService(Service):
    """The initiator as a service."""

    options: Options
    _socket: socket.socket | None = None
    _running: _Running | None = None
    _tls: ServerTls | None = None
    _signals: dict[int, Any] = field(factory=dict)
    #: Whether processors live on when it stops.
    _keeps: bool = False

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
        self._load_tls()

    def startService(self) -> None:
        """Run.

        :raises StartError: the port or the home cannot be had.
        """
        from twisted.internet import reactor  # noqa: PLC0415 - the one place that chooses it

        Service.startService(self)
        use_monotonic_clock(reactor)
        take_up_in_lots(reactor)
        self._bind()
        self._load_tls()
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
                raise self._cannot(self._why_not_bound(e)) from None

    def _why_not_bound(self, error: OSError) -> str:
        """What is in the way: another initiator on the same home before all, for its port is the same as a rule."""
        try:
            Home.look(self.options["home"])
        except ProactorError as e:
            return str(e)
        settings = self.options.settings
        where = f"{settings.listen_addr}:{settings.listen_port}"
        remedy = "choose other listen_addr and listen_port, or stop what listens there"
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            remedy = (
                "listen_addr is an address of this machine or a name for one: 127.0.0.1, localhost, 0.0.0.0 for all"
            )
        elif error.errno == errno.EACCES:
            remedy = "choose a listen_port above 1023, or give the right to listen at this one"
        return f"cannot listen at {where}: {error.strerror or error}; {remedy}"

    def _load_tls(self) -> None:
        """Have certificate and key while there may be the right to read them."""
        settings = self.options.settings
        if settings.listen_scheme == "https" and self._tls is None:
            # It loads OpenSSL.
            from .tls.server import ServerTls  # noqa: PLC0415

            try:
                self._tls = ServerTls.of(settings, now())
            except ProactorError as e:
                raise self._cannot(str(e)) from None

    def _start(self, reactor: Any) -> _Running:
        """Open the home, and put together what is in it; the rest takes some turns of the reactor."""
        assert self._socket is not None
        home = Home.open(self.options["home"])
        try:
            store = open_store(home.path / "proactor.db", Threads.of(reactor), reactor)
            pool = ThreadPool(0, _LOG_THREADS, "logs")
            logs = LogStore(reactor, home.path / "logs", partial(deferToThreadPool, reactor, pool))
            guardian = Guardian(reactor, home=home.path, adopt=self.options.settings.adopt)
            job_logs = JobLogs(home, logs, guardian)
            listen_port = self._socket.getsockname()[1]
            parts = assemble(reactor, self.options, home, store, job_logs, guardian, listen_port)
        except BaseException:
            home.close()
            raise
        logs.on_line = partial(_show, parts.initiator.fleet)
        manager = ServiceManager.of(reactor, os.environ, os.getpid())
        pool.start()
        job_logs.sweep()
        logs.echo = self.options.settings.console
        logs.start()
        running = _Running(home, store, logs, pool, parts, GarbageCollector(reactor), manager)
        running.started = Deferred.fromCoroutine(self._begin(reactor, running))
        running.started.addErrback(self._not_begun, reactor)
        return running

    async def _begin(self, reactor: Any, running: _Running) -> None:
        parts, initiator = running.parts, running.parts.initiator
        await begin(parts)
        _log_jobs.info("Running jobs")
        token_file = str(running.home.path / "operator.token")
        resource = make_resource(
            reactor, initiator, running.logs, running.home.operator_token, token_file, os.geteuid()
        )
        running.site = Site(resource, clock=reactor, on_connect=learn, body_limit=body_limit)
        assert self._socket is not None
        listen_port = self._socket.getsockname()[1]
        serving = running.site if self._tls is None else self._tls.around(running.site, reactor)
        running.port = reactor.adoptStreamPort(self._socket.fileno(), self._socket.family, serving)
        self._socket.close()
        self._socket = None
        await go_on(initiator, parts.opened.document)
        settings = self.options.settings
        running.home.show_url(base_url(settings.listen_addr, listen_port, settings.listen_scheme), _trust(settings))
        address = getattr(running.port.getHost(), "host", "")
        log.info("Serving on {address}:{port}", address=address, port=listen_port)
        self._heed(signal.SIGHUP, partial(reactor.callFromThread, self.reload))
        self._heed(signal.SIGUSR2, partial(reactor.callFromThread, self.shut_down, reactor, True))
        initiator.heard_shutdown = partial(self.shut_down, reactor)
        running.collector.start()
        running.watch = self._watch(reactor, initiator)
        running.manager.ready()

    def _not_begun(self, failure: Failure, reactor: Any) -> None:
        error = failure.value
        if isinstance(error, ProactorError):
            log.critical("{why}", why=str(error))
        elif isinstance(error, OSError) and error.filename:
            # As a rule it is there, and no descriptor is left for it.
            log.critical("{file}: {why}", file=error.filename, why=reason(error))
        else:
            log.failure("Starting", failure)
        self._keeps = True
        reactor.callLater(0, reactor.stop)

    def _heed(self, number: int, call: Callable[[], object]) -> None:
        self._signals[number] = signal.signal(number, lambda *_: call())

    def shut_down(self, reactor: Any, keep: bool) -> None:
        """End the initiator, as SIGTERM does.

        :param keep: whether processors live on, for the next one to adopt.
        """
        self._keeps = keep
        log.info("Stopping{what}", what=", and leaving the processors to the next initiator" if keep else "")
        reactor.stop()

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
        await self._reload_configuration(source, running, why)
        if self._tls is not None:
            self._tls.reload(running.parts.initiator.configurator.settings, now(), why)

    async def _reload_configuration(self, source: ConfigSource, running: _Running, why: str) -> None:
        if source.path is not None and source.path.exists() and not source.path.is_file():
            # To read another kind of file could take for ever.
            log.error("{why}: the configuration stays as it was: {file} is no file", why=why, file=source.name)
            return
        if source.path is None:
            log.warn("{why}: the configuration came from standard input, which cannot be read again", why=why)
            return
        try:
            await running.parts.initiator.reload(source.read(), why)
        except ProactorError as e:
            log.error("{why}: the configuration stays as it was: {error}", why=why, error=str(e))

    async def _stop(self, running: _Running) -> None:
        from twisted.internet import reactor  # noqa: PLC0415

        assert running.started is not None
        await running.started
        await running.manager.stopping()
        try:
            await running.parts.initiator.stop(self._keeps)
            if running.port is not None:
                await maybeDeferred(running.port.stopListening)
            # Who follows a log comes to its end.
            await running.logs.stop()
            if (site := running.site) is not None:
                await site.drain().addTimeout(_DRAIN, reactor, lambda *_: site.close())
        finally:
            await running.collector.stop()
            await running.parts.launcher.close()
            guardian = running.parts.guardian
            await (guardian.leave() if self._keeps else guardian.stop())
            await running.store.close()
            await deferToThread(running.pool.stop)
            running.home.close()

    def stopService(self) -> Deferred[None] | None:
        """End the fleet, or leave it, then the rest; waited for."""
        Service.stopService(self)
        running, self._running = self._running, None
        if self._socket is not None and running is None:
            self._socket.close()
            self._socket = None
        if running is None:
            return None
        for number, before in self._signals.items():
            signal.signal(number, before)
        if running.watch is not None:
            running.watch.stop()
        return Deferred.fromCoroutine(self._stop(running))


def _trust(settings: InitiatorSettings) -> tuple[str, str] | None:
    """How clients on this machine verify the initiator: the name of its certificate, and by which file."""
    authority = settings.tls_ca or settings.tls_certificate
    if settings.listen_scheme != "https" or authority is None:
        return None
    return settings.host_addr, os.path.abspath(authority)


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
