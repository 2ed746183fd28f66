"""``restart``: of some jobs at once, or rolling, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .ends import DONE, FAILED, Failed
from .launching import wait_option
from .lookout import Lookout
from .moving import Move, moved
from .shell import Shell, chosen, pass_shell
from .verbs import Verb, need_selection, selection

if TYPE_CHECKING:
    from ..client import Client, Restart

__all__ = ["looked", "restart"]

#: Between two looks at a rolling restart, in seconds.
_LOOK = 0.3

_RESTART = Move(
    "Restarting", "restarts", lambda client, guid, wait: client.jobs.restart(guid, wait), lambda job: job.ready
)


@click.command(
    cls=Verb,
    examples=(
        ("proactor restart 3f2a", "one job; its clients wait meanwhile, and are not refused"),
        ("proactor restart --module ticker --batch 2", "a rolling restart: two at a time, each ready before the next"),
        ("proactor restart --module ticker --batch 1 --batch 25%", "one, and then the rest by quarters"),
        ("proactor restart --follow 60434dc5a93e", "look again at a rolling restart"),
    ),
)
@selection
@click.option("--batch", "-b", "batches", multiple=True, metavar="N|N%", help="How many at a time, of many: 1.")
@click.option("--follow", "-f", metavar="ID", help="Show a rolling restart that goes on already.")
@wait_option()
@pass_shell
def restart(
    shell: Shell,
    jobs: Sequence[str],
    module: str | None,
    labels: Sequence[str],
    batches: Sequence[str],
    follow: str | None,
    wait: float,
) -> None:
    """Have other processes take the place of those of jobs.

    The jobs of a module or a label are restarted in batches, each ready before the next: a rolling restart, which is
    waited for until it is over.
    """
    if follow is None:
        need_selection(jobs, module, labels)
    if jobs and batches:
        raise click.UsageError("--batch is for --module and --label")

    async def work(client: Client) -> int:
        if jobs:
            return await moved(shell, client, _RESTART, await chosen(client, jobs, None, ()), wait)
        if follow is not None:
            record = await client.jobs.restarting(follow)
        else:
            record = await client.jobs.restart_all(module=module, labels=labels, batches=batches)
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


async def _rolled(shell: Shell, client: Client, record: Restart, wait: float) -> int:
    """Show a rolling restart until it is over; the exit code.

    :raises Failed: it was stopped.
    """
    from twisted.internet.task import deferLater  # noqa: PLC0415

    lookout = Lookout(shell.out)
    shell.hint = f"The restart goes on. Look again: proactor restart --follow {record.id}"
    with shell.out.progress("Restarting", record.wanted) as bar:
        while not record.over and wait:
            await deferLater(client.connection.clock, _LOOK)
            record = await looked(client, record, lookout)
            bar.at(record.ready, f"batch {record.batch} of {len(record.batches)}")
    if shell.out.json:
        shell.out.document(dict(record.record))
        return FAILED if record.state == "stopped" else DONE
    if record.state == "stopped":
        raise Failed(
            f"stopped, {record.ready} of {record.wanted} done: {record.problem}", "mend that, and say it again"
        )
    shell.out.say(shell.hint if not record.over else f"{record.ready} of {record.wanted} restarted.")
    return DONE
