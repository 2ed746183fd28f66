"""What an earlier initiator left: its jobs are taken up, the processes that live adopted, none launched twice."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from attrs import define, evolve, frozen
from twisted.logger import Logger

from ..changes.configurator import Configurator
from ..config.document import Document
from ..errors import ProactorError
from ..initiator import Initiator
from ..interfaces import Handle
from ..model import Exit, Identity, State
from ..options import Options
from ..reactor.slices import in_slices
from ..saved import Saved, SavedJob
from .fleet import Fleet
from .launch_record import LaunchRecord
from .records import history_of, job_of

_TAKEN = (
    "Port {port} at {address}, of processor {guid} ({module}), is another program's by now: it cannot be started until "
    "that gives it up (ss -ltnp sport = :{port})"
)
_REASON = "ended while there was no initiator; its status cannot be known"

log = Logger(namespace="proactor.supervisor")


class Locks(Protocol):
    """Who holds the locks of processors."""

    def leaders(self) -> Mapping[str, int]:
        """By guid the process that holds its lock and leads a session, of all that there are."""

    def launch(self, guid: str) -> LaunchRecord:
        """The one that was written down when the lock was last taken."""


class Processes(Protocol):
    """What can be known of processes."""

    def identity(self, pid: int) -> Identity | None:
        """The process that has a number; ``None`` where there is none."""

    def alive(self, process: Identity) -> bool:
        """Whether that very process lives."""

    def boot(self) -> str:
        """The present boot's id."""

    def launcher(self, process: Identity) -> str:
        """The name of what launched it."""

    def end_rest(self, ended: Mapping[str, Identity | None]) -> None:
        """End what processes left behind of their groups; by guid the one that it had, where that is known."""


#: In these a job has no process, whatever holds its lock.
_WITHOUT = frozenset({State.BACKOFF, State.STOPPED, State.EXITED, State.FATAL})


def _launched(job: SavedJob, launch: LaunchRecord) -> SavedJob:
    """A job as it was launched last: of that launch no more was kept than what was written down before it."""
    if launch.incarnation > job.incarnation:
        # What an earlier process said is no word of this one, nor is what it was given.
        job = evolve(job, running_revision=None, declared=None)
        job = evolve(job, serial=None, serial_expires=None, serial_before=None)
    job = evolve(job, incarnation=launch.incarnation, log_start=launch.log_start, started=launch.started)
    if launch.speaks:
        return evolve(job, speaks=True)
    # It will not say so itself, and reads no other while it runs.
    return evolve(job, speaks=False, running_revision=launch.revision)


@frozen
class Found:
    """A job, and what became of its process.

    :param process: where it lives.
    :param given: the revision that it was launched with, where that is known.
    :param ended: how it ended, where it did not live on.
    :param has_lost: whether it had one of whose end nobody knows.
    """

    saved: SavedJob
    process: Identity | None = None
    given: int | None = None
    ended: Exit | None = None
    has_lost: bool = False

    @property
    def running(self) -> int:
        """The revision that it was known to run last."""
        return self.saved.running_revision or self.given or self.saved.joined


