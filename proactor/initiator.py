"""The use cases: create, configure, acknowledge, delete, stop. A plain object; HTTP is one way to it."""

from __future__ import annotations

import itertools
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from random import Random

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .backoff import Backoff
from .config.document import Document
from .config.grammar import importable, new_guid
from .config.layers import Member
from .config.render import render
from .config.settings import declared_module, module_sections, stop_timeout
from .configurator import Configurator
from .errors import Gone, NotFound, ProactorError, Refused, Unavailable
from .launchers.sockets import PortRange
from .model import Answer, Exit, Job, State, Wanted, job_record
from .options import Option
from .readiness import Wait
from .rollouts import Rollouts
from .supervisor import Supervisor
from .tokens import Claims, TokenAuthority

#: How long a held request for a configuration is held at most, in seconds.
LONGEST_WAIT = 300.0
#: How much longer than others a processor's first token lives, in seconds: it may have to wait for its start.
FIRST_TOKEN_EXTRA = 60.0
#: Between two probes of an endpoint that does not answer yet.
_PROBES = Backoff(first=0.1, cap=2.0)
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - these are what is not connected to

log = Logger()


@frozen
class Order:
    """What to create.

    :param module: a module section; ``None`` for the default module.
    :param options: of the new processors' own, over their module's.
    """

    module: str | None = None
    count: int = 1
    options: Mapping[str, str] = field(factory=dict)
    labels: Mapping[str, str] = field(factory=dict)


@frozen
class Fetched:
    """A processor's configuration as it fetches it.

    :param options: all of them, the token included; ``None`` where nothing is new.
    """

    revision: int
    options: Mapping[str, str] | None


