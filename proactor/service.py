"""The initiator as a Twisted service, as ``twistd`` starts and stops it: what it serves is a ``lifetime``."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
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
    #: Whether it is about to stop, or does: who wants that again is told so.
    _ends: bool = False
    #: What there was, while it stops, and since when it does, in seconds of the reactor's clock.
    _stopping: tuple[_Running, float] | None = None

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
        self._ends = False
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
        # The reactor's own handlers are there when it runs.
        reactor.callWhenRunning(self._heed_ends, reactor, running.signals)
        return running

    def _heed_ends(self, reactor: Any, signals: Signals) -> None:
        """Have the reactor stopped once: it complains when it is told so again."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signals.precede(number, self._is_first_end, partial(self._say_what_for, reactor))

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
        reactor.callLater(0, self._end, reactor)

    # While it runs.

    def reload(self, why: str = "SIGHUP") -> Deferred[None]:
        """Read the configuration file again; what is wrong with it is logged, and the old one stays."""
        if self._stopping is not None:
            log.warn("{why}: the initiator is stopping, the configuration stays as it is", why=why)
        return succeed(None) if self._running is None else self._running.reloading.reload(why)

    def shut_down(self, reactor: Any, keep: bool) -> None:
        """End the initiator, as SIGTERM does.

        :param keep: whether processors live on, for the next one to adopt.
        """
        if self._ends:
            self._say_what_for(reactor)
            return
        self._keeps = keep
        log.info("Stopping{what}", what=", and leaving the processors to the next initiator" if keep else "")
        self._end(reactor)

    def _is_first_end(self) -> bool:
        is_first, self._ends = not self._ends, True
        return is_first

    def _end(self, reactor: Any) -> None:
        if self._is_first_end():
            reactor.stop()

    def _say_what_for(self, reactor: Any) -> None:
        """Who wants it to stop, or something else of it, while it stops is told what for that waits."""
        what = "what is under way is brought to its end"
        if self._stopping is not None:
            running, since = self._stopping
            what = running.lifetime.waited_for(reactor.seconds() - since)
        log.info("Stopping already: {what}", what=what)

    # The stop.

    def stopService(self) -> Deferred[None] | None:
        """End the fleet, or leave it, then the rest; waited for."""
        from twisted.internet import reactor  # noqa: PLC0415 - see startService

        Service.stopService(self)
        self._ends = True
        running, self._running = self._running, None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if running is None:
            return None
        self._stopping = running, cast(IReactorTime, reactor).seconds()
        return Deferred.fromCoroutine(self._stop(running))

    async def _stop(self, running: _Running) -> None:
        try:
            await running.started
            running.reloading.stop()
            await running.manager.stopping()
            await running.lifetime.end(self._keeps)
        finally:
            # Until now: what nobody heeds ends us at once, and leaves what is not done yet.
            running.signals.give_back()
            self._stopping = None
