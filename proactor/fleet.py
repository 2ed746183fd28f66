"""The jobs there are: made, found, stopped, forgotten; each has its own supervision."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from .backoff import Backoff
from .config.grammar import new_guid
from .config.job_settings import JobSettings, job_settings
from .config.layers import Member
from .config.settings import declared_module, module_sections
from .configurator import SLICE, Configurator
from .errors import NotFound, Refused, Unavailable
from .interfaces import ILauncher
from .launch_plan import LaunchPlanner, base_url
from .launch_queue import LaunchQueue
from .launchers.held import HeldSocket
from .launchers.ports import Ports
from .lifecycle import Step
from .model import Exit, Job, State, Wanted, job_record
from .readiness import Prober
from .resources import Meter
from .supervised import Supervised
from .supervision import Launch, Logs, Surroundings
from .timeline import Timeline

_PROBES = Backoff(first=0.1, cap=2.0)

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


class Keeper(Protocol):
    """Ends processes when the initiator itself cannot any more."""

    def watch(self, pid: int, grace: float) -> None:
        """There is a process; it may take so many seconds to end."""

    def unwatch(self, pid: int) -> None:
        """It is no more."""


@define(eq=False)
class Fleet:
    """Owner of the jobs.

    :param clock: for what is done after a while; ``now``: the time of day, aware.
    :param random: as ``random.random``.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    random: Callable[[], float]
    configurator: Configurator
    planner: LaunchPlanner
    ports: Ports
    launcher: ILauncher
    queue: LaunchQueue
    logs: Logs
    prober: Prober
    timeline: Timeline
    keeper: Keeper
    #: Told of the end of each process, and whether it was wanted.
    heard_end: Callable[[Job, Exit, bool], None] = lambda _job, _exit, _on_purpose: None
    #: Told of each job that is no more.
    heard_removal: Callable[[Job], None] = lambda _job: None
    jobs: dict[str, Job] = field(factory=dict)
    _meters: dict[str, Meter] = field(factory=dict)
    _supervised: dict[str, Supervised] = field(factory=dict)
    _around: Surroundings = field(init=False)
    #: How many are ordered and not among the jobs yet.
    _creating: int = 0
    _closing: bool = False

    def __attrs_post_init__(self) -> None:
        self._around = Surroundings(self.clock, self.now, self.random, self.launcher, self.queue, self.logs, self)

    # Making.

    async def create(self, order: Order, actor: str) -> list[Job]:
        """Launch processors: each has its socket bound and its job recorded when this returns.

        Its process is started by then, or in line to be.

        :raises Refused: the module is not declared, or the options cannot be.
        :raises Unavailable: there is no room or no port for that many. None was created then.
        """
        section = self._declared(order.module)
        self._check_room(order.count)
        sockets = self.ports.take(self._listen_addr(section), order.count)
        return await self._create_all(section, order, sockets, actor)

    def _declared(self, module: str | None) -> str:
        layers = self.configurator.live.layers
        name = self.configurator.settings.default_module if module is None else module
        section = declared_module(layers, name)
        if section is None:
            declared = ", ".join(module_sections(layers)) or "none"
            remedy = f"add a section of that name to {layers.document.source}; there are: {declared}"
            raise Refused(f"module {name[:100]!r} is not declared: {remedy}")
        return section

    def _check_open(self) -> None:
        if self._closing:
            raise Unavailable("the initiator is stopping", retry_after=10)

    def _check_room(self, count: int) -> None:
        self._check_open()
        taken, most = len(self.jobs) + self._creating, self.configurator.settings.max_jobs
        if taken + count > most:
            raise Unavailable(f"max_jobs = {most} is reached: there are {taken} jobs; delete some, or raise it", 30)

    def _listen_addr(self, section: str) -> str:
        resolved = self.configurator.live.layers.resolver().resolve(section, "listen_addr")
        return self.configurator.settings.listen_addr if resolved is None else resolved.text

    async def _create_all(self, section: str, order: Order, sockets: list[HeldSocket], actor: str) -> list[Job]:
        made: list[Job] = []
        self._creating += len(sockets)
        until = self.clock.seconds() + SLICE
        try:
            while sockets:
                made.append(await self._create_one(section, order, sockets[0], actor))
                sockets.pop(0)
                self._creating -= 1
                if self.clock.seconds() >= until:
                    await deferLater(self.clock, 0)
                    until = self.clock.seconds() + SLICE
                self._check_open()
        except BaseException:
            self._creating -= len(sockets)
            for each in sockets:
                self.ports.give_back(each)
            for job in made:
                await self._remove(job, actor)
            raise
        # One may have been deleted while the others were made.
        left = [job for job in made if job.guid in self.jobs]
        for job in left:
            self._supervised[job.guid].start(actor, "create")
        return left

    async def _create_one(self, section: str, order: Order, held: HeldSocket, actor: str) -> Job:
        guid = new_guid()
        member = Member(guid, section, self.planner.steering(guid, section, held))
        await self.configurator.join(member, order.options, actor)
        try:
            return self._recorded(guid, section, order, held)
        except BaseException:
            await self.configurator.leave(guid, actor)
            raise

    def _recorded(self, guid: str, section: str, order: Order, held: HeldSocket) -> Job:
        settings = self._settings(guid)
        self.logs.add(guid, settings.log_max_bytes, settings.log_backups)
        url = self.configurator.settings.public_url(held.port)
        labels = {**settings.labels, **order.labels}
        job = Job(guid, section, settings.launcher, held.port, url, self.now(), labels)
        self.jobs[guid] = job
        self._supervised[guid] = Supervised(job, held, self._around)
        return job

    # Finding.

    def job(self, guid: str) -> Job:
        """One job.

        :raises NotFound: there is none of that guid.
        """
        try:
            return self.jobs[guid]
        except KeyError:
            raise NotFound(f"there is no job {guid[:64]}") from None

    def of_module(self, section: str) -> list[Job]:
        """The jobs of a module."""
        return [self.jobs[guid] for guid in self.configurator.live.members_of_module(section) if guid in self.jobs]

    def speaks(self, guid: str) -> bool:
        """Whether a processor has a process that acknowledges its configuration."""
        return guid in self._supervised and self._supervised[guid].speaks

    def supervised(self, guid: str) -> Supervised:
        """The supervision of one job.

        :raises NotFound: there is none of that guid.
        """
        self.job(guid)
        return self._supervised[guid]

    def record(self, job: Job) -> dict[str, Any]:
        """A job as its readers see it."""
        return job_record(job, self.configurator.live.wanted(job.guid), self.queue.place(job.guid))

    def detailed(self, job: Job) -> dict[str, Any]:
        """A job as its readers see it, with what its process uses at this moment."""
        meter = self._meters.get(job.guid)
        usage = meter.sample() if meter is not None else None
        return {**self.record(job), "resources": usage.record() if usage is not None else None}

    # Ending.

    async def delete(self, guid: str, actor: str) -> None:
        """Stop a job's process and forget the job; returns when both are done.

        :raises NotFound: there is none of that guid.
        """
        await self._remove(self.job(guid), actor)

    async def _remove(self, job: Job, actor: str) -> None:
        supervised = self._supervised.get(job.guid)
        if supervised is None:
            return
        await supervised.stop(actor, "delete")
        # Another who deleted it at the same time may have been here already.
        if self.jobs.pop(job.guid, None) is None:
            return
        del self._supervised[job.guid]
        supervised.close()
        self.ports.give_back(supervised.listening)
        await self.configurator.leave(job.guid, actor)
        self.timeline.add(self.now(), "deleted", job.guid, "delete", actor)
        self.timeline.forget(job.guid)
        await self.logs.remove(job.guid)
        self.heard_removal(job)

    @property
    def closing(self) -> bool:
        """Whether nothing new is taken on."""
        return self._closing

    async def stop(self, actor: str) -> None:
        """Stop every processor, all at once; returns when none is left."""
        self._closing = True
        # One that is being stopped already is waited for as well.
        running = [
            each
            for each in self._supervised.values()
            if each.job.wanted is Wanted.RUNNING or each.job.state is State.STOPPING
        ]
        alive = sum(each.job.alive for each in running)
        if alive:
            log.info("Stopping {count} processor{s}", count=alive, s="" if alive == 1 else "s")
        # Those in line first: they would be launched when those before them give up their places.
        running.sort(key=lambda each: self.queue.place(each.job.guid) is None)
        await DeferredList([Deferred.fromCoroutine(each.stop(actor, "shutdown")) for each in running])
        for each in list(self._supervised.values()):
            each.close()

    # What supervision asks and tells: see proactor.supervision.Owner.

    def settings(self, job: Job) -> JobSettings:
        """How a job is run."""
        return self._settings(job.guid)

    def _settings(self, guid: str) -> JobSettings:
        return job_settings(self.configurator.live.view(guid).values)

    def launch(self, job: Job, listening: HeldSocket) -> Launch:
        """How a job is to be started now."""
        return self.planner.plan(job)

    async def probe(self, job: Job, speaks: bool, alive: Callable[[], bool]) -> bool:
        """Wait until a job's endpoint answers."""
        held = self._supervised[job.guid].listening
        url = base_url(held.address, held.port)
        delays = (_PROBES.delay(attempt, self.random) for attempt in itertools.count())
        if speaks:
            return await self.prober.wait(url, job.guid, delays, alive)
        return await self.prober.wait_any(url, delays, alive)

    def stepped(self, job: Job, before: State, step: Step, cause: str, actor: str) -> None:
        """A job went from one state to another."""
        self.timeline.add(self.now(), job.state.value, job.guid, cause, actor, before=before.value, step=step.value)

    def launched(self, job: Job) -> None:
        """A job has a process."""
        assert job.pid is not None
        self.keeper.watch(job.pid, self.settings(job).stop_timeout)
        self._meters[job.guid] = Meter(job.pid)

    def ended(self, job: Job, exit_: Exit, on_purpose: bool) -> None:
        """A job's process is no more."""
        self._meters.pop(job.guid, None)
        if job.pid is not None:
            self.keeper.unwatch(job.pid)
        self.configurator.forget_declaration(job.guid)
        self.heard_end(job, exit_, on_purpose)
