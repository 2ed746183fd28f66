"""For whom an initiator that stops waits: in words, for who asks it to stop once more."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from ..model import Job, State

__all__ = ["waited_for"]

#: So many are named at most.
_NAMED = 3


def waited_for(jobs: Iterable[Job], stop_timeout: Callable[[Job], float], passed: float) -> str:
    """Which processors are still to end, and how long that takes at most; nothing where none is.

    :param stop_timeout: how long each is given, in seconds.
    :param passed: how many seconds ago all were told.
    """
    left = [job for job in jobs if job.state is State.STOPPING]
    if not left:
        return ""
    most = math.ceil(max(0.0, *(stop_timeout(job) - passed for job in left)))
    names = [f"{job.guid[:8]} ({job.module})" for job in left[:_NAMED]]
    if len(left) > _NAMED:
        names.append(f"{len(left) - _NAMED} more")
    who = "a processor is" if len(left) == 1 else f"{len(left)} processors are"
    return f"{who} waited for, {most} s at most: {', '.join(names)}"
