"""Jobs as they are saved, and made again of that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..model import Job
from ..saved import SavedJob
from .restart_policy import RestartHistory

#: What a saved job has of its record as it is.
_SAME = (
    "guid",
    "module",
    "launcher",
    "address",
    "port",
    "created",
    "labels",
    "wanted",
    "doomed",
    "state",
    "incarnation",
    "process",
    "speaks",
    "log_start",
    "started",
    "restarts",
    "next_start",
    "exit",
    "running_revision",
    "serial",
    "serial_expires",
    "serial_before",
    "revoked",
    "revoked_incarnation",
    "declared",
    "topics",
)


def saved_job(job: Job, joined: int, history: RestartHistory | None, now: datetime, clock: float) -> SavedJob:
    """What is saved of a job.

    :param joined: the revision that brought it.
    :param now: the time of day; clock: the same moment on the clock of its history.
    """
    ages, in_a_row = ((), 0) if history is None else history.kept(clock)
    failures = tuple(now - timedelta(seconds=age) for age in ages)
    same = {name: getattr(job, name) for name in _SAME}
    return SavedJob(**same, joined=joined, failures=failures, in_a_row=in_a_row)


def job_of(saved: SavedJob, url: str) -> Job:
    """The record that was saved."""
    return Job(url=url, **{name: getattr(saved, name) for name in _SAME})


def history_of(saved: SavedJob, now: datetime, clock: float) -> RestartHistory:
    """The history of a saved job's restarts."""
    ages: Sequence[float] = [(now - time).total_seconds() for time in saved.failures]
    return RestartHistory.of(ages, saved.in_a_row, clock)
