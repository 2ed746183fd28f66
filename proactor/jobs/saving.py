"""Saves jobs: what is wished or said of one is kept before it is done or said, what is seen of it by and by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from attrs import define, evolve
from twisted.internet.interfaces import IReactorTime

from ..changes.configurator import Configurator
from ..model import Job
from ..saved import PutJob, Write
from ..store.interface import IStore
from .records import saved_job
from .restart_policy import RestartHistory


@define(eq=False)
class Saving:
    """Of all jobs.

    :param clock: of the histories of restarts; ``now``: the time of day, aware.
    :param history: gives that of a guid; ``None`` where it is no job, or none yet.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    configurator: Configurator
    store: IStore
    history: Callable[[str], RestartHistory | None]

    def put(self, job: Job, joined: int | None = None, **wished: Any) -> Write:
        """What is saved of a job.

        :param joined: the revision that brings it, where the configuration does not have it yet.
        :param wished: what is to be otherwise than it is.
        """
        if joined is None:
            joined = self.configurator.live.member(job.guid).created
        saved = saved_job(job, joined, self.history(job.guid), self.now(), self.clock.seconds())
        return PutJob(evolve(saved, **wished))

    async def keep(self, job: Job, more: Sequence[Write] = (), **wished: Any) -> None:
        """Have a job kept, before anything is said of it or done with it.

        :param more: what is kept with it.
        :param wished: what is to be otherwise than it is.
        :raises StorageFull, StorageFailed: it cannot be kept, and is not so.
        """
        await self.store.commit([self.put(job, **wished), *more])

    def note(self, job: Job) -> None:
        """What is seen of a job is something else: have it kept, by and by."""
        if self.history(job.guid) is not None:
            self.store.note([self.put(job)])
