"""The ``twistd`` plugin: options, and the initiator put together. What it does is elsewhere."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from random import SystemRandom
from typing import Any

from attrs import define, field, frozen
from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from .config.document import Document, decode, parse
from .config.settings import choose_guid
from .configurator import Configurator
from .errors import ProactorError
from .fleet import Fleet
from .follow import Follower
from .home import DEFAULT_HOME, Home
from .initiator import Initiator
from .job_logs import JobLogs
from .launch_plan import LaunchPlanner
from .launch_queue import LaunchQueue
from .launchers.ports import Ports
from .launchers.spawn import SpawnLauncher
from .logs import FORMATS, Observer, file_observer, stream_observer
from .monotonic import use_monotonic_clock
from .readiness import prober
from .timeline import Timeline
from .tokens import TokenAuthority, new_key
from .web.callers import learn
from .web.resource import make_resource
from .wire import Site

STANDARD_INPUT = "-"
#: How long answers in progress may take when the initiator stops, in seconds.
_DRAIN = 5.0

log = Logger(namespace="proactor")
_log_jobs = Logger(namespace="proactor.initiator")
_console = Logger(namespace="proactor.console")


class StartError(SystemExit, Exception):
    """What keeps the initiator from starting.

    ``twistd`` catches an ``Exception``, tidies up and passes it on; Python ends on a ``SystemExit`` with its message
    and status 1, without a traceback.
    """


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Options(UsageOptions):
    """The command line of ``twistd proactor``. The configuration is read here, while there is a terminal."""

    synopsis = "[options]"
    longdesc = "Launches, configures, supervises and authenticates a fleet of processes, and is driven with curl."
    optParameters = [
        ["config", "c", None, "The configuration file, - for standard input [default: ./proactor.cfg, else our own]"],
        ["guid", "g", None, "The guid section to run by [default: the only one in the file]"],
        ["home", None, DEFAULT_HOME, "The folder for state: keys, tokens, logs"],
        ["log-format", None, "text", f"The format of the log: {' or '.join(FORMATS)}"],
    ]
    optFlags = [["verbose", "v", "Log more"]]

    def postOptions(self) -> None:
        """Make paths absolute, for a daemon has another working folder; read the configuration.

        :raises UsageError: an option's value is not one of those there are.
        :raises StartError: the configuration cannot be read or does not hold.
        """
        if self["log-format"] not in FORMATS:
            raise UsageError(f"--log-format: must be {' or '.join(FORMATS)}")
        self["home"] = str(Path(self["home"]).expanduser().absolute())
        log.info("Place defaults")
        self.source = _find_config(self["config"])
        log.info("Read config...")
        try:
            self.document = self.source.read()
            self["guid"] = choose_guid(self.document, self["guid"])
            self.settings = Configurator.begin(Clock(), _now, self.document, self["guid"]).settings
        except ProactorError as e:
            raise StartError(f"proactor: {e}") from None
        for warning in self.settings.warnings:
            log.warn("{warning}", warning=warning)
        self._log_under_twist()

    def observer(self, stream: Any) -> Observer:
        """What writes the log to a stream, as the options say."""
        return stream_observer(stream, verbose=bool(self["verbose"]), fmt=self["log-format"])

    def _log_under_twist(self) -> None:
        """``twist`` takes what writes its log from its own options, where the user did not choose that."""
        twist = getattr(self, "parent", None)
        if twist is not None and "logLevel" in twist and "fileLogObserverFactory" not in twist:
            twist["fileLogObserverFactory"] = self.observer
            twist["logFormat"] = self["log-format"]


@frozen
class ConfigSource:
    """Where the configuration comes from: a file, or standard input, once."""

    path: Path | None

    @property
    def name(self) -> str:
        """For messages."""
        return "standard input" if self.path is None else str(self.path)

    def read(self) -> Document:
        """Read it.

        :raises ProactorError: it cannot be read; says why.
        """
        try:
            data = sys.stdin.buffer.read() if self.path is None else self.path.read_bytes()
        except OSError as e:
            raise ProactorError(f"{self.name}: cannot be read: {e.strerror}") from None
        return parse(decode(data, self.name), self.name)


def _find_config(named: str | None) -> ConfigSource:
    if named == STANDARD_INPUT:
        return ConfigSource(None)
    if named is not None:
        return ConfigSource(Path(named).expanduser().absolute())
    here = Path("proactor.cfg").absolute()
    return ConfigSource(here if here.exists() else Path(str(files("proactor") / "proactor.cfg")))


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
    initiator: Initiator
    follower: Follower
    site: Site
    port: IListeningPort


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
        self._bind()
        try:
            self._running = self._start(reactor)
        except ProactorError as e:
            raise StartError(f"proactor: {e}") from None

    def _bind(self) -> None:
        if self._socket is None:
            settings = self.options.settings
            try:
                self._socket = _listening(settings.listen_addr, settings.listen_port)
            except OSError as e:
                where = f"{settings.listen_addr}:{settings.listen_port}"
                remedy = "choose other listen_addr and listen_port, or stop what listens there"
                raise StartError(f"proactor: cannot listen at {where}: {e.strerror or e}; {remedy}") from None

    def _start(self, reactor: Any) -> _Running:
        assert self._socket is not None
        home = Home.open(self.options["home"])
        follower = Follower(reactor, lambda _, line: _console.info("{line}", line=line, verbatim=True))
        address, listen_port = self._socket.getsockname()[:2]
        initiator = _assemble(reactor, self.options, home, follower, listen_port)
        _log_jobs.info("Running jobs")
        token_file = str(home.path / "operator.token")
        resource = make_resource(reactor, initiator, home.operator_token, token_file, os.geteuid())
        site = Site(resource, clock=reactor, on_connect=learn)
        port = reactor.adoptStreamPort(self._socket.fileno(), self._socket.family, site)
        self._socket.close()
        self._socket = None
        initiator.start()
        log.info("Serving on {address}:{port}", address=address, port=listen_port)
        self._hangup = signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(self.reload))
        return _Running(home, initiator, follower, site, port)

    def reload(self) -> Deferred[None]:
        """Read the configuration file again; what is wrong with it is logged, and the old one stays."""
        return Deferred.fromCoroutine(self._reload())

    async def _reload(self) -> None:
        source, running = self.options.source, self._running
        if running is None:
            return
        if source.path is None:
            log.warn("SIGHUP: the configuration came from standard input, which cannot be read again")
            return
        try:
            await running.initiator.reload(source.read(), "SIGHUP")
        except ProactorError as e:
            log.error("SIGHUP: the configuration stays as it was: {error}", error=str(e))

    async def _stop(self, running: _Running) -> None:
        from twisted.internet import reactor  # noqa: PLC0415

        try:
            await running.initiator.stop()
            await DeferredList([maybe for maybe in [running.port.stopListening()] if maybe is not None])
            await running.site.drain().addTimeout(_DRAIN, reactor, lambda *_: running.site.close())
        finally:
            running.follower.stop()
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


def _assemble(reactor: Any, options: Options, home: Home, follower: Follower, listen_port: int) -> Initiator:
    guid = options["guid"]
    configurator = Configurator.begin(reactor, _now, options.document, guid)
    authority = TokenAuthority.from_pem(guid, home.read_secret("keys/signing.pem", new_key))
    planner = LaunchPlanner(configurator, authority, _now, dict(os.environ), sys.executable, listen_port)
    settings = configurator.settings
    fleet = Fleet(
        clock=reactor,
        now=_now,
        random=SystemRandom().random,
        configurator=configurator,
        planner=planner,
        ports=Ports(settings.child_port_min, settings.child_port_max),
        launcher=SpawnLauncher(reactor),
        queue=LaunchQueue(settings.launch_concurrency or 2 * (os.cpu_count() or 1)),
        logs=JobLogs(home, follower),
        prober=prober(reactor),
        timeline=Timeline(),
    )
    return Initiator(reactor, _now, configurator, authority, fleet)


def makeService(options: Options) -> IService:
    """The service, not started: nothing is opened here, for a daemon is another process by then."""
    return ProactorService(options)
