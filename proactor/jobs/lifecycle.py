"""The states of a job, and what leads from one to another. Drawn in ``docs/lifecycle.md``."""

from __future__ import annotations

from enum import Enum

from ..model import Job, State, Wanted


class Step(str, Enum):
    """What happens to a job."""

    #: It is to be launched.
    START = "start"
    #: It said that it serves, and its endpoint answered.
    READY = "ready"
    #: It is to end.
    STOP = "stop"
    #: Its process ended as it was told to.
    ENDED = "ended"
    #: Its process ended, and is to be started again after a while.
    RETRY = "retry"
    #: Its process ended by itself, and that is as it should be.
    FINISHED = "finished"
    #: Its process ended, and is not to be started again.
    GIVE_UP = "give up"


_AT_REST = (State.STOPPED, State.EXITED, State.FATAL)
_ALIVE = (State.STARTING, State.RUNNING)

TRANSITIONS: dict[tuple[State, Step], State] = {
    **{(state, Step.START): State.STARTING for state in (*_AT_REST, State.BACKOFF)},
    (State.STARTING, Step.READY): State.RUNNING,
    **{(state, Step.STOP): State.STOPPING for state in _ALIVE},
    **{(state, Step.STOP): State.STOPPED for state in (State.BACKOFF, State.EXITED, State.FATAL)},
    (State.STOPPING, Step.ENDED): State.STOPPED,
    **{(state, Step.RETRY): State.BACKOFF for state in (*_ALIVE, State.STOPPING)},
    **{(state, Step.FINISHED): State.EXITED for state in (*_ALIVE, State.STOPPING)},
    **{(state, Step.GIVE_UP): State.FATAL for state in (*_ALIVE, State.STOPPING)},
}


class ImpossibleStep(Exception):
    """The table has no such transition: a mistake of whoever asked for it."""


def after(state: State, step: Step) -> State:
    """The state that a step leads to.

    :raises ImpossibleStep: it leads nowhere from there.
    """
    try:
        return TRANSITIONS[state, step]
    except KeyError:
        raise ImpossibleStep(f"no way from {state.value} by {step.value}") from None


def is_settled(job: Job, wanted: Wanted) -> bool:
    """Whether a job is ready, or will not be without somebody doing something.

    :param wanted: what is wanted of it for as long as we are there.
    """
    if job.state is State.STOPPED:
        # In passing, where it is wanted: the next process is on its way.
        return wanted is Wanted.STOPPED
    return job.state in (State.RUNNING, State.EXITED, State.FATAL)


def is_restarted(job: Job, before: int) -> bool:
    """Whether a job that is restarted has another process that is ready, or will not have one.

    :param before: the incarnation that it had.
    """
    if job.state is State.STOPPED and job.wanted is Wanted.STOPPED:
        # Where it is deleted, who waits is told when it is gone.
        return not job.doomed
    return job.incarnation > before and job.state is not State.STARTING