@define(eq=False)
class Initiator:
    """Owner of the jobs.

    :param now: the time of day, aware.
    :param wait_ready: resolves to whether an endpoint came to answer with its guid.
    :param listen_port: where the initiator itself is reached, which is known once it listens.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    configurator: Configurator
    authority: TokenAuthority
    supervisor: Supervisor
    wait_ready: Wait
    random: Random
    rollouts: Rollouts = field(init=False)
    listen_port: int
    jobs: dict[str, Job] = field(factory=dict)
    _ranges: dict[str, PortRange] = field(factory=dict)
    _range_of: dict[str, PortRange] = field(factory=dict)
    _creating: int = 0
    _stopping: bool = False

    def __attrs_post_init__(self) -> None:
        self.rollouts = Rollouts(self.clock, self.now, self.configurator, self._is_alive)
        self.supervisor.ended = self._process_ended

    def _is_alive(self, guid: str) -> bool:
        return guid in self.jobs and self.jobs[guid].alive

    def _process_ended(self, job: Job, exit_: Exit) -> None:
        self.configurator.forget_declaration(job.guid)
        self.rollouts.lost(job.guid, exit_.reason, job.wanted is Wanted.STOPPED)

    # Jobs.

    async def create(self, order: Order, actor: str) -> list[Job]:
        """Launch processors: each has its socket bound, its process started and its job recorded when this returns.

        :raises Refused: the module is not declared, or the options cannot be.
        :raises Unavailable: there is no room or no port for that many. None was created then.
        """
        section = self._declared(order.module)
        self._check_room(order.count)
        self._creating += order.count
        try:
            sockets = self._bind(section, order.count)
            return await self._create_all(section, order, sockets, actor)
        finally:
            self._creating -= order.count

    def _declared(self, module: str | None) -> str:
        layers = self.configurator.live.layers
        name = self.configurator.settings.default_module if module is None else module
        section = declared_module(layers, name)
        if section is None:
            declared = ", ".join(module_sections(layers)) or "none"
            where = layers.document.source
            remedy = f"add a section of that name to {where}; there are: {declared}"
            raise Refused(f"module {name[:100]!r} is not declared: {remedy}")
        return section

    def _check_room(self, count: int) -> None:
        if self._stopping:
            raise Unavailable("the initiator is stopping", retry_after=10)
        taken, most = len(self.jobs) + self._creating, self.configurator.settings.max_jobs
        if taken + count > most:
            raise Unavailable(f"max_jobs = {most} is reached: there are {taken} jobs; delete some, or raise it", 30)

    def _bind(self, section: str, count: int) -> list[socket.socket]:
        range_ = self._range(section)
        sockets: list[socket.socket] = []
        try:
            while len(sockets) < count:
                sockets.append(range_.bind())
        except ProactorError:
            for each in sockets:
                self._give_back(range_, each)
            raise
        return sockets

    def _range(self, section: str) -> PortRange:
        settings = self.configurator.settings
        resolved = self.configurator.live.layers.resolver().resolve(section, "listen_addr")
        address = settings.listen_addr if resolved is None else resolved.text
        if address not in self._ranges:
            self._ranges[address] = PortRange(address, settings.child_port_min, settings.child_port_max)
        return self._ranges[address]

    def _give_back(self, range_: PortRange, listening: socket.socket) -> None:
        port = listening.getsockname()[1]
        listening.close()
        range_.release(port)

    async def _create_all(self, section: str, order: Order, sockets: list[socket.socket], actor: str) -> list[Job]:
        range_ = self._range(section)
        made: list[Job] = []
        try:
            while sockets:
                job = await self._create_one(section, order, sockets[0], actor)
                self._range_of[job.guid] = range_
                sockets.pop(0)
                made.append(job)
        except BaseException:
            for each in sockets:
                self._give_back(range_, each)
            for job in made:
                await self._remove(job, actor)
            raise
        return made

    async def _create_one(self, section: str, order: Order, listening: socket.socket, actor: str) -> Job:
        guid = new_guid()
        address, port = listening.getsockname()[:2]
        settings = self.configurator.settings
        member = Member(guid, section, self._steering(guid, section, address, port))
        await self.configurator.join(member, order.options, actor)
        job = Job(
            guid, section, "spawn", port, settings.public_url(port), self.now(), dict(order.labels), incarnation=1
        )
        self.jobs[guid] = job
        try:
            await self.supervisor.start(job, listening, self._command(job), self._stdin(job))
        except ProactorError:
            del self.jobs[guid]
            await self.configurator.leave(guid, actor)
            raise
        log.debug("Created {guid} ({module}) on port {port}", guid=guid, module=section, port=port)
        return job

    def _steering(self, guid: str, section: str, address: str, port: int) -> dict[str, str]:
        settings = self.configurator.settings
        host = _WILDCARDS.get(settings.listen_addr, settings.listen_addr)
        return {
            "guid": guid,
            "module": importable(section),
            "listen_addr": address,
            "listen_port": str(port),
            "parent_url": f"http://{_bracketed(host)}:{self.listen_port}",
            "secret_options": " ".join(settings.secret_options),
        }

    def _command(self, job: Job) -> tuple[str, ...]:
        module = importable(job.module)
        return (sys.executable, "-m", module, "--guid", job.guid, "--port", str(job.port), "--fd", "3")

    def _stdin(self, job: Job) -> bytes:
        revision, options = self.configurator.configuration(job.guid)
        lifetime = self.configurator.settings.token_ttl + FIRST_TOKEN_EXTRA
        token = self._token(job, lifetime)
        return render(job.guid, {**options, "token": token, "revision": str(revision)}).encode()

    def _token(self, job: Job, lifetime: float) -> str:
        return self.authority.issue(job.guid, self.authority.issuer, self._time(), lifetime, job.incarnation)

    def _time(self) -> float:
        return self.now().timestamp()

    def job(self, guid: str) -> Job:
        """One job.

        :raises NotFound: there is none of that guid.
        """
        try:
            return self.jobs[guid]
        except KeyError:
            raise NotFound(f"there is no job {guid[:64]}") from None

    def record(self, job: Job) -> dict[str, object]:
        """A job as its readers see it."""
        return job_record(job, self.configurator.live.wanted(job.guid))

    async def delete(self, guid: str, actor: str) -> None:
        """Stop a job's process and forget the job; returns when both are done.

        :raises NotFound: there is none of that guid.
        """
        job = self.job(guid)
        await self._remove(job, actor)

    async def _remove(self, job: Job, actor: str) -> None:
        await self.supervisor.stop(job, self._stop_timeout(job.guid))
        # Another who deleted it at the same time may have been here already.
        if self.jobs.pop(job.guid, None) is None:
            return
        self.supervisor.forget(job)
        self._range_of.pop(job.guid).release(job.port)
        await self.configurator.leave(job.guid, actor)

    def _stop_timeout(self, guid: str) -> float:
        return stop_timeout(self.configurator.live.view(guid).values)

    # Configuration.

    def identify(self, token: str) -> Claims:
        """Whose token this is.

        :raises Unauthenticated: it does not hold.
        :raises Gone: it was that of a processor that has been deleted or launched again.
        """
        claims = self.authority.verify(token, self.authority.issuer, self._time())
        job = self.jobs.get(claims.guid)
        if job is None or job.incarnation != claims.incarnation:
            raise Gone(f"processor {claims.guid}, incarnation {claims.incarnation}, is not wanted any more")
        return claims

    async def fetch(self, claims: Claims, presented: str, known: int | None, wait: float) -> Fetched:
        """A processor's configuration, and its token: the one presented, or another when that one is due.

        :param known: the revision that it has; where that is still the newest and no token is due, it is told so,
            ``wait`` seconds later at most.
        :raises Gone: it was deleted meanwhile.
        """
        due = claims.due(self.configurator.settings.token_ttl)
        left = due - self._time()
        live = self.configurator.live
        if known == live.offered(claims.guid) and left > 0:
            await self.configurator.changed(claims.guid, known, min(wait, LONGEST_WAIT, left))
        job = self.jobs.get(claims.guid)
        if job is None:
            raise Gone(f"processor {claims.guid} has been deleted")
        renew = self._time() >= due
        revision, options = self.configurator.configuration(claims.guid)
        if known == revision and not renew:
            return Fetched(revision, None)
        token = self._token(job, self.configurator.settings.token_ttl) if renew else presented
        return Fetched(revision, {**options, "token": token})

    async def acknowledge(self, guid: str, answer: Answer, declared: tuple[Option, ...] | None) -> None:
        """Take a processor's word on a revision; its first is that it serves.

        :param declared: the options that it declares, where it says so.
        """
        job = self.job(guid)
        first = job.answer is None
        job.answer = answer
        if answer.status == "applied":
            job.running_revision = answer.revision
        else:
            log.warn(
                "Processor {guid} rejected revision {revision}: {option}: {reason}",
                guid=guid,
                revision=answer.revision,
                option=answer.option,
                reason=answer.reason,
            )
        rejected = f"{answer.option}: {answer.reason}" if answer.status == "rejected" else None
        self.rollouts.answered(guid, answer.revision, rejected)
        if declared is not None:
            await self.configurator.declare(guid, declared)
        if first:
            Deferred.fromCoroutine(self._become_ready(job)).addErrback(
                lambda failure: log.failure("Asking whether {guid} is ready", failure, guid=guid)
            )

    async def _become_ready(self, job: Job) -> None:
        incarnation = job.incarnation
        range_address = self.configurator.live.member(job.guid).steering["listen_addr"]
        url = f"http://{_bracketed(_WILDCARDS.get(range_address, range_address))}:{job.port}"
        delays = (_PROBES.delay(attempt, self.random.random) for attempt in itertools.count())

        def alive() -> bool:
            return job.alive and job.incarnation == incarnation and job.state is State.STARTING

        if await self.wait_ready(url, job.guid, delays, alive):
            job.state, job.ready = State.RUNNING, True

    async def reload(self, document: Document, actor: str) -> int:
        """Take the configuration file as it was read again; the revision it made, and says so in the log.

        :raises ConfigError: there is something wrong with it; the old configuration stays.
        """
        before = self.configurator.settings
        plan = await self.configurator.reload(document, actor)
        log.info(
            "Read config again: revision {revision}, {count} processors have changes",
            revision=plan.revision,
            count=len(plan.differences),
        )
        self._say_what_waits(before)
        return plan.revision

    def _say_what_waits(self, before: object) -> None:
        after = self.configurator.settings
        late = [
            name
            for name in ("listen_addr", "listen_port", "child_port_min", "child_port_max")
            if getattr(before, name) != getattr(after, name)
        ]
        if late:
            log.warn("{options}: takes effect when the initiator is started again", options=", ".join(late))

    # The end.

    @property
    def stopping(self) -> bool:
        """Whether nothing new is taken on."""
        return self._stopping

    async def stop(self) -> None:
        """Stop every processor, all at once; returns when none is left."""
        self._stopping = True
        jobs = [job for job in self.jobs.values() if job.alive]
        if jobs:
            log.info("Stopping {count} processors", count=len(jobs))
        await gatherResults(self._stops(jobs), consumeErrors=True)

    def _stops(self, jobs: Iterable[Job]) -> list[Deferred[None]]:
        return [Deferred.fromCoroutine(self.supervisor.stop(job, self._stop_timeout(job.guid))) for job in jobs]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
