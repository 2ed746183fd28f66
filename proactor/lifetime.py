"""An initiator from the opening of its home until that is given back: each part after those that it needs, and at the
end before them.
"""

from __future__ import annotations

import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.threads import deferToThread, deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from .assembly import Parts, assemble, begin
from .config.job_settings import job_settings
from .config.settings import InitiatorSettings
from .guardian.guardian import Guardian
from .home.home import Home
from .home.shown_url import ShownUrl
from .initiator import Initiator
from .jobs.fleet import Fleet
from .jobs.logs import JobLogs
from .jobs.taking_up import go_on
from .jobs.waited_for import waited_for
from .log.levels import CONSOLE
from .logstore import LogStore
from .open_files import OpenFiles, keep_inherited, shortage
from .reactor.garbage import GarbageCollector
from .startup import Options
from .store.opening import open_store
from .store.sqlite import SqliteStore
from .store.threads import Threads
from .urls import in_url, local_url
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


@define(eq=False)
class Lifetime:
    """One that is open; it serves when it has begun.

    :param listening: the socket at which it is to be reached, which is its own from now on.
    :param tls: how it serves over TLS, if it does.
    """

    reactor: Any
    settings: InitiatorSettings
    listening: socket.socket
    tls: ServerTls | None
    home: Home
    store: SqliteStore
    logs: LogStore
    parts: Parts
    _log_threads: ThreadPool
    _collector: GarbageCollector
    _files: OpenFiles
    _site: Site | None = None
    _port: IListeningPort | None = None
    _shown: ShownUrl | None = None

    @classmethod
    def open(cls, reactor: Any, options: Options, listening: socket.socket, tls: ServerTls | None) -> Lifetime:
        """Open the home, and put together what is in it; nothing is begun.

        :raises ProactorError: the home cannot be had, or what is in it cannot be read. The socket is not touched then.
        """
        home = Home.open(options["home"])
        keep_inherited()
        files = OpenFiles.raised()
        try:
            store = open_store(home.path / "proactor.db", Threads.of(reactor), reactor)
            threads = ThreadPool(0, _LOG_THREADS, "logs")
            logs = LogStore(reactor, home.path / "logs", partial(deferToThreadPool, reactor, threads))
            guardian = Guardian(reactor, home=home.path, adopt=options.settings.adopt, fmt=options["log-format"])
            job_logs = JobLogs(home, logs, guardian)
            port, given = listening.getsockname()[1], files.of_processors
            parts = assemble(reactor, options, home, store, job_logs, guardian, port, open_files=given)
        except BaseException:
            files.give_back()
            home.close()
            raise
        logs.on_line = partial(_show, parts.initiator.fleet)
        threads.start()
        job_logs.sweep()
        logs.echo = options.settings.console
        logs.start()
        settings, collector = options.settings, GarbageCollector(reactor)
        return cls(reactor, settings, listening, tls, home, store, logs, parts, threads, collector, files)

    @property
    def initiator(self) -> Initiator:
        """What it is all about."""
        return self.parts.initiator

    async def begin(self) -> None:
        """Go on with what an earlier initiator left, and serve.

        :raises ProactorError: what has to be kept first cannot be.
        """
        self._see_limit()
        await begin(self.parts)
        _log_jobs.info("Running jobs")
        self._serve()
        await go_on(self.initiator, self.parts.opened.document)
        self._say_where()
        self._collector.start()

    def _see_limit(self) -> None:
        settings = self.initiator.configurator.settings
        jobs = min(settings.max_jobs, settings.child_port_max - settings.child_port_min + 1)
        if (short := shortage(self._files.most, jobs)) is not None:
            log.warn("{short}", short=short)

    def _serve(self) -> None:
        home, reactor = self.home, self.reactor
        token_file = str(home.path / "operator.token")
        resource = make_resource(reactor, self.initiator, self.logs, home.operator_token, token_file, os.geteuid())
        self._site = Site(resource, clock=reactor, on_connect=learn, body_limit=body_limit)
        serving = self._site if self.tls is None else self.tls.around(self._site, reactor)
        self._port = reactor.adoptStreamPort(self.listening.fileno(), self.listening.family, serving)
        self.listening.close()

    def _say_where(self) -> None:
        """Tell the clients of the same user, and people."""
        assert self._port is not None
        settings, host = self.settings, self._port.getHost()
        port = getattr(host, "port", 0)
        url = local_url(settings.listen_addr, port, settings.listen_scheme)
        self._shown = ShownUrl(self.reactor, self.home, url, settings.trust)
        self._shown.start()
        log.info("Serving on {address}:{port}", address=in_url(getattr(host, "host", "")), port=port)

    def waited_for(self, passed: float) -> str:
        """What its end waits for, so many seconds after that began, and how long at most."""
        live, jobs = self.initiator.configurator.live, self.initiator.fleet.jobs.values()
        left = waited_for(jobs, lambda job: job_settings(live.view(job.guid).values).stop_timeout, passed)
        return left or f"answers under way are waited for, {_DRAIN:g} s at most"

    async def end(self, keep: bool) -> None:
        """Come to an end: the jobs first, then those who are answered, then what is kept.

        :param keep: whether processors live on, for the next one to adopt.
        """
        guardian = self.parts.guardian
        self.listening.close()
        if self._shown is not None:
            self._shown.stop()
        try:
            await self.initiator.stop(keep)
            if self._port is not None:
                await maybeDeferred(self._port.stopListening)
            # Who follows a log comes to its end.
            await self.logs.stop()
            if (site := self._site) is not None:
                await site.drain().addTimeout(_DRAIN, self.reactor, lambda *_: site.close())
        finally:
            await self._collector.stop()
            await self.parts.launcher.close()
            await (guardian.leave() if keep else guardian.stop())
            await self.store.close()
            await deferToThread(self._log_threads.stop)
            self.home.close()
            self._files.give_back()


def _show(fleet: Fleet, guid: str, line: bytes) -> None:
    job = fleet.jobs.get(guid)
    known = {} if job is None else {"module": job.module, "pid": job.pid}
    _console.info("{line}", line=line, verbatim=True, guid=guid, **known)
