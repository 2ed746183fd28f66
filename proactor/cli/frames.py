"""What ``proactor top`` shows at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import frozen

from ..errors import ProactorError
from .jobs_shown import STYLES, note, now, revision
from .shell import each
from .tables import Cell, Column, Table
from .words import age, one_line, shorts, size

if TYPE_CHECKING:
    from ..client import Client, Job

__all__ = ["SORTS", "Frame", "look"]

#: What needs somebody's attention comes first.
_ORDER = ("fatal", "backoff", "starting", "stopping", "exited", "running", "stopped")
#: What its processes use is asked of so many jobs at most.
_MOST = 200
SORTS = ("trouble", "cpu", "memory", "restarts", "age")

FRAME = (
    Column("JOB"),
    Column("MODULE", gives=True, tail=True),
    Column("STATE"),
    Column("%CPU", right=True, spare=2),
    Column("MEM", right=True, spare=3),
    Column("RESTARTS", right=True, spare=1),
    Column("REV", right=True, spare=5),
    Column("MSGS", right=True, spare=4),
    Column("AGE", right=True, spare=6),
)


@frozen
class Frame:
    """All of it.

    :param jobs: the first of them with what they use.
    :param waiting: by guid or module, how many messages wait; ``None``: that may not be seen.
    """

    url: str
    revision: int
    jobs: Sequence[Job]
    waiting: Mapping[str, int] | None
    dead: int
    at: datetime

    def head(self) -> list[Cell]:
        """The parts of what stands above."""
        states = Counter(job.state for job in self.jobs)
        cells = [Cell(self.url), Cell(f"revision {self.revision}"), Cell(f"{len(self.jobs)} jobs")]
        cells += [Cell(f"{states[state]} {state}", STYLES[state]) for state in _ORDER if states[state]]
        if self.waiting is not None:
            dead = f", {self.dead} dead" if self.dead else ""
            cells.append(Cell(f"{sum(self.waiting.values())} messages{dead}", "yellow" if self.dead else ""))
        return cells

    def table(self) -> Table:
        """A row for each job, and below it what is out of the ordinary."""
        names = shorts(job.guid for job in self.jobs)
        rows = [self._row(job, names[job.guid]) for job in self.jobs]
        return Table(FRAME, rows, ("NOTE", [note(job, self.at) for job in self.jobs]))

    def _row(self, job: Job, name: str) -> list[Cell]:
        used = job.resources
        waiting = "-" if self.waiting is None else str(self.waiting.get(job.guid, 0))
        return [
            Cell(name, "cyan"),
            Cell(one_line(job.module)),
            Cell(job.state, STYLES.get(job.state, "")),
            Cell("-" if used is None else f"{used.cpu_percent:.1f}"),
            Cell("-" if used is None else size(used.rss)),
            Cell(str(job.restarts), "yellow" if job.restarts else ""),
            Cell(revision(job)),
            Cell(waiting, "yellow" if waiting not in ("0", "-") else ""),
            Cell(age(job.started or job.created, self.at)),
        ]

    def record(self) -> dict[str, Any]:
        """For programs."""
        messages = None if self.waiting is None else {"waiting": dict(self.waiting), "dead": self.dead}
        jobs = [dict(job.record) for job in self.jobs]
        return {"url": self.url, "revision": self.revision, "jobs": jobs, "messages": messages}


async def look(client: Client, sort: str, module: str | None) -> Frame:
    """See how it is now."""
    jobs = sorted(await client.jobs.list(module=module), key=_trouble)
    detailed = await each(jobs[:_MOST], lambda job: client.jobs.get(job.guid))
    # One that is deleted meanwhile is shown as it was.
    shown = [was if isinstance(found, ProactorError) else found for was, found in zip(jobs, detailed, strict=False)]
    shown = sorted([*shown, *jobs[_MOST:]], key=_KEYS[sort])
    ready = await client.readiness()
    waiting, dead = await _messages(client)
    return Frame(client.connection.url, ready.revision, shown, waiting, dead, now())


async def _messages(client: Client) -> tuple[Mapping[str, int] | None, int]:
    from ..client import Forbidden  # noqa: PLC0415

    try:
        found = await client.messages.mailboxes()
    except Forbidden:
        # A token may open the rest and not this.
        return None, 0
    return {box.receiver: box.waiting for box in found.receivers}, found.dead


def _trouble(job: Job) -> tuple[int, str]:
    return (_ORDER.index(job.state) if job.state in _ORDER else len(_ORDER)), job.module


def _used(job: Job, name: str) -> float:
    return -1.0 if job.resources is None else float(getattr(job.resources, name))


_KEYS: Mapping[str, Any] = {
    "trouble": lambda job: (*_trouble(job), -_used(job, "cpu_percent")),
    "cpu": lambda job: -_used(job, "cpu_percent"),
    "memory": lambda job: -_used(job, "rss"),
    "restarts": lambda job: -job.restarts,
    "age": lambda job: job.started or job.created,
}
