"""One process of a job, from its launch or adoption to its end: asked whether it is ready, watched, made to end.

There is an object for each, so that nothing of one process is ever taken for the next one's; what its job makes of
what becomes of it is decided in ``supervised``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from attrs import define, evolve, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..config.job_settings import JobSettings
from ..errors import Conflict, ProactorError, StorageFailed, StorageFull, Unavailable
from ..interfaces import Handle
from ..launchers.held import HeldSocket
from ..model import Exit, Job, State
from ..reactor.timers import Timers
from .ending import End, Ending
from .launch_record import LaunchRecord
from .surroundings import Launch, Surroundings
from .watchdog import Watchdog

#: A launch gives its place to the next after so many seconds, ready or not: a slow one holds up nobody.
LONGEST_LAUNCH = 10.0
#: What keeps a launch from beginning and is no fault of what is launched: it passes without anybody editing a section.
_HINDRANCES = (StorageFailed, StorageFull, Unavailable, OSError)

log = Logger(namespace="proactor.supervisor")


class Overseer(Protocol):
    """Who is told what becomes of it."""

    def has_process(self) -> None:
        """It has begun: there is a process."""

    def is_ready(self) -> None:
        """Its endpoint answers."""

    def is_in_trouble(self, cause: str, actor: str) -> None:
        """It has to be made to end, for a reason, as somebody found."""

    def has_ended(self, end: End) -> None:
        """There is no process any more, or there has never been one. Told once."""


@define(eq=False)
class Incarnation:
    """One of a job's.

    :param number: how many times the job has been launched, this time included.
    :ivar ending: what its end is about.
    """

    job: Job
    number: int
    listening: HeldSocket
    around: Surroundings
    overseer: Overseer
    ending: Ending = field(factory=Ending, init=False)
    _handle: Handle | None = field(default=None, init=False)
    _launched_at: float = field(default=0.0, init=False)
    _timers: Timers = field(init=False)
    _watchdog: Watchdog = field(init=False)
    #: Whether its process said that it serves; the question whether its endpoint does, once it is asked.
    _said_ready: bool = field(default=False, init=False)
    _probing: Deferred[None] | None = field(default=None, init=False)
    #: Whether nobody is told anything any more: it has ended, or was left to the next initiator.
    _over: bool = field(default=False, init=False)
    _left: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._timers = Timers(self.around.clock)
        self._watchdog = Watchdog(self.around.clock, self._timers)

    # Its beginning.

    def launch(self) -> None:
        """Launch it, which has a place in the line until it is ready or over, or takes too long."""
        job = self.job
        job.incarnation = self.number
        # What an earlier process said is no word of this one.
        job.running_revision, job.answer, job.ready, job.declared = None, None, False, None
        job.serial = job.serial_expires = job.serial_before = None
        self._launched_at = self.around.clock.seconds()
        self._timers.set("place", LONGEST_LAUNCH, partial(self.around.queue.leave, job.guid))
        work = Deferred.fromCoroutine(self._launch(self.around.owner.settings(job)))
        work.addErrback(self._not_launched)

    async def _launch(self, settings: JobSettings) -> None:
        job = self.job
        # What an earlier process wrote is no word of this one, not even where this one does not come to begin.
        job.log_start = self.around.logs.written(job.guid)
        launch = self.around.owner.launch(job)
        if launch.serves_itself:
            self.listening.lend()
        else:
            self.listening.listen()
        log_file = self.around.logs.open(job.guid, settings.log_max_bytes, settings.log_backups)
        lock = -1
        try:
            # From here on the next initiator knows of this incarnation, whatever becomes of this initiator.
            lock = self.around.locks.take(job.guid, self._record(launch))
            spec = evolve(launch.spec, log=log_file, listening=self.listening.fileno(), lock=lock)
            handle = await self.around.launcher.launch(spec, self._ended)
        finally:
            for descriptor in (log_file, lock):
                if descriptor >= 0:
                    os.close(descriptor)
        if self._over:
            # It was over before it was known to have begun.
            return
        job.speaks = launch.speaks
        if not job.speaks:
            # It will not say so itself, and reads no other while it runs.
            job.running_revision = launch.revision
        job.started = self.around.now()
        self._has(handle)
        if self._left:
            return
        if job.state is State.STOPPING:
            # It was told to stop while it was being launched.
            self.stop(settings.stop_timeout)
            return
        self._await_ready(settings.ready_timeout)
        if not job.speaks or self._said_ready:
            self._probe()

    def _record(self, launch: Launch) -> LaunchRecord:
        now = self.around.now()
        return LaunchRecord(self.number, launch.speaks, launch.revision, self.job.log_start, now)

    def _not_launched(self, failure: Failure) -> None:
        if not failure.check(ProactorError):
            log.failure("Launching {guid}", failure, guid=self.job.guid)
        reason = f"could not be started: {failure.getErrorMessage()}"
        self._ended(Exit(None, None, reason), hindered=bool(failure.check(*_HINDRANCES)))

    def adopt(self, handle: Handle) -> bool:
        """Be the process that an earlier initiator launched; false where that has ended meanwhile."""
        job, around = self.job, self.around
        if not around.launcher.adopt(handle, self._ended):
            return False
        job.incarnation, job.ready = self.number, False
        self._launched_at = around.clock.seconds() - around.since(job.started)
        if job.state not in (State.RUNNING, State.STOPPING):
            # What became of it since was not kept: its start is what it is in.
            job.state = State.STARTING
        self._has(handle)
        return True

    def go_on(self) -> None:
        """Find out whether one that was adopted is ready, as it was where it was that once."""
        settings = self.around.owner.settings(self.job)
        if self.job.state is State.STARTING:
            self._await_ready(settings.ready_timeout)
        else:
            # It has come to be ready once: that it has no time for anybody just now is no reason to end it.
            self._timers.set_patient("ready", settings.ready_timeout, partial(self.around.owner.silent, self.job))
            self.contact()
            self._watchdog.watch(self)
        self._probe()

    def _has(self, handle: Handle) -> None:
        self._handle = handle
        self.job.process, self.job.launcher = handle.identity, handle.launcher
        self.around.owner.launched(self.job)
        self.overseer.has_process()

    # Whether it is ready.

    def contact(self) -> None:
        """It was heard of."""
        self._watchdog.heard()

    def reconfigured(self) -> None:
        """Its configuration is another one now."""
        self._watchdog.heed(self)

    def said_ready(self) -> None:
        """It says that it serves: see whether its endpoint does. It may come to say so before it is known to be."""
        self._said_ready = True
        if self._handle is not None and self.job.state is State.STARTING and self.job.speaks and self._probing is None:
            self._probe()

    def _probe(self) -> None:
        state = self.job.state

        def alive() -> bool:
            return self.job.state is state and not self._over

        async def ask() -> None:
            if await self.around.owner.probe(self.job, self.job.speaks, alive):
                self._ready()

        self._probing = Deferred.fromCoroutine(ask())
        self._probing.addErrback(self._not_probed)

    def _not_probed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.failure("Asking whether {guid} is ready", failure, guid=self.job.guid)

    def _ready(self) -> None:
        self._timers.cancel("ready", "place")
        self.around.queue.leave(self.job.guid)
        self.job.ready = True
        self.contact()
        self._watchdog.watch(self)
        self.overseer.is_ready()

    def _await_ready(self, seconds: float) -> None:
        cause = f"not ready within {seconds:g} s"
        late: Callable[[], object] = partial(self.overseer.is_in_trouble, cause, "ready_timeout")
        self._timers.set_patient("ready", seconds, late)

    # What the watchdog asks and does: see proactor.jobs.watchdog.Watched.

    def longest_silence(self) -> float:
        """How long it may be silent."""
        return self.around.owner.settings(self.job).watchdog if self.job.speaks else 0.0

    def ask_where_it_is(self, cause: str) -> None:
        """A processor writes its stacks to its log on SIGUSR1; that is kept with its end."""
        # Who does not know that signal ends by it, and of no other trouble.
        self.ending.trouble = cause
        with suppress(Conflict):
            self.signal(signal.SIGUSR1)

    def spoke(self) -> None:
        """It is no trouble any more."""
        self.ending.trouble = None

    def bite(self, cause: str) -> None:
        """It is a trouble."""
        self.overseer.is_in_trouble(cause, "watchdog")

    # Its end.

    def signal(self, number: int) -> None:
        """Send it a signal.

        :raises Conflict: it has no process yet, or not any more.
        """
        if self._handle is None:
            raise Conflict(f"{self.job.guid} is being launched: it has no process yet to send a signal to")
        self.around.launcher.signal(self._handle, number)

    def stop(self, grace: float) -> None:
        """Have it end, of itself within so many seconds. One that is being launched is told when it has begun."""
        self._quiet()
        if self._handle is None:
            return
        self.ending.asked(self.around.clock.seconds(), grace)
        self.around.launcher.stop(self._handle, grace).addErrback(
            lambda failure: log.failure("Stopping {guid}", failure, guid=self.job.guid)
        )

    def _ended(self, exit_: Exit, hindered: bool = False) -> None:
        if self._over or self._left:
            return
        self._over, self._handle = True, None
        self.listening.take_back()
        self._quiet()
        last_lines = partial(self.around.logs.last_lines, self.job.guid, self.job.log_start)
        now = self.around.clock.seconds()
        end = self.ending.came(exit_, now, last_lines)
        self.overseer.has_ended(evolve(end, ran=now - self._launched_at, hindered=hindered))

    def _quiet(self) -> None:
        """Ask nothing any more: nobody is there to answer, or not for long, and the next process would."""
        self._watchdog.stop()
        self._timers.cancel_all()
        self.around.queue.leave(self.job.guid)
        if self._probing is not None:
            self._probing.cancel()

    def leave(self) -> None:
        """Have nothing more to do with it: it goes on without us."""
        self._left = True
        self._quiet()
