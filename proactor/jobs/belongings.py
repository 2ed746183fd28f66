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

    def prepare(self, guid: str, settings: JobSettings) -> None:
        """Have a lock and a log for one that is to be a job; its port was taken before.

        :raises Unavailable, StorageFull: there can be none.
        """
        self.locks.reserve(guid)
        self.show(guid, settings)

    def show(self, guid: str, settings: JobSettings, at_end: bool = False) -> None:
        """Have a log for a job.

        :param at_end: whether only what it writes from now on is shown.
        :raises Unavailable, StorageFull: there can be none.
        """
        self.logs.add(guid, settings.log_max_bytes, settings.log_backups, at_end)

    def add(self, job: Job, held: HeldSocket) -> None:
        """There is a job."""
        held.changed = lambda: self.keeper.keep(job.guid, held.fileno)
        held.changed()

    async def discard(self, guid: str, held: HeldSocket) -> None:
        """One that was to be a job will be none: undo as much as was prepared for it."""
        self.ports.give_back(held)
        self.locks.remove(guid)
        await self.logs.remove(guid)

    def give_back(self, job: Job, held: HeldSocket) -> None:
        """The job is no more: others may have its port, at once."""
        self.ports.give_back(held)
        self.keeper.let_go(job.guid)
        self.locks.remove(job.guid)

    async def remove_log(self, job: Job) -> None:
        """Delete what it wrote, when all who follow that have it."""
        await self.logs.remove(job.guid)
