"""One job's process over its life: launched, ready, watched, ended, started again. No job waits for another."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from attrs import define, evolve, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .config.job_settings import JobSettings
from .errors import Conflict, ProactorError
from .interfaces import Handle
from .launchers.held import HeldSocket
from .lifecycle import Step, after
from .model import Exit, Job, State, Wanted
from .restart import Finished, GiveUp, RestartHistory, Retry
from .supervision import Surroundings
from .timers import Timers

#: A launch gives its place to the next after so many seconds, ready or not: a slow one holds up nobody.
LONGEST_LAUNCH = 10.0
#: Between asking a silent process where it is and ending it, in seconds.
_DUMP_TIME = 1.0
#: How many of its last lines are kept with a process's end, and where it was made to end: its stacks are among them.
_LAST_LINES, _DUMP_LINES = 20, 100

log = Logger(namespace="proactor.supervisor")


@define(eq=False)
class Supervised:
    """The supervision of one job."""

    job: Job
    listening: HeldSocket
    around: Surroundings
    _history: RestartHistory = field(factory=RestartHistory)
    _handle: Handle | None = None
    _launched_at: float = 0.0
    _contact_at: float = 0.0
    _speaks: bool = True
    #: Where in its log what this process writes begins.
    _log_start: int = 0
    #: What the end that is awaited is about: nothing where it is the operator's wish.
    _trouble: str | None = None
    _timers: Timers = field(init=False)
    _waiting: list[Deferred[None]] = field(factory=list)
    _closed: bool = False
    #: The incarnations whose process has ended, and whose endpoint is being asked.
    _over: int = 0
    _probed: int = 0
    _probing: Deferred[None] | None = None

    def __attrs_post_init__(self) -> None:
        self._timers = Timers(self.around.clock)

    # What an operator does.

    def start(self, actor: str, cause: str = "start") -> None:
        """Have it run; nothing where it does, or is about to."""
        self.job.wanted = Wanted.RUNNING
        if self.job.state in (State.STARTING, State.RUNNING, State.STOPPING):
            return
        self._history.forgive()
        self._timers.cancel("retry")
        self._enter(cause, actor)

    async def stop(self, actor: str, cause: str = "stop") -> None:
        """Have it not run; returns when it does not."""
        self.job.wanted = Wanted.STOPPED
        self._trouble = None
        if self.job.state in (State.BACKOFF, State.EXITED, State.FATAL):
            self._rest(Step.STOP, cause, actor)
        elif self.job.state in (State.STARTING, State.RUNNING):
            self._begin_stop(cause, actor)
        await self._until(lambda: not self.job.alive and self.job.state is not State.STOPPING)

    async def restart(self, actor: str, cause: str = "restart") -> None:
        """Have its process end and another take its place; returns when that is ready, or will not be."""
        self.job.wanted = Wanted.RUNNING
        self._history.forgive()
        before = self.job.incarnation
        if self.job.state in (State.STARTING, State.RUNNING):
            self._begin_stop(cause, actor)
        elif self.job.state is not State.STOPPING:
            self.start(actor, cause)
        await self._until(lambda: self.job.incarnation > before and self.job.state is not State.STARTING)

    def signal(self, number: int) -> None:
        """Send its process a signal.

        :raises Conflict: there is none.
        """
        if self._handle is None:
            raise Conflict(f"{self.job.guid} has no process to send a signal to: it is {self.job.state.value}")
        self.around.launcher.signal(self._handle, number)

    async def settled(self) -> None:
        """Wait until it is ready, or will not be without somebody doing something."""
        await self._until(self._is_settled)

    def _is_settled(self) -> bool:
        if self.job.state is State.STOPPED:
            # In passing, where it is wanted: the next process is on its way.
            return self.job.wanted is Wanted.STOPPED
        return self.job.state in (State.RUNNING, State.EXITED, State.FATAL)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition() and not self._closed:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting

    def _news(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:
                each.callback(None)

    @property
    def speaks(self) -> bool:
        """Whether it has a process that acknowledges its configuration."""
        return self.job.alive and self._speaks

    # What its process says.

    def contact(self) -> None:
        """It was heard of."""
        self._contact_at = self.around.clock.seconds()

    def said_ready(self) -> None:
        """It says that it serves: see whether its endpoint does."""
        if self.job.state is State.STARTING and self._speaks and self._probed != self.job.incarnation:
            self._probe()

    # Starting.

    def _step(self, step: Step, cause: str, actor: str) -> None:
        before = self.job.state
        self.job.state = after(before, step)
        self.around.owner.stepped(self.job, before, step, cause, actor)

    def _enter(self, cause: str, actor: str, again: bool = False) -> None:
        """Get in line for a launch."""
        self.job.next_start = None
        self._step(Step.START, cause, actor)
        self.around.queue.enter(self.job.guid, self._launch, again)
        self._news()

    def _launch(self) -> None:
        job, clock = self.job, self.around.clock
        job.incarnation += 1
        job.running_revision, job.answer, job.ready = None, None, False
        self._launched_at = self._contact_at = clock.seconds()
        settings = self.around.owner.settings(job)
        self._timers.set("place", LONGEST_LAUNCH, partial(self.around.queue.leave, job.guid))
        work = Deferred.fromCoroutine(self._launched(settings))
        work.addErrback(self._not_launched)

    async def _launched(self, settings: JobSettings) -> None:
        job = self.job
        launch = self.around.owner.launch(job, self.listening)
        if launch.serves_itself:
            self.listening.park()
        else:
            self.listening.listen()
        self._log_start = self.around.logs.written(job.guid)
        descriptor = self.around.logs.open(job.guid, settings.log_max_bytes, settings.log_backups)
        try:
            spec = evolve(launch.spec, log=descriptor, listening=self.listening.fileno())
            handle = await self.around.launcher.launch(spec, partial(self._ended, job.incarnation))
        finally:
            os.close(descriptor)
        if self._over == handle.incarnation:
            # It was over before it was known to have begun.
            return
        self._handle = handle
        job.pid, job.started = self._handle.pid, self.around.now()
        self.around.owner.launched(job)
        self._speaks = launch.speaks
        if not self._speaks:
            # It will not say so itself, and reads no other while it runs.
            job.running_revision = launch.revision
        self._timers.set("ready", settings.ready_timeout, partial(self._too_late, settings.ready_timeout))
        if not self._speaks:
            self._probe()
        if job.state is State.STOPPING:
            # It was told to stop while it was being launched.
            self._end_process(settings.stop_timeout)

    def _not_launched(self, failure: Failure) -> None:
        if not failure.check(ProactorError):
            log.failure("Launching {guid}", failure, guid=self.job.guid)
        self._ended(self.job.incarnation, Exit(None, None, f"could not be started: {failure.getErrorMessage()}"))

    def _probe(self) -> None:
        incarnation = self._probed = self.job.incarnation

        def alive() -> bool:
            return self.job.state is State.STARTING and self.job.incarnation == incarnation and self.job.alive

        async def ask() -> None:
            if await self.around.owner.probe(self.job, self._speaks, alive):
                self._ready()

        self._probing = Deferred.fromCoroutine(ask())
        self._probing.addErrback(self._not_probed)

    def _not_probed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.failure("Asking whether {guid} is ready", failure, guid=self.job.guid)

    def _probe_no_more(self) -> None:
        """Nobody is there to answer, or not for long: what is asked would wait for the next process."""
        if self._probing is not None:
            self._probing.cancel()

    def _ready(self) -> None:
        self._timers.cancel("ready")
        self._leave_line()
        self.job.ready = True
        self._step(Step.READY, "its endpoint answers", self.job.guid)
        self.contact()
        self._watch()
        self._news()

    def _too_late(self, seconds: float) -> None:
        self._begin_stop(f"not ready within {seconds:g} s", "ready_timeout", trouble=True)

    def _leave_line(self) -> None:
        self._timers.cancel("place")
        self.around.queue.leave(self.job.guid)

    # Watching.

    def _watch(self) -> None:
        """See to it that the process is heard of; the time is read anew, for it may be edited."""
        limit = self.around.owner.settings(self.job).watchdog
        if not limit or not self._speaks:
            # Looked at again later: it may be set while the process runs.
            self._timers.set("watchdog", LONGEST_LAUNCH, self._watch)
            return
        left = self._contact_at + limit - self.around.clock.seconds()
        if left > 0:
            self._timers.set("watchdog", min(left, LONGEST_LAUNCH), self._watch)
            return
        self._ask_where_it_is(f"silent for {limit:g} s")

    def _ask_where_it_is(self, cause: str) -> None:
        """A processor writes its stacks to its log on SIGUSR1; that is kept with its end."""
        if self._handle is not None:
            # Who does not know that signal ends by it, and of no other trouble.
            self._trouble = cause
            with suppress(Conflict):
                self.around.launcher.signal(self._handle, signal.SIGUSR1)
        self._timers.set("watchdog", _DUMP_TIME, partial(self._still_silent, cause, self._contact_at))

    def _still_silent(self, cause: str, since: float) -> None:
        if self._contact_at == since:
            self._begin_stop(cause, "watchdog", trouble=True)
        else:
            self._trouble = None
            self._watch()

    # Ending.

    def _begin_stop(self, cause: str, actor: str, trouble: bool = False) -> None:
        if self.job.state not in (State.STARTING, State.RUNNING):
            return
        in_line = self.around.queue.place(self.job.guid) is not None
        self._trouble = cause if trouble else None
        self.job.ready = False
        self._step(Step.STOP, cause, actor)
        self._timers.cancel("ready", "watchdog")
        self._probe_no_more()
        self._leave_line()
        if self._handle is not None:
            self._end_process(self.around.owner.settings(self.job).stop_timeout)
        elif in_line:
            self._ended(self.job.incarnation, Exit(None, None, "stopped before it was started"))
        self._news()

    def _end_process(self, grace: float) -> None:
        assert self._handle is not None
        self.around.launcher.stop(self._handle, grace).addErrback(
            lambda failure: log.failure("Stopping {guid}", failure, guid=self.job.guid)
        )

    def _ended(self, incarnation: int, exit_: Exit) -> None:
        job = self.job
        self._handle, self._over = None, incarnation
        self._timers.cancel("ready", "watchdog")
        self._probe_no_more()
        self._leave_line()
        job.ready = False
        reason = exit_.reason if self._trouble is None else f"{self._trouble}; {exit_.reason}"
        count = _LAST_LINES if self._trouble is None else _DUMP_LINES
        job.exit = evolve(exit_, reason=reason, lines=self.around.logs.last_lines(job.guid, self._log_start, count))
        on_purpose = job.wanted is Wanted.STOPPED or (job.state is State.STOPPING and self._trouble is None)
        # To be made to end is a failure whatever it says of it.
        failed, self._trouble = exit_.code != 0 or self._trouble is not None, None
        self.around.owner.ended(job, job.exit, on_purpose)
        job.pid = None
        if on_purpose:
            self._ended_on_purpose()
        else:
            self._ended_by_itself(job.exit, failed)

    def _ended_on_purpose(self) -> None:
        if self.job.state is State.STOPPING:
            self._rest(Step.ENDED, "its process ended", self.job.guid)
        if self.job.wanted is Wanted.RUNNING:
            self.job.restarts += 1
            self._enter("restart", "the initiator")

    def _ended_by_itself(self, exit_: Exit, failed: bool) -> None:
        job, clock = self.job, self.around.clock
        settings = self.around.owner.settings(job)
        ran = clock.seconds() - self._launched_at
        decision = self._history.ended(settings.policy, failed, ran, clock.seconds(), self.around.random)
        # What a signal ended had no time to say why.
        last = f": {exit_.last_words}" if exit_.code and exit_.last_words else ""
        log.warn(
            "Processor {guid} ({module}) {reason}{last}",
            guid=job.guid,
            module=job.module,
            reason=exit_.reason,
            last=last,
        )
        if isinstance(decision, Retry):
            self._retry_later(decision.delay, exit_.reason)
        elif isinstance(decision, GiveUp):
            job.exit = evolve(exit_, reason=f"{exit_.reason}; {decision.reason}")
            self._rest(Step.GIVE_UP, job.exit.reason, job.guid)
        else:
            assert isinstance(decision, Finished)
            self._rest(Step.FINISHED, exit_.reason, job.guid)

    def _retry_later(self, delay: float, cause: str) -> None:
        job = self.job
        job.next_start = self.around.now() + timedelta(seconds=delay)
        self._step(Step.RETRY, cause, job.guid)
        self._timers.set("retry", delay, self._again)
        self._news()

    def _again(self) -> None:
        self.job.restarts += 1
        self._enter("retry", "the initiator", again=True)

    def _rest(self, step: Step, cause: str, actor: str) -> None:
        """Come to a state in which nobody serves: clients are refused, and not left to wait."""
        self._timers.cancel("retry")
        self.job.next_start = None
        self._step(step, cause, actor)
        if self.job.wanted is Wanted.STOPPED or step is not Step.ENDED:
            self.listening.park()
        self._news()

    def close(self) -> None:
        """Give up what is kept for a job that has no process any more."""
        self._closed = True
        self._timers.cancel_all()
        self.around.queue.leave(self.job.guid)
        self.listening.close()
        self._news()
