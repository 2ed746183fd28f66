"""What the supervision of a job has around it: who owns it, where its process writes, what all jobs share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from ..config.job_settings import JobSettings
from ..interfaces import ILauncher, LaunchSpec
from ..model import Exit, Job, State
from .launch_queue import LaunchQueue
from .launch_record import LaunchRecord
from .lifecycle import Step


class Logs(Protocol):
    """Where processes write, and what they wrote."""

    def add(self, guid: str, max_bytes: int, backups: int, at_end: bool = False) -> None:
        """Keep a log for a job: so many bytes in one file, so many files besides; show it, or its end alone."""

    async def remove(self, guid: str) -> None:
        """A job is no more, nor is its log."""

    def open(self, guid: str, max_bytes: int, backups: int) -> int:
        """A descriptor to append to, which the caller closes; so much is kept from now on."""

    def check(self, guid: str) -> None:
        """See that one can be had; nothing is changed.

        :raises StorageFull, Unavailable: it cannot.
        """

    def written(self, guid: str) -> int:
        """How many bytes were written since it began."""

    def last_lines(self, guid: str, start: int, count: int) -> tuple[str, ...]:
        """The last that was written, from an offset on, so many lines at most."""


class Locks(Protocol):
    """One lock for each guid: while a process holds it, the processor lives."""

    def take(self, guid: str, launch: LaunchRecord) -> int:
        """A descriptor that holds the lock, for the process that is to be launched; the caller closes its own.

        The launch is written down with it. What its last process left behind does not keep it from being had.
        """

    def reserve(self, guid: str) -> None:
        """There is to be a job: have the room for its lock, so that no want of it keeps the job from being launched."""

    def remove(self, guid: str) -> None:
        """A job is no more."""


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


@frozen
class Launch:
    """How a job's process is to be started now.

    :param spec: all but the descriptor of its log.
    :param serves_itself: whether it binds its port itself, so that the kept socket must not listen.
    :param speaks: whether it is one that acknowledges its configuration; else its port is asked until it answers.
    :param revision: of the configuration that it reads.
    """

    spec: LaunchSpec
    revision: int
    serves_itself: bool = False
    speaks: bool = True


class Owner(Protocol):
    """Who knows of jobs what a process's supervision needs to know, and is told of it."""

    def settings(self, job: Job) -> JobSettings:
        """How it is run."""

    def launch(self, job: Job) -> Launch:
        """How it is to be started now."""

    def probe(self, job: Job, speaks: bool, alive: Callable[[], bool]) -> Awaitable[bool]:
        """Wait until its endpoint answers; false when it is not alive any more."""

    def stepped(self, job: Job, before: State, step: Step, cause: str, actor: str) -> None:
        """It went from one state to another."""

    def launched(self, job: Job) -> None:
        """It has a process."""

    def answers(self, job: Job) -> None:
        """The endpoint of a process that was adopted answers."""

    def silent(self, job: Job) -> None:
        """The endpoint of a job whose process was adopted did not answer within ``ready_timeout``."""

    def ended(self, job: Job, exit_: Exit, on_purpose: bool) -> None:
        """Its process is no more, by somebody's wish or not; the job still has its number."""


@frozen
class Surroundings:
    """What all jobs have in common.

    :param now: the time of day, aware.
    :param random: as ``random.random``.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    random: Callable[[], float]
    launcher: ILauncher
    queue: LaunchQueue
    logs: Logs
    locks: Locks
    owner: Owner

    def since(self, time: datetime | None) -> float:
        """How many seconds ago something was; 0 where it is not known, or ahead by a clock that was set."""
        return 0.0 if time is None else max(0.0, (self.now() - time).total_seconds())
