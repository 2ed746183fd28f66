"""``restart``: of some jobs at once, or rolling, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .completions import complete_restart
from .ends import DONE, FAILED, Failed
from .lookout import Lookout
from .moving import Move, all_option, moved
from .numbers import Seconds
from .settling import within
from .shell import Shell, chosen, pass_shell
from .verbs import Verb, need_selection, selection

if TYPE_CHECKING:
    from ..client import Client, Restart

__all__ = ["looked", "restart"]

#: Between two looks at a rolling restart, in seconds.
_LOOK = 0.3
#: How long jobs that are named are waited for, in seconds.
_USUAL_WAIT = 60.0

_RESTART = Move(
    "Restarting", "restarts", lambda client, guid, wait: client.jobs.restart(guid, wait), lambda job: job.ready
)


@click.command(
    cls=Verb,
    examples=(
        ("proactor restart 3f2a", "one job; its clients wait meanwhile, and are not refused"),
        ("proactor restart --module ticker --batch 2", "a rolling restart: two at a time, each ready before the next"),
        ("proactor restart --module ticker --batch 1 --batch 25%", "one, and then the rest by quarters"),
        ("proactor restart --all", "all there are, one at a time"),
        ("proactor restart --follow 60434dc5a93e", "look again at a rolling restart"),
    ),
)
@selection
@click.option("--batch", "-b", "batches", multiple=True, metavar="N|N%", help="How many at a time, of many: 1.")
@click.option(
    "--follow", "-f", metavar="ID", shell_complete=complete_restart, help="Show a rolling restart that goes on already."
)
@all_option
@click.option(
    "--wait",
    "-w",
    type=Seconds(min=0),
    metavar="SECONDS",
    help="How long to wait for it, 0: not at all; else 60 for JOB, and for many until it is over.",
)
@pass_shell
def restart(
    shell: Shell,
    jobs: Sequence[str],
    *,
    module: str | None,
    labels: Sequence[str],
    batches: Sequence[str],
    follow: str | None,
    everything: bool,
    wait: float | None,
) -> None:
    """Have other processes take the place of those of jobs.

    The jobs of a module or a label, or all, are restarted in batches, each ready before the next: a rolling restart,
    which is waited for until it is over, or for so long as --wait says: it goes on then. Jobs that are stopped are left
    as they are.
    """
    if follow is None:
        need_selection(jobs, module, labels, everything)
    if jobs and batches:
        raise click.UsageError("--batch is for --module, --label and --all")

    async def work(client: Client) -> int:
        if jobs:
            seconds = _USUAL_WAIT if wait is None else wait
            return await moved(shell, client, _RESTART, await chosen(client, jobs, None, ()), seconds)
        if follow is not None:
            record = await client.jobs.restarting(follow)
        else:
            record = await client.jobs.restart_all(module=module, labels=labels, everything=everything, batches=batches)
            if not record.wanted:
                raise Failed("there is no such job, or all of them are stopped", "see which there are: proactor ps")
        return await _rolled(shell, client, record, wait)

    shell.run(work)


async def looked(client: Client, record: Restart, lookout: Lookout) -> Restart:
    """How far a rolling restart is; an initiator that is gone is waited for.

    :raises Failed: it was gone, and with it the restart.
    """
    from ..client import NotFound  # noqa: PLC0415
    from ..client.streams import patiently  # noqa: PLC0415

    try:
        return await patiently(
            client.connection, lambda: client.jobs.restarting(record.id), lookout.lost, lookout.found
        )
    except NotFound:
        raise Failed(
            f"{record.ready} of {record.wanted} were restarted when the initiator ended, which ended that",
            "have the others restarted: proactor ps says how long each runs, proactor restart takes their guids",
        ) from None


async def _rolled(shell: Shell, client: Client, record: Restart, wait: float | None) -> int:
    """Show a rolling restart until it is over; the exit code.

    :param wait: seconds at most; ``None``: any number.
    :raises Failed: it was stopped, or is not over in time.
    """
    shell.accepted("the restart goes on", f"proactor restart --follow {record.id}")
    record = await _followed(shell, client, record, wait)
    is_late = not record.over and wait != 0
    if shell.out.json:
        shell.out.document(dict(record.record))
        return FAILED if is_late or record.state == "stopped" else DONE
    if record.state == "stopped":
        raise Failed(
            f"stopped, {record.ready} of {record.wanted} done: {record.problem}", "mend that, and say it again"
        )
    if is_late:
        done = f"{record.ready} of {record.wanted} restarted after {wait:g} s"
        raise Failed(f"{done}; the restart goes on", f"look again: {shell.look}")
    shell.out.say(f"{record.ready} of {record.wanted} restarted." if record.over else shell.hint)
    return DONE


async def _followed(shell: Shell, client: Client, record: Restart, wait: float | None) -> Restart:
    """Show it as long as it is waited for; as it was seen last."""
    from twisted.internet.task import deferLater  # noqa: PLC0415

    lookout = Lookout(shell.out)
    with shell.out.progress("Restarting", record.wanted) as bar:

        async def follow() -> None:
            nonlocal record
            while not record.over:
                await deferLater(client.connection.clock, _LOOK)
                record = await looked(client, record, lookout)
                bar.at(record.ready, f"batch {record.batch} of {len(record.batches)}")

        if wait is None:
            await follow()
        elif wait:
            await within(client.connection.clock, follow(), wait)
    return record
