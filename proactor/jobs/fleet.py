"""The jobs there are: made, found, stopped, forgotten; each has its own supervision. What is wished is kept first."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from attrs import define, evolve, field
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..backoff import Backoff
from ..changes.configurator import Configurator
from ..config.draft import Draft
from ..config.job_settings import JobSettings, job_settings
from ..errors import Conflict, NotFound
from ..interfaces import ILauncher
from ..launchers.held import HeldSocket
from ..launchers.ports import Ports
from ..model import Exit, Job, State, Wanted, job_record
from ..saved import DropJob, PutJob, SavedJob, Write
from ..store.interface import IStore
from ..timeline.origin import because
from ..timeline.story import JobStory
from ..timeline.timeline import Timeline
from .creation import Creation, Order
from .launch_plan import LaunchPlanner, base_url
from .launch_queue import LaunchQueue
from .lifecycle import Step
from .readiness import Prober
from .records import saved_job
from .resources import Meter
from .supervised import Supervised
from .supervision import Launch, Locks, Logs, Surroundings

__all__ = ["Fleet", "Keeper", "Order"]

_PROBES = Backoff(first=0.1, cap=2.0)
#: How long creation waits for processes, in seconds.
_BEGIN = 2.0

log = Logger()


class Keeper(Protocol):
    """Keeps sockets and processes over the end of the initiator, or ends the processes then."""

    def watch(self, pid: int, grace: float, start: int | None = None) -> None:
        """There is a process, of that start time; it may take so many seconds to end."""

    def unwatch(self, pid: int) -> None:
        """It is no more."""

    def keep(self, guid: str, fileno: Callable[[], int]) -> None:
        """There is a socket for a processor, or another one than before, of that descriptor."""

    def let_go(self, guid: str) -> None:
        """There is none any more."""


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
    locks: Locks
    prober: Prober
    timeline: Timeline
    keeper: Keeper
    store: IStore
    #: Told of the end of each process, and whether it was wanted.
    heard_end: Callable[[Job, Exit, bool], None] = lambda _job, _exit, _on_purpose: None
    #: Told of each launch.
    heard_launch: Callable[[], None] = lambda: None
    #: Told of each job that may have become ready, or no longer be.
    heard_readiness: Callable[[Job], None] = lambda _job: None
    #: Asked what else is kept when a job is forgotten.
    forgetting: Callable[[Job], Sequence[Write]] = lambda _job: ()
    #: Told of each job that is no more.
    heard_removal: Callable[[Job], None] = lambda _job: None
    jobs: dict[str, Job] = field(factory=dict)
    _meters: dict[str, Meter] = field(factory=dict)
    _supervised: dict[str, Supervised] = field(factory=dict)
    _around: Surroundings = field(init=False)
    _creation: Creation = field(init=False)
    _story: JobStory = field(init=False)
    #: Those that are being forgotten at this moment.
    _leaving: set[str] = field(factory=set)
    _closing: bool = False

    def __attrs_post_init__(self) -> None:
        self._story = JobStory(self.now, self.timeline)
        self._around = Surroundings(
            self.clock, self.now, self.random, self.launcher, self.queue, self.logs, self.locks, self
        )
        self._creation = Creation(self.clock, self.configurator, self.planner, self.ports, self, lambda: len(self.jobs))

    # Making.

    async def create(self, order: Order, actor: str) -> list[Job]:
        """Launch processors: each has its socket bound and its job kept when this returns.

        Its process is started by then, or in line to be; a launch that takes long is not waited for.

        :raises Refused: the module is not declared, or the options cannot be.
        :raises Unavailable: there is no room or no port for that many. None was created then.
        :raises StorageFull, StorageFailed: they cannot be kept; nor then.
        """
        made = await self._creation.create(order, actor)
        # One may have been deleted while the others were made.
        left = [job for job in made if job.guid in self.jobs and not job.doomed]
        for job in left:
            self._supervised[job.guid].start(actor, "create")
        begun = DeferredList(
            [Deferred.fromCoroutine(self._supervised[job.guid].begun()) for job in left], consumeErrors=True
        )
        with suppress(defer.TimeoutError):
            await begun.addTimeout(_BEGIN, self.clock)
        return left

    def reserve(self, guid: str) -> None:
        """Have the room that a job to be needs; see :class:`~proactor.jobs.creation.Keeper`."""
        self.locks.reserve(guid)

    def release(self, guid: str) -> None:
        """It is not to be; see :class:`~proactor.jobs.creation.Keeper`."""
        self.locks.remove(guid)

    def draft(self, guid: str, section: str, order: Order, held: HeldSocket, draft: Draft) -> Job:
        """The record of a job to be; see :class:`~proactor.jobs.creation.Keeper`."""
        settings = job_settings(draft.views[guid].values)
        url = self.configurator.settings.public_url(held.port)
        labels = {**settings.labels, **order.labels}
        return Job(guid, section, settings.launcher, held.port, url, self.now(), labels, held.address)

    def writes(self, job: Job, joined: int) -> Sequence[Write]:
        """What is kept of a job; see :class:`~proactor.jobs.creation.Keeper`."""
        history = self._supervised[job.guid].history if job.guid in self._supervised else None
        return [PutJob(saved_job(job, joined, history, self.now(), self.clock.seconds()))]

    def add(self, job: Job, held: HeldSocket, at_end: bool = False) -> Supervised:
        """It is one of the jobs from now on; nothing is started.

        :param at_end: whether only what it writes from now on is shown.
        :raises Unavailable: there can be no log for it.
        """
        settings = self._settings(job.guid)
        self.logs.add(job.guid, settings.log_max_bytes, settings.log_backups, at_end)
        self.jobs[job.guid] = job
        supervised = self._supervised[job.guid] = Supervised(job, held, self._around)
        held.changed = lambda: self.keeper.keep(job.guid, held.fileno)
        held.changed()
        return supervised

    async def withdraw(self, job: Job, actor: str) -> None:
        """A job that was not to be made after all."""
        await self._remove(job, actor)

    # Finding.

    def job(self, guid: str) -> Job:
        """One job.

        :raises NotFound: there is none of that guid.
        """
        try:
            return self.jobs[guid]
        except KeyError:
            raise NotFound(f"there is no job {guid[:64]}, or no more", "jobs") from None

    def of_module(self, section: str) -> list[Job]:
        """The jobs of a module, but for those that are being deleted."""
        guids = self.configurator.live.members_of_module(section)
        return [self.jobs[guid] for guid in guids if guid in self.jobs and not self.jobs[guid].doomed]

    def speaks(self, guid: str) -> bool:
        """Whether a processor has a process that acknowledges its configuration."""
        return guid in self._supervised and self._supervised[guid].speaks

    def supervised(self, guid: str) -> Supervised:
        """The supervision of one job.

        :raises NotFound: there is none of that guid.
        """
        self.job(guid)
        return self._supervised[guid]

    def reconfigured(self, guid: str) -> None:
        """A processor's configuration is another one now, or it has none any more."""
        if guid in self._supervised:
            self._supervised[guid].reconfigured()

    def record(self, job: Job) -> dict[str, Any]:
        """A job as its readers see it."""
        return job_record(job, self.configurator.live.wanted(job.guid), self.queue.place(job.guid))

    def detailed(self, job: Job) -> dict[str, Any]:
        """A job as its readers see it, with what its process uses at this moment."""
        meter = self._meters.get(job.guid)
        usage = meter.sample() if meter is not None else None
        return {**self.record(job), "resources": usage.record() if usage is not None else None}

    # What is wished of them: kept, then done.

    async def start(self, guid: str, actor: str) -> Supervised:
        """Have a job run; returns when that is kept, and begun."""
        supervised = await self._wish(guid, Wanted.RUNNING)
        supervised.start(actor)
        return supervised

    async def stop(self, guid: str, actor: str) -> Deferred[None]:
        """Have a job not run; returns when that is kept and begun, with what fires when it does not."""
        supervised = await self._wish(guid, Wanted.STOPPED)
        return Deferred.fromCoroutine(supervised.stop(actor))

    async def restart(self, guid: str, actor: str, cause: str = "restart") -> Deferred[None]:
        """Have another process take a job's process's place; returns as :meth:`stop` does.

        :raises StorageFull, Unavailable: another could not be started, for there is nowhere to write its log.
        """
        self.logs.check(self.job(guid).guid)
        return await self.replace(guid, actor, cause)

    async def replace(self, guid: str, actor: str, cause: str) -> Deferred[None]:
        """Do as :meth:`restart` does, though no other process may be to be had: the one that there is must end."""
        supervised = await self._wish(guid, Wanted.RUNNING)
        return Deferred.fromCoroutine(supervised.restart(actor, cause))

    async def _wish(self, guid: str, wanted: Wanted) -> Supervised:
        """Keep what is wanted of a job, where that is something else than before.

        :raises NotFound: there is none of that guid.
        :raises Conflict: it is being deleted.
        :raises StorageFull, StorageFailed: it cannot be kept, and is not so.
        """
        job = self.job(guid)
        if job.doomed:
            raise Conflict(f"job {guid} is being deleted")
        if job.wanted is not wanted or job.state in (State.EXITED, State.FATAL, State.BACKOFF):
            # That it is taken up again is kept, too.
            resting = wanted is Wanted.RUNNING and job.state is not State.RUNNING
            state = State.STOPPED if resting and not job.alive else job.state
            await self.store.commit([PutJob(evolve(self._saved(job), wanted=wanted, state=state))])
        return self.supervised(guid)

    async def delete(self, guid: str, actor: str) -> Deferred[None]:
        """Stop a job's process and forget the job; returns when that is kept and begun.

        :return: fires when it is done.
        :raises NotFound: there is none of that guid.
        :raises StorageFull, StorageFailed: it cannot be kept, and is not so.
        """
        job = self.job(guid)
        if not job.doomed:
            await self.store.commit([PutJob(evolve(self._saved(job), wanted=Wanted.STOPPED, doomed=True))])
            job.doomed = True
        return Deferred.fromCoroutine(self._remove(job, actor))

    async def _remove(self, job: Job, actor: str) -> None:
        supervised = self._supervised.get(job.guid)
        if supervised is None:
            return
        await supervised.stop(actor, "delete")
        if job.guid in self._leaving:
            # Another who deleted it at the same time has come so far.
            await supervised.waiters.until(lambda: job.guid not in self._leaving)
        if self.jobs.get(job.guid) is not job:
            return
        self._leaving.add(job.guid)
        try:
            await self.configurator.leave(job.guid, actor, [DropJob(job.guid), *self.forgetting(job)])
            del self.jobs[job.guid], self._supervised[job.guid]
        finally:
            self._leaving.discard(job.guid)
            supervised.waiters.news()
        supervised.close()
        self.ports.give_back(supervised.listening)
        self.keeper.let_go(job.guid)
        self.locks.remove(job.guid)
        self._story.deleted(job, actor)
        await self.logs.remove(job.guid)
        self.heard_removal(job)

    def finish_deletions(self, actor: str) -> None:
        """Go on with the deletions that an earlier initiator began."""
        for job in [job for job in self.jobs.values() if job.doomed]:
            work = Deferred.fromCoroutine(self._remove(job, actor))
            work.addErrback(partial(log.failure, "Deleting {guid}", guid=job.guid))

    def note(self, job: Job) -> None:
        """What is seen of a job is something else: keep it, by and by."""
        if job.guid in self.jobs:
            self.store.note([PutJob(self._saved(job))])

    async def keep(self, job: Job, more: Sequence[Write] = ()) -> None:
        """Keep a job as it is, before anything is said of it.

        :param more: what is kept with it.
        :raises StorageFull, StorageFailed: it cannot be kept.
        """
        await self.store.commit([PutJob(self._saved(job)), *more])

    def _saved(self, job: Job) -> SavedJob:
        joined = self.configurator.live.member(job.guid).created
        history = self._supervised[job.guid].history
        return saved_job(job, joined, history, self.now(), self.clock.seconds())

    # The end of it all.

    @property
    def closing(self) -> bool:
        """Whether nothing new is taken on."""
        return self._closing

    def close(self) -> None:
        """Take on nothing new."""
        self._closing = True

    async def shut_down(self, actor: str) -> None:
        """Stop every processor, all at once; returns when none is left. What is wanted of each stays."""
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
        with because(self.timeline.add(self.now(), "shutdown", None, "the initiator is stopping", actor)):
            await DeferredList([Deferred.fromCoroutine(each.shut_down(actor)) for each in running])
        self.let_go()

    def let_go(self) -> None:
        """Have nothing more to do with any job; processes that there are live on."""
        self._closing = True
        for each in list(self._supervised.values()):
            each.close()

    # What supervision asks and tells: see proactor.jobs.supervision.Owner.

    def settings(self, job: Job) -> JobSettings:
        """How a job is run."""
        return self._settings(job.guid)

    def _settings(self, guid: str) -> JobSettings:
        return job_settings(self.configurator.live.view(guid).values)

    def launch(self, job: Job) -> Launch:
        """How a job is to be started now."""
        self.heard_launch()
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
        self._story.stepped(job, before, step, cause, actor)
        self.heard_readiness(job)
        self.note(job)

    def launched(self, job: Job) -> None:
        """A job has a process."""
        assert job.process is not None
        self.keeper.watch(job.process.pid, self.settings(job).stop_timeout, job.process.start)
        self._meters[job.guid] = Meter(job.process.pid)
        self.note(job)

    def answers(self, job: Job) -> None:
        """The endpoint of a job whose process was adopted answers."""
        self._story.adopted(job)
        self.heard_readiness(job)

    def silent(self, job: Job) -> None:
        """The endpoint of a job whose process was adopted does not answer: nobody is sent there until it does."""
        self.heard_readiness(job)

    def ended(self, job: Job, exit_: Exit, on_purpose: bool) -> None:
        """A job's process is no more."""
        self._meters.pop(job.guid, None)
        self.heard_readiness(job)
        if job.pid is not None:
            self.keeper.unwatch(job.pid)
        self.configurator.forget_declaration(job.guid)
        self.heard_end(job, exit_, on_purpose)
