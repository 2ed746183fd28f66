"""One job's process over its life: launched, ready, watched, ended, started again. No job waits for another."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from datetime import timedelta
from functools import partial

from attrs import define, evolve, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..config.job_settings import JobSettings
from ..errors import Conflict, ProactorError, StorageFailed, StorageFull, Unavailable
from ..interfaces import Handle
from ..launchers.held import HeldSocket
from ..model import Exit, Job, State, Wanted
from ..reactor.timers import Timers
from ..reactor.waiters import Waiters
from .lifecycle import Step, after
from .restart_policy import Decision, Finished, GiveUp, RestartHistory, Retry
from .supervision import Surroundings
from .watchdog import Watchdog

#: A launch gives its place to the next after so many seconds, ready or not: a slow one holds up nobody.
LONGEST_LAUNCH = 10.0
#: How many of its last lines are kept with a process's end, and where it was made to end: its stacks are among them.
_LAST_LINES, _DUMP_LINES = 20, 100

#: What keeps a launch from beginning and is no fault of what is launched: it passes without anybody editing a section.
_HINDRANCES = (StorageFailed, StorageFull, Unavailable, OSError)

log = Logger(namespace="proactor.supervisor")


@define(eq=False)
class Supervised:
    """The supervision of one job."""

    job: Job
    listening: HeldSocket
    around: Surroundings
    history: RestartHistory = field(factory=RestartHistory)
    _handle: Handle | None = None
    _launched_at: float = 0.0
    #: What the end that is awaited is about: nothing where it is the operator's wish.
    _trouble: str | None = None
    #: When and how long it was given to end by itself, in seconds.
    _asked_to_end: tuple[float, float] | None = None
    _timers: Timers = field(init=False)
    _watchdog: Watchdog = field(init=False)
    waiters: Waiters = field(factory=Waiters)
    #: Whether it is ended because the initiator is: what is wanted of it stays.
    _shutting_down: bool = False
    #: The incarnations whose process has ended, and whose endpoint is being asked.
    _over: int = 0
    _probed: int = 0
    _probing: Deferred[None] | None = None

    def __attrs_post_init__(self) -> None:
        self._timers = Timers(self.around.clock)
        self._watchdog = Watchdog(self.around.clock, self._timers)

    # What an operator does.

    def start(self, actor: str, cause: str = "start") -> None:
        """Have it run; nothing where it does, or is about to."""
        self.job.wanted = Wanted.RUNNING
        if self.job.state in (State.STARTING, State.RUNNING, State.STOPPING):
            return
        self.history.forgive()
        self._timers.cancel("retry")
        self._enter(cause, actor)

    async def stop(self, actor: str, cause: str = "stop") -> None:
        """Have it not run; returns when it does not."""
        self.job.wanted = Wanted.STOPPED
        await self._stop(cause, actor)

    async def shut_down(self, actor: str) -> None:
        """End its process with the initiator; the next one starts it again, where it is wanted."""
        self._shutting_down = True
        await self._stop("shutdown", actor)

    async def _stop(self, cause: str, actor: str) -> None:
        self._trouble = None
        resting = self.job.state in (State.EXITED, State.FATAL) and not self._shutting_down
        if resting or self.job.state is State.BACKOFF:
            self._rest(Step.STOP, cause, actor)
        elif self.job.state in (State.STARTING, State.RUNNING):
            self._begin_stop(cause, actor)
        await self.waiters.until(lambda: not self.job.alive and self.job.state is not State.STOPPING)

    async def restart(self, actor: str, cause: str = "restart") -> None:
        """Have its process end and another take its place; returns when that is ready, or will not be.

        It will not be where somebody stops the job meanwhile.
        """
        self.job.wanted = Wanted.RUNNING
        self.history.forgive()
        before = self.job.incarnation
        if self.job.state in (State.STARTING, State.RUNNING):
            self._begin_stop(cause, actor)
        elif self.job.state is not State.STOPPING:
            self.start(actor, cause)
        await self.waiters.until(lambda: self._is_restarted(before))

    def _is_restarted(self, before: int) -> bool:
        if self.job.state is State.STOPPED and self.job.wanted is Wanted.STOPPED:
            # Where it is deleted, its waiters are told when it is gone.
            return not self.job.doomed
        return self.job.incarnation > before and self.job.state is not State.STARTING

    def signal(self, number: int) -> None:
        """Send its process a signal.

        :raises Conflict: there is none.
        """
        if self._handle is None:
            state = self.job.state.value
            raise Conflict(
                f"{self.job.guid} has no process to send a signal to: it is {state}; it must be started first"
            )
        self.around.launcher.signal(self._handle, number)

    async def settled(self) -> None:
        """Wait until it is ready, or will not be without somebody doing something."""
        await self.waiters.until(self._is_settled)

    async def begun(self) -> None:
        """Wait until it has a process, or is in line for one, or will not have one."""
        await self.waiters.until(self._is_begun)

    def _is_begun(self) -> bool:
        in_line = self.around.queue.place(self.job.guid) is not None
        return self.job.alive or in_line or self.job.state is not State.STARTING

    def _is_settled(self) -> bool:
        if self.job.state is State.STOPPED:
            # In passing, where it is wanted: the next process is on its way.
            return self.job.wanted is Wanted.STOPPED or self._shutting_down
        return self.job.state in (State.RUNNING, State.EXITED, State.FATAL)

    @property
    def speaks(self) -> bool:
        """Whether it has a process that acknowledges its configuration."""
        return self.job.alive and self.job.speaks

    # What its process says.

    def contact(self) -> None:
        """It was heard of."""
        self._watchdog.heard()

    def reconfigured(self) -> None:
        """Its configuration is another one now."""
        self._watchdog.heed(self)

    def said_ready(self) -> None:
        """It says that it serves: see whether its endpoint does."""
        if self.job.state is State.STARTING and self.job.speaks and self._probed != self.job.incarnation:
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
        self.waiters.news()

    def _launch(self) -> None:
        job, clock = self.job, self.around.clock
        job.incarnation += 1
        job.running_revision, job.answer, job.ready, job.declared = None, None, False, None
        job.serial = job.serial_expires = job.serial_before = None
        self._launched_at = clock.seconds()
        self._watchdog.heard()
        settings = self.around.owner.settings(job)
        self._timers.set("place", LONGEST_LAUNCH, partial(self.around.queue.leave, job.guid))
        work = Deferred.fromCoroutine(self._launched(settings))
        work.addErrback(self._not_launched)

    async def _launched(self, settings: JobSettings) -> None:
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
            # From here on the next initiator knows of this incarnation, whatever becomes of this one.
            lock = self.around.locks.take(job.guid, job.incarnation)
            spec = evolve(launch.spec, log=log_file, listening=self.listening.fileno(), lock=lock)
            handle = await self.around.launcher.launch(spec, partial(self._ended, job.incarnation))
        finally:
            for descriptor in (log_file, lock):
                if descriptor >= 0:
                    os.close(descriptor)
        if self._over == handle.incarnation:
            # It was over before it was known to have begun.
            return
        job.speaks = launch.speaks
        if not job.speaks:
            # It will not say so itself, and reads no other while it runs.
            job.running_revision = launch.revision
        job.started = self.around.now()
        self._has(handle)
        self._timers.set_patient("ready", settings.ready_timeout, partial(self._too_late, settings.ready_timeout))
        if not job.speaks:
            self._probe()
        if job.state is State.STOPPING:
            # It was told to stop while it was being launched.
            self._end_process(settings.stop_timeout)

    def _has(self, handle: Handle) -> None:
        self._handle = handle
        self.job.process, self.job.launcher = handle.identity, handle.launcher
        self.around.owner.launched(self.job)
        self.waiters.news()

    def _not_launched(self, failure: Failure) -> None:
        if not failure.check(ProactorError):
            log.failure("Launching {guid}", failure, guid=self.job.guid)
        reason = f"could not be started: {failure.getErrorMessage()}"
        self._ended(self.job.incarnation, Exit(None, None, reason), hindered=bool(failure.check(*_HINDRANCES)))

    def _probe(self) -> None:
        incarnation, state = self.job.incarnation, self.job.state
        self._probed = incarnation

        def alive() -> bool:
            return self.job.state is state and self.job.incarnation == incarnation and self.job.alive

        async def ask() -> None:
            if await self.around.owner.probe(self.job, self.job.speaks, alive):
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
        if self.job.state is State.STARTING:
            self._step(Step.READY, "its endpoint answers", self.job.guid)
        else:
            self.around.owner.answers(self.job)
        self.contact()
        self._watchdog.watch(self)
        self.waiters.news()

    def _too_late(self, seconds: float) -> None:
        self._begin_stop(f"not ready within {seconds:g} s", "ready_timeout", trouble=True)

    def _leave_line(self) -> None:
        self._timers.cancel("place")
        self.around.queue.leave(self.job.guid)

    # Taking up what an earlier initiator left.

    def adopt(self, handle: Handle) -> bool:
        """Go on with a process that an earlier initiator launched; false where it has ended meanwhile."""
        job, around = self.job, self.around
        if not around.launcher.adopt(handle, partial(self._ended, handle.incarnation)):
            return False
        job.incarnation, job.ready = handle.incarnation, False
        ran = 0.0 if job.started is None else max(0.0, (around.now() - job.started).total_seconds())
        self._launched_at = around.clock.seconds() - ran
        if job.state not in (State.RUNNING, State.STOPPING):
            # What became of it since was not kept: its start is what it is in.
            job.state = State.STARTING
        if self._over == handle.incarnation:
            return True
        self._has(handle)
        settings = around.owner.settings(job)
        if job.wanted is Wanted.STOPPED or job.state is State.STOPPING:
            self._go_on_stopping(settings.stop_timeout)
            return True
        if job.state is State.STARTING:
            self._timers.set_patient("ready", settings.ready_timeout, partial(self._too_late, settings.ready_timeout))
        else:
            # It has come to be ready once: that it has no time for anybody just now is no reason to end it.
            self._timers.set_patient("ready", settings.ready_timeout, partial(around.owner.silent, job))
            self.contact()
            self._watchdog.watch(self)
        self._probe()
        return True

    def _go_on_stopping(self, grace: float) -> None:
        if self.job.state is State.STOPPING:
            self._end_process(grace)
        else:
            self._begin_stop("it was to be stopped", "the initiator")

    def take_up(self, ended: Exit | None) -> None:
        """Go on where an earlier initiator left a job that has no process now.

        :param ended: how the one that it had ended, where that was nobody's wish.
        """
        job = self.job
        job.process, job.ready = None, False
        if job.state in (State.STARTING, State.RUNNING, State.STOPPING):
            if job.wanted is Wanted.RUNNING and ended is not None:
                job.exit = evolve(ended, lines=self.around.logs.last_lines(job.guid, job.log_start, _LAST_LINES))
                self.around.owner.ended(job, job.exit, False)
                self._ended_by_itself(job.exit, True)
                return
            job.state = State.STOPPED
        if job.wanted is Wanted.RUNNING and job.state is State.STOPPED:
            self._enter("wanted", "the initiator")
        elif job.state is State.BACKOFF:
            left = 0.0 if job.next_start is None else (job.next_start - self.around.now()).total_seconds()
            # No longer than it can have been: a clock may have been set.
            longest = self.around.owner.settings(job).policy.delay_max
            self._timers.set("retry", min(max(left, 0.0), longest), self._again)
        else:
            self.listening.park()

    # What the watchdog asks and does: see proactor.jobs.watchdog.Watched.

    def longest_silence(self) -> float:
        """How long its process may be silent."""
        return self.around.owner.settings(self.job).watchdog if self.job.speaks else 0.0

    def ask_where_it_is(self, cause: str) -> None:
        """A processor writes its stacks to its log on SIGUSR1; that is kept with its end."""
        if self._handle is not None:
            # Who does not know that signal ends by it, and of no other trouble.
            self._trouble = cause
            with suppress(Conflict):
                self.around.launcher.signal(self._handle, signal.SIGUSR1)

    def spoke(self) -> None:
        """It is no trouble any more."""
        self._trouble = None

    def bite(self, cause: str) -> None:
        """It is a trouble."""
        self._begin_stop(cause, "watchdog", trouble=True)

    # Ending.

    def _begin_stop(self, cause: str, actor: str, trouble: bool = False) -> None:
        if self.job.state not in (State.STARTING, State.RUNNING):
            return
        in_line = self.around.queue.place(self.job.guid) is not None
        self._trouble = cause if trouble else None
        self.job.ready = False
        self._step(Step.STOP, cause, actor)
        self._timers.cancel("ready")
        self._watchdog.stop()
        self._probe_no_more()
        self._leave_line()
        if self._handle is not None:
            self._end_process(self.around.owner.settings(self.job).stop_timeout)
        elif in_line:
            self._ended(self.job.incarnation, Exit(None, None, "stopped before it was started"))
        self.waiters.news()

    def _end_process(self, grace: float) -> None:
        assert self._handle is not None
        if self._asked_to_end is None:
            self._asked_to_end = self.around.clock.seconds(), grace
        self.around.launcher.stop(self._handle, grace).addErrback(
            lambda failure: log.failure("Stopping {guid}", failure, guid=self.job.guid)
        )

    def _ended(self, incarnation: int, exit_: Exit, hindered: bool = False) -> None:
        """Its process is no more.

        :param hindered: there was none: what is around it did not let it begin.
        """
        if self.waiters.closed:
            # It was left to the next initiator.
            return
        job = self.job
        self._handle, self._over = None, incarnation
        self.listening.take_back()
        self._timers.cancel("ready")
        self._watchdog.stop()
        self._probe_no_more()
        self._leave_line()
        job.ready = False
        killed, self._asked_to_end = self._not_ended(exit_), None
        reason = "; ".join(filter(None, (self._trouble, killed, exit_.reason)))
        count = _LAST_LINES if self._trouble is None else _DUMP_LINES
        job.exit = evolve(exit_, reason=reason, lines=self.around.logs.last_lines(job.guid, job.log_start, count))
        is_wish = job.state is State.STOPPING and self._trouble is None
        on_purpose = job.wanted is Wanted.STOPPED or self._shutting_down or is_wish
        # To be made to end is a failure whatever it says of it.
        failed, self._trouble = exit_.code != 0 or self._trouble is not None, None
        self.around.owner.ended(job, job.exit, on_purpose)
        job.process = None
        if on_purpose:
            if killed is not None:
                log.warn("Processor {guid} ({module}) {reason}", guid=job.guid, module=job.module, reason=reason)
            self._ended_on_purpose(killed or "its process ended")
        else:
            self._ended_by_itself(job.exit, failed, hindered)

    def _not_ended(self, exit_: Exit) -> str | None:
        """What there is to say of one that was asked to end, and did not until it was killed."""
        if self._asked_to_end is None or exit_.code is not None or exit_.signal not in (None, signal.SIGKILL):
            return None
        since, grace = self._asked_to_end
        if self.around.clock.seconds() - since < grace:
            return None
        return f"did not end within stop_timeout = {grace:g} s of SIGTERM"

    def _ended_on_purpose(self, cause: str) -> None:
        if self.job.state is State.STOPPING:
            self._rest(Step.ENDED, cause, self.job.guid)
        if self.job.wanted is Wanted.RUNNING and not self._shutting_down:
            self.job.restarts += 1
            self._enter("restart", "the initiator")

    def _ended_by_itself(self, exit_: Exit, failed: bool, hindered: bool = False) -> None:
        job = self.job
        decision = self.history.hindered(self.around.random) if hindered else self._decision(failed)
        last = f": {exit_.last_words}" if exit_.last_words else ""
        log.warn(
            "Processor {guid} ({module}) {reason}{last}",
            guid=job.guid,
            module=job.module,
            reason=exit_.reason,
            last=last,
        )
        if isinstance(decision, Retry):
            self._retry_later(decision.delay, exit_.reason, counts=not hindered)
        elif isinstance(decision, GiveUp):
            job.exit = evolve(exit_, reason=f"{exit_.reason}; {decision.reason}")
            self._rest(Step.GIVE_UP, job.exit.reason, job.guid)
        else:
            assert isinstance(decision, Finished)
            self._rest(Step.FINISHED, exit_.reason, job.guid)

    def _decision(self, failed: bool) -> Decision:
        now = self.around.clock.seconds()
        policy = self.around.owner.settings(self.job).policy
        return self.history.ended(policy, failed, now - self._launched_at, now, self.around.random)

    def _retry_later(self, delay: float, cause: str, counts: bool) -> None:
        job = self.job
        job.next_start = self.around.now() + timedelta(seconds=delay)
        self._step(Step.RETRY, cause, job.guid)
        self._timers.set("retry", delay, partial(self._again, counts))
        self.waiters.news()

    def _again(self, counts: bool = True) -> None:
        # A launch that never began is no restart, and the one after it is the same again.
        self.job.restarts += counts
        self._enter("retry", "the initiator", again=True)

    def _rest(self, step: Step, cause: str, actor: str) -> None:
        """Come to a state in which nobody serves: clients are refused, and not left to wait."""
        self._timers.cancel("retry")
        self.job.next_start = None
        self._step(step, cause, actor)
        if self.job.wanted is Wanted.STOPPED or step is not Step.ENDED:
            self.listening.park()
        self.waiters.news()

    def close(self) -> None:
        """Give up what is kept for a job that has no process any more, or whose process goes on without us."""
        self._timers.cancel_all()
        self._watchdog.stop()
        self._probe_no_more()
        self.around.queue.leave(self.job.guid)
        self.listening.close()
        self.waiters.close()
