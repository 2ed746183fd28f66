"""The initiator as a Twisted service, as ``twistd`` starts and stops it: what it serves is a ``lifetime``."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from .assembly import now
from .binding import bound
from .errors import ProactorError
from .home.disk import reason
from .lifetime import Lifetime
from .log.writing import Observer, file_observer
from .reactor.lots import take_up_in_lots
from .reactor.monotonic import use_monotonic_clock
from .reactor.signals import Signals
from .reloading import Reloading
from .service_manager import ServiceManager
from .startup import Options, StartError

if TYPE_CHECKING:
    from .tls.server import ServerTls

log = Logger(namespace="proactor")


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
    """What there is from the start to the stop.

    :param started: fires when it serves, or will not.
    """

    lifetime: Lifetime
    reloading: Reloading
    signals: Signals
    manager: ServiceManager
    started: Deferred[None] = field(init=False)


@define(eq=False)
class ProactorService(Service):
    """The initiator as a service."""

    options: Options
    _socket: socket.socket | None = None
    _tls: ServerTls | None = None
    _running: _Running | None = None
    #: Whether processors live on when it stops.
    _keeps: bool = False

    def setServiceParent(self, parent: Any) -> None:
        """Have the application log in our format: twistd asks it for that component before it starts anything."""
        observer = _observer_of(self.options)
        if observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, observer)
        Service.setServiceParent(self, parent)

    # The start.

    def privilegedStartService(self) -> None:
        """Bind the port, and have certificate and key, while there may be the right to."""
        Service.privilegedStartService(self)
        try:
            self._bind()
        except ProactorError as e:
            raise self._cannot(str(e)) from None

    def startService(self) -> None:
        """Run.

        :raises StartError: the port or the home cannot be had.
        """
        from twisted.internet import reactor  # noqa: PLC0415 - the one place that chooses it

        Service.startService(self)
        use_monotonic_clock(reactor)
        take_up_in_lots(reactor)
        try:
            self._running = self._start(reactor, self._bind())
        except ProactorError as e:
            raise self._cannot(str(e)) from None

    def _cannot(self, why: str) -> StartError:
        twistd: Mapping[str, Any] = getattr(self.options, "parent", None) or {}
        if not twistd.get("nodaemon", True):
            # Of a daemon's error twistd shows the first words on the terminal, and says that the log has more.
            log.critical("{why}", why=why)
        return StartError(f"proactor: {why}")

    def _bind(self) -> socket.socket:
        settings = self.options.settings
        if self._socket is None:
            self._socket = bound(settings, self.options["home"])
        if settings.listen_scheme == "https" and self._tls is None:
            # It loads OpenSSL.
            from .tls.server import ServerTls  # noqa: PLC0415

            self._tls = ServerTls.of(settings, now())
        return self._socket

    def _start(self, reactor: Any, listening: socket.socket) -> _Running:
        """Open what there is; the rest takes some turns of the reactor."""
        lifetime = Lifetime.open(reactor, self.options, listening, self._tls)
        self._socket = None
        reloading = Reloading(self.options.source, lifetime.initiator, self._tls)
        manager = ServiceManager.of(reactor, os.environ, os.getpid())
        running = _Running(lifetime, reloading, Signals(reactor), manager)
        running.started = Deferred.fromCoroutine(self._begin(reactor, running))
        running.started.addErrback(self._not_begun, reactor)
        return running

    async def _begin(self, reactor: Any, running: _Running) -> None:
        await running.lifetime.begin()
        running.signals.heed(signal.SIGHUP, self.reload)
        running.signals.heed(signal.SIGUSR2, partial(self.shut_down, reactor, True))
        running.lifetime.initiator.heard_shutdown = partial(self.shut_down, reactor)
        running.reloading.start(reactor)
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

    # While it runs.

    def reload(self, why: str = "SIGHUP") -> Deferred[None]:
        """Read the configuration file again; what is wrong with it is logged, and the old one stays."""
        return succeed(None) if self._running is None else self._running.reloading.reload(why)

    def shut_down(self, reactor: Any, keep: bool) -> None:
        """End the initiator, as SIGTERM does.

        :param keep: whether processors live on, for the next one to adopt.
        """
        self._keeps = keep
        log.info("Stopping{what}", what=", and leaving the processors to the next initiator" if keep else "")
        reactor.stop()

    # The stop.

    def stopService(self) -> Deferred[None] | None:
        """End the fleet, or leave it, then the rest; waited for."""
        Service.stopService(self)
        running, self._running = self._running, None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        return None if running is None else Deferred.fromCoroutine(self._stop(running))

    async def _stop(self, running: _Running) -> None:
        await running.started
        running.signals.give_back()
        running.reloading.stop()
        await running.manager.stopping()
        await running.lifetime.end(self._keeps)
