"""Who else is told what becomes of jobs: nobody, until somebody says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define

from ..model import Exit, Job
from ..saved import Write


@define(eq=False)
class Heard:
    """Calls that are made, each for one other part of the initiator."""

    #: Told of each launch.
    launch: Callable[[], None] = lambda: None
    #: Told of each job that may have become ready, or no longer be.
    readiness: Callable[[Job], None] = lambda _job: None
    #: Told of the end of each process, and whether it was wanted.
    end: Callable[[Job, Exit, bool], None] = lambda _job, _exit, _on_purpose: None
    #: Asked what else is kept when a job is forgotten.
    forgetting: Callable[[Job], Sequence[Write]] = lambda _job: ()
    #: Told of each job that is no more.
    removal: Callable[[Job], None] = lambda _job: None
