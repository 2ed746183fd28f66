"""The jobs there are: made, found, stopped, forgotten; each has its own supervision.

What is wished of them is kept first, then done. How they are made is ``creation``, how they are forgotten ``deletion``,
and what their supervision has to do with the rest of the initiator ``liaison``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from attrs import define, field
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..changes.configurator import Configurator
from ..errors import Conflict, NotFound
from ..interfaces import ILauncher
from ..launchers.held import HeldSocket
from ..launchers.ports import Ports
from ..model import Job, State, Wanted, job_record
from ..saved import Write
from ..store.interface import IStore
from ..timeline.origin import because
from ..timeline.story import JobStory
from ..timeline.timeline import Timeline
from .belongings import Belongings
from .creation import Creation, Order
from .deletion import Deletion
from .heard import Heard
from .launch_plan import LaunchPlanner
from .launch_queue import LaunchQueue
from .liaison import Liaison
from .readiness import Prober
from .restart_policy import RestartHistory
from .saving import Saving
from .supervised import Supervised
from .surroundings import Keeper, Locks, Logs, Surroundings

__all__ = ["Fleet", "Order"]

#: How long creation waits for processes, in seconds.
_BEGIN = 2.0

log = Logger()


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
    #: Who else is told what becomes of jobs.
    heard: Heard = field(factory=Heard)
    jobs: dict[str, Job] = field(factory=dict)
    _supervised: dict[str, Supervised] = field(factory=dict)
    #: What is kept of the jobs.
    saving: Saving = field(init=False)
    _around: Surroundings = field(init=False)
    _liaison: Liaison = field(init=False)
    _belongings: Belongings = field(init=False)
    _creation: Creation = field(init=False)
    _deletion: Deletion = field(init=False)
    _closing: bool = False

    def __attrs_post_init__(self) -> None:
        story, configurator = JobStory(self.now, self.timeline), self.configurator
        self.saving = Saving(self.clock, self.now, configurator, self.store, self._history)
        self._liaison = Liaison(
            self.random, configurator, self.planner, self.prober, self.keeper, story, self.heard, self.saving.note
        )
        self._around = Surroundings(
            self.clock, self.now, self.random, self.launcher, self.queue, self.logs, self.locks, self._liaison
        )
        self._belongings = Belongings(self.ports, self.keeper, self.locks, self.logs)
        self._creation = Creation(
            self.clock, self.now, configurator, self.planner, self._belongings, self, self.jobs.__len__
        )
        self._deletion = Deletion(configurator, self._belongings, story, self.heard, self.jobs, self._forget)

    def _history(self, guid: str) -> RestartHistory | None:
        return self._supervised[guid].history if guid in self._supervised else None

    # Making.

    async def create(self, order: Order, actor: str) -> list[Job]:
        """Launch processors: each has its socket bound and its job kept when this returns.

        Its process is started by then, or in line; what takes long is not waited for. It may be deleted again by then.

        :raises Refused: the module is not declared, or the options cannot be.
        :raises Unavailable: there is no room or no port for that many. None was created then.
        :raises StorageFull, StorageFailed: they cannot be kept; nor then.
        """
        made = await self._creation.create(order, actor)
        left = [job for job in made if job.guid in self.jobs and not job.doomed]
        if self._closing:
            # They are kept: the next initiator starts them.
            return made
        for job in left:
            self._supervised[job.guid].start(actor, "create")
        begun = DeferredList(
            [Deferred.fromCoroutine(self._supervised[job.guid].begun()) for job in left], consumeErrors=True
        )
        with suppress(defer.TimeoutError):
            await begun.addTimeout(_BEGIN, self.clock)
        return made

    def write(self, job: Job, joined: int) -> Write:
        """What is kept of a job; see :class:`~proactor.jobs.creation.Keeper`."""
        return self.saving.put(job, joined)

    def add(self, job: Job, held: HeldSocket) -> Supervised:
        """It is one of the jobs from now on; nothing is started."""
        self._belongings.add(job, held)
        self.jobs[job.guid] = job
        supervised = self._supervised[job.guid] = Supervised(job, held, self._around)
        return supervised

    def take_up(self, job: Job, held: HeldSocket) -> Supervised:
        """A job that an earlier initiator had is one of ours; of its log only what is new is shown.

        :raises Unavailable, StorageFull: there can be no log for it.
        """
        self._belongings.show(job.guid, self._liaison.settings(job), at_end=True)
        return self.add(job, held)

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
        return [job for job in self.all_of_module(section) if not job.doomed]

    def all_of_module(self, section: str) -> list[Job]:
        """The jobs of a module, those too that are being deleted."""
        return [self.jobs[each] for each in self.configurator.live.members_of_module(section) if each in self.jobs]

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
        usage = self._liaison.usage(job.guid)
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
            await self.saving.keep(job, wanted=wanted, state=state)
        return self.supervised(guid)

    async def delete(self, guid: str, actor: str) -> Deferred[None]:
        """Stop a job's process and forget the job; returns when that is kept and begun.

        :return: fires when it is done.
        :raises NotFound: there is none of that guid.
        :raises StorageFull, StorageFailed: it cannot be kept, and is not so.
        """
        job = self.job(guid)
        if not job.doomed:
            await self.saving.keep(job, wanted=Wanted.STOPPED, doomed=True)
            job.doomed = True
        return Deferred.fromCoroutine(self._remove(job, actor))

    async def _remove(self, job: Job, actor: str) -> None:
        supervised = self._supervised.get(job.guid)
        if supervised is not None:
            await self._deletion.run(supervised, actor)

    def _forget(self, job: Job) -> None:
        del self.jobs[job.guid], self._supervised[job.guid]

    def finish_deletions(self, actor: str) -> None:
        """Go on with the deletions that an earlier initiator began."""
        for job in [job for job in self.jobs.values() if job.doomed]:
            work = Deferred.fromCoroutine(self._remove(job, actor))
            work.addErrback(partial(log.failure, "Deleting {guid}", guid=job.guid))

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
