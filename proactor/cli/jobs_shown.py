"""Jobs as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ..log.last_words import told
from .tables import Cell, Column, Table
from .words import age, duration, one_line, shorts

if TYPE_CHECKING:
    from ..client import Exit, Job

__all__ = ["STYLES", "last_words", "note", "table"]

#: Of each state.
STYLES = {
    "running": "green",
    "starting": "yellow",
    "stopping": "yellow",
    "backoff": "yellow",
    "fatal": "bold red",
    "exited": "dim",
    "stopped": "dim",
}
COLUMNS = (
    Column("JOB"),
    Column("MODULE", gives=True, tail=True),
    Column("STATE"),
    Column("PORT", right=True, spare=2),
    Column("REV", right=True, spare=3),
    Column("RESTARTS", right=True, spare=1),
    Column("AGE", right=True, spare=4),
)


def now() -> datetime:
    """The time of day, aware."""
    return datetime.now(timezone.utc)


def table(jobs: Sequence[Job], at: datetime) -> Table:
    """A row for each job, and what there is to say of it."""
    names = shorts(job.guid for job in jobs)
    return Table(COLUMNS, [_row(job, names[job.guid], at) for job in jobs], ("NOTE", [note(job, at) for job in jobs]))


def _row(job: Job, name: str, at: datetime) -> list[Cell]:
    return [
        Cell(name, "cyan"),
        Cell(one_line(job.module)),
        Cell(job.state, STYLES.get(job.state, "")),
        Cell(str(job.port)),
        Cell(revision(job)),
        Cell(str(job.restarts), "yellow" if job.restarts else ""),
        Cell(age(job.started or job.created, at)),
    ]


def revision(job: Job) -> str:
    """The one that it runs; the one that it is to have behind a slash, where that is another."""
    wanted, running = job.revision.wanted, job.revision.running
    if wanted == running or (running is None and wanted is None):
        return "-" if running is None else str(running)
    return f"{'-' if running is None else running}/{'-' if wanted is None else wanted}"


def note(job: Job, at: datetime) -> Cell:
    """What is out of the ordinary with a job."""
    if job.queue is not None:
        return Cell(f"number {job.queue} in line", "dim")
    if job.state in ("fatal", "exited", "backoff"):
        wait = "" if job.next_start is None else f"again in {duration((job.next_start - at).total_seconds())}: "
        return Cell(f"{wait}{last_words(job.exit)}", "red" if job.state == "fatal" else "dim")
    rejected = job.revision.rejected
    if rejected is not None:
        what = f"{rejected.option}: " if rejected.option else ""
        return Cell(one_line(f"rejected {rejected.revision}: {what}{rejected.reason or ''}"), "yellow")
    if job.revision.pending:
        return Cell(f"for the next start: {', '.join(job.revision.pending)}", "dim")
    return Cell("")


def last_words(exit_: Exit | None) -> str:
    """How the last process ended, and what it said of why."""
    if exit_ is None:
        return "no reason is known"
    return one_line(told(exit_.code, exit_.reason, exit_.lines))
