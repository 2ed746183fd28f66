"""How a job is forgotten: its process stopped, its record dropped, then all that was kept for it given back.

However many want one gone, it goes once, and all of them wait for that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import define, field

from ..changes.configurator import Configurator
from ..errors import StorageFull
from ..model import Job
from ..saved import DropJob
from ..timeline.story import JobStory
from .belongings import Belongings
from .heard import Heard
from .supervised import Supervised


@define(eq=False)
class Deletion:
    """Forgets jobs.

    :param jobs: those that there are.
    :param gone: told of one whose record is dropped: it is none of them any more.
    """

    configurator: Configurator
    belongings: Belongings
    story: JobStory
    heard: Heard
    jobs: Mapping[str, Job]
    gone: Callable[[Job], None]
    #: Those that are being forgotten at this moment.
    _leaving: set[str] = field(factory=set)

    async def run(self, supervised: Supervised, actor: str) -> None:
        """Forget one; returns when nothing is left of it.

        Where the initiator lets go of it meanwhile, the next one goes on with that.

        :raises StorageFull, StorageFailed: that cannot be kept; it is one of the jobs still.
        """
        job, waiters = supervised.job, supervised.waiters
        await supervised.stop(actor, "delete")
        # Another who wants it gone may have come so far.
        await waiters.until(lambda: job.guid not in self._leaving)
        if job.alive or self.jobs.get(job.guid) is not job:
            return
        self._leaving.add(job.guid)
        try:
            await self._drop(job, actor)
            self.gone(job)
            supervised.close()
        finally:
            self._leaving.discard(job.guid)
            waiters.news()
        self.belongings.give_back(job, supervised.listening)
        self.story.deleted(job, actor)
        await self.belongings.remove_log(job)
        self.heard.removal(job)

    async def _drop(self, job: Job, actor: str) -> None:
        try:
            await self._leave(job, actor)
        except StorageFull:
            # That it is to be forgotten is kept: what it wrote is in nobody's way any more, and may be all that is.
            await self.belongings.remove_log(job)
            await self._leave(job, actor)

    async def _leave(self, job: Job, actor: str) -> None:
        await self.configurator.leave(job.guid, actor, [DropJob(job.guid), *self.heard.forgetting(job)])
