"""``rm``: jobs are stopped, and forgotten."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .kept import warn_of_others
from .launching import wait_option
from .moving import Move, all_option, moved
from .shell import Shell, chosen, pass_shell
from .verbs import Verb, need_selection, selection

if TYPE_CHECKING:
    from ..client import Client

__all__ = ["rm"]

_REMOVE = Move("Removing", "goes", lambda client, guid, wait: client.jobs.remove(guid, wait), lambda _: True)


@click.command(
    cls=Verb,
    examples=(
        ("proactor rm 3f2a", "stop it, and forget it with its log"),
        ("proactor rm --module ticker --yes", "all of a module, without a question"),
    ),
)
@selection
@all_option
@click.option("--yes", "-y", is_flag=True, help="Ask no question.")
@wait_option()
@pass_shell
def rm(
    shell: Shell,
    jobs: Sequence[str],
    module: str | None,
    labels: Sequence[str],
    everything: bool,
    yes: bool,
    wait: float,
) -> None:
    """Stop jobs, and forget them, their edits and their logs."""
    need_selection(jobs, module, labels, everything)
    if not jobs and not yes and not sys.stdin.isatty():
        raise click.UsageError("say --yes: nobody is there to be asked whether all of these are meant")
    if not jobs and not yes:
        what = "all jobs" if everything else "all of these jobs, with their logs"
        click.confirm(f"Remove {what}?", abort=True, err=True)

    async def work(client: Client) -> int:
        found = await chosen(client, jobs, module, labels)
        code = await moved(shell, client, _REMOVE, found, wait)
        if not shell.out.json:
            for each in sorted({job.module for job in found}):
                await warn_of_others(shell, client, each)
        return code

    shell.run(work)
