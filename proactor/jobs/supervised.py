"""The supervision of one job: from what is wanted of it and what becomes of its processes to its state.

Each process is an ``incarnation``, which knows nothing of what comes before and after it; what leads from one to the
next is here: the restart policy, the wait, the line. No job waits for another.
"""

from __future__ import annotations

from functools import partial

from attrs import define, evolve, field
from twisted.logger import Logger

from ..errors import Conflict
from ..interfaces import Handle
from ..launchers.held import HeldSocket
from ..model import Exit, Job, State, Wanted
from ..reactor.waiters import Waiters
from .ending import LAST_LINES, End
from .incarnation import Incarnation
from .lifecycle import Step, after, is_restarted, is_settled
from .next_start import NextStart
from .restart_policy import Decision, Finished, GiveUp, RestartHistory, Retry
from .surroundings import Surroundings

log = Logger(namespace="proactor.supervisor")


@define(eq=False)
class Supervised:
    """The supervision of one job."""

    job: Job
    listening: HeldSocket
    around: Surroundings
    history: RestartHistory = field(factory=RestartHistory)
    waiters: Waiters = field(factory=Waiters)
    #: The one that is launched or runs; while the job is in line for a launch there is none.
    _incarnation: Incarnation | None = None
    _next_start: NextStart = field(init=False)
    #: Whether it is ended because the initiator is: what is wanted of it stays.
    _shutting_down: bool = False

    def __attrs_post_init__(self) -> None:
        self._next_start = NextStart(self.job, self.around.clock, self.around.now)

    # What an operator does.

    def start(self, actor: str, cause: str = "start") -> None:
        """Have it run; nothing where it does, or is about to."""
        self.job.wanted = Wanted.RUNNING
        if self.job.state in (State.STARTING, State.RUNNING, State.STOPPING):
            return
        self.history.forgive()
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
        resting = self.job.state in (State.EXITED, State.FATAL) and not self._shutting_down
        if resting or self.job.state is State.BACKOFF:
            self._rest(Step.STOP, cause, actor)
        elif self._incarnation is not None and self.job.state is State.STOPPING:
            # Whatever it is made to end for, it is somebody's wish by now.
            self._incarnation.ending.trouble = None
        else:
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
        await self.waiters.until(lambda: is_restarted(self.job, before))

    def signal(self, number: int) -> None:
        """Send its process a signal.

        :raises Conflict: there is none.
        """
        if self._incarnation is None:
            guid, state = self.job.guid, self.job.state.value
            raise Conflict(f"{guid} has no process to send a signal to: it is {state}; it must be started first")
        self._incarnation.signal(number)

    async def settled(self) -> None:
        """Wait until it is ready, or will not be without somebody doing something."""
        # Where the initiator stops, nothing more is to come of it, whatever is wanted.
        await self.waiters.until(
            lambda: is_settled(self.job, Wanted.STOPPED if self._shutting_down else self.job.wanted)
        )

    async def begun(self) -> None:
        """Wait until it has a process, or is in line for one, or will not have one."""
        job = self.job
        await self.waiters.until(lambda: job.alive or self._incarnation is None or job.state is not State.STARTING)

    # What its process says.

    @property
    def speaks(self) -> bool:
        """Whether it has a process that acknowledges its configuration."""
        return self.job.alive and self.job.speaks

    def contact(self) -> None:
        """It was heard of."""
        if self._incarnation is not None:
            self._incarnation.contact()

    def reconfigured(self) -> None:
        """Its configuration is another one now."""
        if self._incarnation is not None:
            self._incarnation.reconfigured()

    def said_ready(self) -> None:
        """It says that it serves: see whether its endpoint does."""
        if self._incarnation is not None:
            self._incarnation.said_ready()

    # Starting.

    def _step(self, step: Step, cause: str, actor: str) -> None:
        before = self.job.state
        self.job.state = after(before, step)
        self.around.owner.stepped(self.job, before, step, cause, actor)

    def _enter(self, cause: str, actor: str, again: bool = False) -> None:
        """Get in line for a launch."""
        self._next_start.cancel()
        self._step(Step.START, cause, actor)
        self.around.queue.enter(self.job.guid, self._launch, again)
        self.waiters.news()

    def _launch(self) -> None:
        self._incarnation = self._next(self.job.incarnation + 1)
        self._incarnation.launch()

    def _next(self, number: int) -> Incarnation:
        return Incarnation(self.job, number, self.listening, self.around, self)

    # Taking up what an earlier initiator left.

    def adopt(self, handle: Handle) -> bool:
        """Go on with a process that an earlier initiator launched; false where it has ended meanwhile."""
        incarnation = self._next(handle.incarnation)
        if not incarnation.adopt(handle):
            return False
        self._incarnation = incarnation
        if self.job.state is State.STOPPING:
            incarnation.stop(self.around.owner.settings(self.job).stop_timeout)
        elif self.job.wanted is Wanted.STOPPED:
            self._begin_stop("it was to be stopped", "the initiator")
        else:
            incarnation.go_on()
        return True

    def take_up(self, ended: Exit | None) -> None:
        """Go on where an earlier initiator left a job that has no process now.

        :param ended: how the one that it had ended, where that was nobody's wish.
        """
        job = self.job
        job.process, job.ready = None, False
        if job.state in (State.STARTING, State.RUNNING, State.STOPPING):
            if job.wanted is Wanted.RUNNING and ended is not None:
                job.exit = evolve(ended, lines=self.around.logs.last_lines(job.guid, job.log_start, LAST_LINES))
                self.around.owner.ended(job, job.exit, False)
                self._ended_by_itself(End(job.exit, self.around.since(job.started)))
                return
            job.state = State.STOPPED
        if job.wanted is Wanted.RUNNING and job.state is State.STOPPED:
            self._enter("wanted", "the initiator")
        elif job.state is State.BACKOFF:
            self._next_start.go_on(self.around.owner.settings(job).policy.delay_max, self._again)
        else:
            self.listening.park()

    # What becomes of its process: see proactor.jobs.incarnation.Overseer.

    def has_process(self) -> None:
        """It has begun."""
        self.waiters.news()

    def is_ready(self) -> None:
        """It is ready: for the first time, or as it was found by an earlier initiator."""
        if self.job.state is State.STARTING:
            self._step(Step.READY, "its endpoint answers", self.job.guid)
        else:
            self.around.owner.answers(self.job)
        self.waiters.news()

    def is_in_trouble(self, cause: str, actor: str) -> None:
        """It has to be made to end."""
        self._begin_stop(cause, actor, cause)

    def _begin_stop(self, cause: str, actor: str, trouble: str | None = None) -> None:
        """Have its process end, or not begin; it is in trouble where that is nobody's wish."""
        if self.job.state not in (State.STARTING, State.RUNNING):
            return
        self.job.ready = False
        self._step(Step.STOP, cause, actor)
        if self._incarnation is None:
            self.around.queue.leave(self.job.guid)
            self.has_ended(End(Exit(None, None, "stopped before it was started")))
        else:
            self._incarnation.ending.trouble = trouble
            self._incarnation.stop(self.around.owner.settings(self.job).stop_timeout)
        self.waiters.news()

    def has_ended(self, end: End) -> None:
        """Its process is no more."""
        if self.waiters.closed:
            # The job was left to the next initiator.
            return
        job, self._incarnation = self.job, None
        job.ready, job.exit = False, end.exit
        is_wish = job.state is State.STOPPING and not end.in_trouble
        on_purpose = job.wanted is Wanted.STOPPED or self._shutting_down or is_wish
        self.around.owner.ended(job, end.exit, on_purpose)
        job.process = None
        if not on_purpose:
            self._ended_by_itself(end)
            return
        if end.killed is not None:
            self._warn(end.exit.reason)
        self._ended_on_purpose(end.killed or "its process ended")

    # What follows.

    def _ended_on_purpose(self, cause: str) -> None:
        if self.job.state is State.STOPPING:
            self._rest(Step.ENDED, cause, self.job.guid)
        if self.job.wanted is Wanted.RUNNING and not self._shutting_down:
            self.job.restarts += 1
            self._enter("restart", "the initiator")

    def _ended_by_itself(self, end: End) -> None:
        job, exit_, decision = self.job, end.exit, self._decision(end)
        self._warn(exit_.reason, f": {exit_.last_words}" if exit_.last_words else "")
        if isinstance(decision, Retry):
            self._next_start.wait(decision.delay, partial(self._again, not end.hindered))
            self._step(Step.RETRY, exit_.reason, job.guid)
            self.waiters.news()
        elif isinstance(decision, GiveUp):
            job.exit = evolve(exit_, reason=f"{exit_.reason}; {decision.reason}")
            self._rest(Step.GIVE_UP, job.exit.reason, job.guid)
        else:
            assert isinstance(decision, Finished)
            self._rest(Step.FINISHED, exit_.reason, job.guid)

    def _warn(self, reason: str, last: str = "") -> None:
        guid, module = self.job.guid, self.job.module
        log.warn("Processor {guid} ({module}) {reason}{last}", guid=guid, module=module, reason=reason, last=last)

    def _decision(self, end: End) -> Decision:
        if end.hindered:
            return self.history.hindered(self.around.random)
        now, policy = self.around.clock.seconds(), self.around.owner.settings(self.job).policy
        return self.history.ended(policy, end.failed, end.ran, now, self.around.random)

    def _again(self, counts: bool = True) -> None:
        # A launch that never began is no restart, and the one after it is the same again.
        self.job.restarts += counts
        self._enter("retry", "the initiator", again=True)

    def _rest(self, step: Step, cause: str, actor: str) -> None:
        """Come to a state in which nobody serves: clients are refused, and not left to wait."""
        self._next_start.cancel()
        self._step(step, cause, actor)
        if self.job.wanted is Wanted.STOPPED or step is not Step.ENDED:
            self.listening.park()
        self.waiters.news()

    def close(self) -> None:
        """Give up what is kept for a job that has no process any more, or whose process goes on without us."""
        self._next_start.leave()
        if self._incarnation is not None:
            self._incarnation.leave()
        self.around.queue.leave(self.job.guid)
        self.listening.close()
        self.waiters.close()
