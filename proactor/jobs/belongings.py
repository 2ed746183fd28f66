"""What a job has on this machine beside its process, for as long as there is the job: its port, its lock, its log."""

from __future__ import annotations

from attrs import define

from ..config.job_settings import JobSettings
from ..launchers.held import HeldSocket
from ..launchers.ports import Ports
from ..model import Job
from .surroundings import Keeper, Locks, Logs


@define(eq=False)
class Belongings:
    """Of all jobs."""

    ports: Ports
    keeper: Keeper
    locks: Locks
    logs: Logs

    def add(self, job: Job, held: HeldSocket, settings: JobSettings, at_end: bool) -> None:
        """There is a job, for which its port and its lock were taken before.

        :param at_end: whether only what it writes from now on is shown.
        :raises Unavailable: there can be no log for it.
        """
        self.logs.add(job.guid, settings.log_max_bytes, settings.log_backups, at_end)
        held.changed = lambda: self.keeper.keep(job.guid, held.fileno)
        held.changed()

    def give_back(self, job: Job, held: HeldSocket) -> None:
        """The job is no more: others may have its port, at once."""
        self.ports.give_back(held)
        self.keeper.let_go(job.guid)
        self.locks.remove(job.guid)

    async def remove_log(self, job: Job) -> None:
        """Delete what it wrote, when all who follow that have it."""
        await self.logs.remove(job.guid)
