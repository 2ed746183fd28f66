"""``ps`` and ``show``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from .completions import complete_module
from .jobs_shown import STYLES, now, revision, table
from .shell import Shell, find, pass_shell
from .tables import Cell
from .verbs import Jobs, Verb, labels_option
from .words import age, clock, one_line, safe, size

if TYPE_CHECKING:
    from ..client import Client, Event, Job
    from ..client.timeline import Chosen

__all__ = ["ps", "show"]

_STATES = ("starting", "running", "backoff", "stopping", "stopped", "exited", "fatal")
_EVENTS = 5


@click.command(
    cls=Verb,
    examples=(
        ("proactor ps", "all jobs"),
        ("proactor ps --state fatal", "those that were given up, each with its reason"),
        ("proactor ps -q --module ticker | xargs proactor stop", "guids alone, for another command"),
    ),
)
@click.option("--state", "-s", type=click.Choice(_STATES), help="Those in a state.")
@click.option("--module", "-m", metavar="MODULE", shell_complete=complete_module, help="Those of a module.")
@labels_option
@click.option("--quiet", "-q", is_flag=True, help="Guids alone, a line each.")
@pass_shell
def ps(shell: Shell, state: str | None, module: str | None, labels: Sequence[str], quiet: bool) -> None:
    """List the jobs.

    REV is the revision of the configuration that a process runs with. 47/48: it runs with 47, and is to have 48.
    -/48: it is to have 48, and none runs with any yet.
    """

    async def work(client: Client) -> None:
        jobs = await client.jobs.list(state=state, module=module, labels=labels)
        show_jobs(shell, jobs, quiet)
        if not jobs:
            is_all = not (state or module or labels)
            shell.out.say("There are no jobs. Launch one: proactor create" if is_all else "There are no such jobs.")

    shell.run(work)


def show_jobs(shell: Shell, jobs: Sequence[Job], quiet: bool = False) -> None:
    """Jobs as a table, as guids, or as JSON."""
    if shell.out.json:
        shell.out.document([dict(job.record) for job in jobs])
    elif quiet:
        for job in jobs:
            shell.out.line(job.guid)
    elif jobs:
        shell.out.table(table(jobs, now()))


@click.command(
    cls=Verb,
    examples=(
        ("proactor show 3f2a", "the job whose guid begins so"),
        ("proactor show 3f2a --json", "its record"),
    ),
)
@click.argument("job", type=Jobs())
@pass_shell
def show(shell: Shell, job: str) -> None:
    """Show all that is known of a job."""

    async def work(client: Client) -> None:
        (guid,) = await find(client, [job])
        found = await client.jobs.get(guid)
        if shell.out.json:
            shell.out.document(dict(found.record))
            return
        for name, cell in _facts(found):
            shell.out.line(Cell(f"{name:<11}", "bold"), cell)
        _show_past(shell, found, await client.events.list(_of(guid), tail=_EVENTS))

    shell.run(work)


def _of(guid: str) -> Chosen:
    from ..client.timeline import Chosen  # noqa: PLC0415

    return Chosen(guid)


def _facts(job: Job) -> Iterator[tuple[str, Cell]]:
    at = now()
    yield "guid", Cell(job.guid, "cyan")
    yield "module", Cell(one_line(job.module))
    yield "state", Cell(_state(job), STYLES.get(job.state, ""))
    yield "url", Cell(job.url)
    yield "process", Cell("none" if job.pid is None else f"{job.pid}, by {job.launcher}, number {job.incarnation}")
    yield "revision", Cell(_revision(job))
    if job.labels:
        yield "labels", Cell(" ".join(f"{name}={value}" for name, value in job.labels.items()))
    yield "created", Cell(f"{age(job.created, at)} ago")
    yield "started", Cell("never" if job.started is None else f"{age(job.started, at)} ago")
    yield "restarts", Cell(str(job.restarts))
    used = job.resources
    if used is not None:
        yield "uses", Cell(f"{used.cpu_percent:.1f} % CPU, {size(used.rss)}iB, {used.threads} threads")


def _state(job: Job) -> str:
    parts = [job.state]
    if job.state == "running" and not job.ready:
        parts.append("not ready")
    if job.state not in (job.wanted, "starting"):
        parts.append(f"{job.wanted} is wanted")
    if job.queue is not None:
        parts.append(f"number {job.queue} in line")
    if job.next_start is not None:
        parts.append(f"again at {clock(job.next_start)}")
    return ", ".join(parts)


def _revision(job: Job) -> str:
    parts = [revision(job)]
    rejected = job.revision.rejected
    if rejected is not None:
        what = f"{rejected.option}: " if rejected.option else ""
        parts.append(one_line(f"rejected {rejected.revision}: {what}{rejected.reason or ''}"))
    if job.revision.pending:
        parts.append(f"for the next start: {', '.join(job.revision.pending)}")
    return ", ".join(parts)


def _show_past(shell: Shell, job: Job, events: Sequence[Event]) -> None:
    if job.exit is not None:
        shell.out.line(Cell(f"{'last end':<11}", "bold"), Cell(one_line(job.exit.reason), "red"))
        for line in job.exit.lines:
            shell.out.line(Cell(f"  {safe(line)}", "dim"))
    if events:
        shell.out.line(Cell("events", "bold"))
    for event in events:
        shell.out.line(f"  {clock(event.time)}  {event.event:<9}  {one_line(event.cause)}")