@define(eq=False)
class TakingUp:
    """Takes up what was saved.

    :param socket_of: finds a socket that nobody has kept in the process that serves on it, if that can be.
    """

    fleet: Fleet
    configurator: Configurator
    locks: Locks
    processes: Processes
    socket_of: Callable[[SavedJob, Identity], socket.socket | None] = lambda _job, _process: None

    async def look(self, saved: Saved) -> list[Found]:
        """Find out what became of all processes; what they left behind ends."""
        found: list[Found] = []
        await in_slices(self.fleet.clock, self._look(saved, found))
        ended = {each.saved.guid: self._last(saved.jobs[each.saved.guid]) for each in found if each.has_lost}
        if ended:
            self.processes.end_rest(ended)
        return found

    async def run(self, found: Sequence[Found], sockets: Mapping[str, socket.socket]) -> int:
        """Take up all jobs; how many processes were adopted.

        :param sockets: those that were kept, by guid.
        """
        adopted: set[str] = set()
        await in_slices(self.fleet.clock, self._each(found, sockets, adopted))
        for job in (each.saved for each in found):
            if job.declared is not None and job.guid in adopted:
                await self.configurator.declare(job.guid, tuple(Options.from_json(list(job.declared)).declared))
        return len(adopted)

    def _look(self, saved: Saved, found: list[Found]) -> Iterator[None]:
        leaders = self.locks.leaders()
        for job in saved.jobs.values():
            found.append(self._found(job, leaders.get(job.guid)))
            yield

    def _each(self, found: Sequence[Found], sockets: Mapping[str, socket.socket], adopted: set[str]) -> Iterator[None]:
        for each in found:
            if self._taken_up(each, sockets.get(each.saved.guid)):
                adopted.add(each.saved.guid)
            yield

    def _last(self, job: SavedJob) -> Identity | None:
        """The process that a job had, of this boot."""
        return None if self._by_reboot(job) else job.process

    def _found(self, job: SavedJob, leader: int | None) -> Found:
        """What became of a job's process: of one that was launched and not told of, its lock tells."""
        if job.process is not None and self.processes.alive(job.process):
            return Found(job, job.process)
        launch = self.locks.launch(job.guid)
        is_later, is_same = launch.incarnation > job.incarnation, launch.incarnation == job.incarnation
        had = job.process is not None or is_later
        if is_later or (is_same and job.process is None and job.state not in _WITHOUT):
            process = None if leader is None else self.processes.identity(leader)
            job = _launched(job, launch)
            if process is not None:
                return Found(self._begun(job, process), process, launch.revision)
        # Else that one has ended, or never began: who has its lock is something that one of them started.
        if not had or job.state in (State.STOPPING, State.BACKOFF) or self._by_reboot(job):
            return Found(job, given=launch.revision, has_lost=had)
        return Found(job, given=launch.revision, ended=Exit(None, None, _REASON), has_lost=True)

    def _begun(self, job: SavedJob, process: Identity) -> SavedJob:
        """A job of whose process nothing was kept: it is not known whether that has come to be ready."""
        state = State.STARTING if job.state is State.RUNNING else job.state
        return evolve(job, launcher=self.processes.launcher(process), state=state)

    def _by_reboot(self, job: SavedJob) -> bool:
        return job.process is not None and job.process.boot != self.processes.boot()

    def _taken_up(self, found: Found, kept: socket.socket | None) -> bool:
        saved, fleet = found.saved, self.fleet
        if kept is None and found.process is not None:
            kept = self.socket_of(saved, found.process)
        held = fleet.ports.claim(saved.address, saved.port, kept)
        if held.is_lost and found.process is None:
            log.warn(_TAKEN, guid=saved.guid, module=saved.module, port=saved.port, address=saved.address)
        job = job_of(saved, fleet.configurator.settings.public_url(saved.port))
        supervised = fleet.take_up(job, held)
        supervised.history = history_of(saved, fleet.now(), fleet.clock.seconds())
        if found.process is not None and supervised.adopt(
            Handle(job.guid, job.incarnation, found.process, job.launcher)
        ):
            return True
        ended = found.ended
        if found.process is not None:
            ended = Exit(None, None, _REASON)
        supervised.take_up(ended)
        return False


async def take_up(
    initiator: Initiator, saved: Saved, taking_up: TakingUp, sockets: Mapping[str, socket.socket]
) -> None:
    """Have an initiator go on with what was left, before it answers anybody.

    :param sockets: those that were kept, by guid.
    """
    found = await taking_up.look(saved)
    initiator.rollouts.restore(saved.rollouts, {each.saved.guid: each.running for each in found})
    initiator.operator_tokens.restore(saved.values)
    if saved.jobs:
        initiator.store.note(initiator.trust.restore(saved.values))
    adopted = await taking_up.run(found, sockets)
    for job in initiator.fleet.jobs.values():
        if job.alive and job.state is State.RUNNING:
            initiator.directory.presume(job)
    initiator.office.restore(saved.messages, saved.last_message)
    if saved.jobs:
        jobs = len(saved.jobs)
        log.info(
            "Took up {jobs} job{s}, adopted {count} of their processes", jobs=jobs, s="s"[: jobs != 1], count=adopted
        )


async def go_on(initiator: Initiator, document: Document | None) -> None:
    """Have it begin with what the configuration says is to be, now that processors are answered.

    :param document: the file, where it has changed meanwhile.
    """
    if document is not None:
        try:
            await initiator.reload(document, "start")
        except ProactorError as e:
            log.error("start: the configuration stays as it was: {error}", error=str(e))
    initiator.rollouts.resume()
    initiator.fleet.finish_deletions("the initiator")
    initiator.start()
