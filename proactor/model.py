"""Values that the rest speaks of: jobs, their states, how a process ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from attrs import define, field, frozen

from .log.last_words import last_words, told


class State(str, Enum):
    """What is seen of a job."""

    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    STOPPED = "stopped"
    EXITED = "exited"
    FATAL = "fatal"


class Wanted(str, Enum):
    """What its operator wants of it."""

    RUNNING = "running"
    STOPPED = "stopped"


@frozen
class Exit:
    """How a process ended.

    :param code: its exit status; ``None`` where a signal ended it, or where it cannot be known.
    :param signal: the number of the signal that ended it.
    :param reason: in a word or a sentence, for people.
    :param lines: the last it wrote.
    """

    code: int | None
    signal: int | None
    reason: str
    lines: tuple[str, ...] = ()

    @property
    def last_words(self) -> str:
        """What it said of why, where it failed by itself; else nothing."""
        return last_words(self.code, self.reason, self.lines)

    @property
    def told(self) -> str:
        """How it ended and what it said of why, in short."""
        return told(self.code, self.reason, self.lines)


@frozen
class Identity:
    """One process, told from every other of the same number.

    :param start: its start time, in clock ticks since the boot (proc(5), stat, field 22).
    :param boot: the boot's id (``/proc/sys/kernel/random/boot_id``).
    """

    pid: int
    start: int
    boot: str


@define
class Job:
    """The initiator's record of one processor: what is wanted, what is seen. Times are aware, in UTC.

    :ivar doomed: whether it is to be forgotten once its process has ended.
    :ivar process: of the present incarnation, where there is one; speaks: whether that acknowledges its configuration.
    :ivar log_start: where in its log what that process writes begins.
    """

    guid: str
    module: str
    launcher: str
    port: int
    url: str
    created: datetime
    labels: Mapping[str, str] = field(factory=dict)
    address: str = ""
    wanted: Wanted = Wanted.RUNNING
    doomed: bool = False
    state: State = State.STOPPED
    ready: bool = False
    incarnation: int = 0
    process: Identity | None = None
    speaks: bool = True
    log_start: int = 0
    started: datetime | None = None
    restarts: int = 0
    next_start: datetime | None = None
    exit: Exit | None = None
    #: The last configuration that the process said it runs, and what it said of the newest it was given.
    running_revision: int | None = None
    answer: Answer | None = None
    #: See :class:`proactor.saved.SavedJob`.
    serial: str | None = None
    serial_expires: datetime | None = None
    serial_before: str | None = None
    revoked: datetime | None = None
    revoked_incarnation: int = 0
    #: The options that its process declared, as its acknowledgement had them.
    declared: Sequence[Mapping[str, Any]] | None = None
    #: The topics that its process has subscribed to, or the last one that said so: a restart loses no message.
    topics: Sequence[str] = ()

    @property
    def pid(self) -> int | None:
        """The number of its process."""
        return None if self.process is None else self.process.pid

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self.process is not None


@frozen
class Answer:
    """A processor's acknowledgement.

    :param status: ``applied`` or ``rejected``.
    :param option: at fault, where it was rejected for one.
    :param pending: the options that changed and take effect at its next start.
    """

    revision: int
    status: str
    option: str | None = None
    reason: str | None = None
    pending: Sequence[str] = ()


def timestamp(time: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if time is None:
        return None
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def job_record(job: Job, wanted_revision: int | None, place: int | None) -> dict[str, Any]:
    """A job as its readers see it; what is not known is ``None``.

    :param place: in the line of those that wait to be launched.
    """
    return {
        "guid": job.guid,
        "module": job.module,
        "labels": dict(job.labels),
        "wanted": job.wanted.value,
        "state": job.state.value,
        "ready": job.ready,
        "queue": place,
        "incarnation": job.incarnation,
        "pid": job.pid,
        "port": job.port,
        "url": job.url,
        "launcher": job.launcher,
        "revision": {"wanted": wanted_revision, "running": job.running_revision, **_answer_record(job.answer)},
        "created": timestamp(job.created),
        "started": timestamp(job.started),
        "restarts": job.restarts,
        "next_start": timestamp(job.next_start),
        "exit": _exit_record(job.exit),
    }


def _answer_record(answer: Answer | None) -> dict[str, Any]:
    record: dict[str, Any] = {"pending": list(answer.pending) if answer is not None else []}
    if answer is not None and answer.status == "rejected":
        record["rejected"] = {"revision": answer.revision, "option": answer.option, "reason": answer.reason}
    return record


def _exit_record(exit_: Exit | None) -> dict[str, Any] | None:
    if exit_ is None:
        return None
    return {"code": exit_.code, "signal": exit_.signal, "reason": exit_.reason, "lines": list(exit_.lines)}
