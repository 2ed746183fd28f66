"""``start``, ``stop``, ``signal`` and ``token revoke-job``: of some jobs, or of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .completions import complete_signal
from .launching import wait_option
from .moving import Move, all_option, move_chosen, moved
from .shell import Shell, chosen, pass_shell
from .verbs import Verb, need_selection, selection

if TYPE_CHECKING:
    from ..client import Client

__all__ = ["revoke_jobs", "signal", "start", "stop"]

_START = Move("Starting", "starts", lambda client, guid, wait: client.jobs.start(guid, wait), lambda job: job.ready)
_STOP = Move(
    "Stopping",
    "stops",
    lambda client, guid, wait: client.jobs.stop(guid, wait),
    lambda job: job.pid is None,
    ends=True,
)
_REVOKE = Move(
    "Revoking", "is revoked", lambda client, guid, wait: client.jobs.revoke(guid, wait), lambda job: job.ready
)


@click.command(
    cls=Verb,
    examples=(
        ("proactor start 3f2a", "the job whose guid begins so"),
        ("proactor start --module ticker", "all of a module"),
    ),
)
@selection
@all_option
@wait_option()
@pass_shell
def start(
    shell: Shell, jobs: Sequence[str], module: str | None, labels: Sequence[str], everything: bool, wait: float
) -> None:
    """Have jobs run, and wait until they are ready."""
    need_selection(jobs, module, labels, everything)

    move_chosen(shell, _START, jobs, module, labels, wait)


@click.command(
    cls=Verb,
    examples=(
        ("proactor stop 3f2a 81c0", "two jobs; they stay, and can be started again"),
        ("proactor stop --label role=canary", "those of a label"),
        ("proactor stop --all", "all of them; the initiator goes on"),
    ),
)
@selection
@all_option
@wait_option()
@pass_shell
def stop(
    shell: Shell, jobs: Sequence[str], module: str | None, labels: Sequence[str], everything: bool, wait: float
) -> None:
    """Have jobs not run, and wait until their processes are gone."""
    need_selection(jobs, module, labels, everything)

    move_chosen(shell, _STOP, jobs, module, labels, wait)


@click.command(
    "revoke-job",
    cls=Verb,
    examples=(("proactor token revoke-job 3f2a", "whoever has got hold of a token of that processor has nothing"),),
)
@selection
@wait_option()
@pass_shell
def revoke_jobs(shell: Shell, jobs: Sequence[str], module: str | None, labels: Sequence[str], wait: float) -> None:
    """Have the tokens of processors open nothing any more; others take their place, with tokens of their own."""
    need_selection(jobs, module, labels)

    move_chosen(shell, _REVOKE, jobs, module, labels, wait)


@click.command(
    cls=Verb,
    examples=(
        ("proactor signal HUP 3f2a", "by name or number"),
        ("proactor signal KILL --module ticker", "all of a module; they come back as their section says"),
    ),
)
@click.argument("signal", metavar="SIGNAL", shell_complete=complete_signal)
@selection
@all_option
@pass_shell
def signal(
    shell: Shell, signal: str, jobs: Sequence[str], module: str | None, labels: Sequence[str], everything: bool
) -> None:
    """Send the processes of jobs a signal."""
    need_selection(jobs, module, labels, everything)

    async def send(client: Client, guid: str, _wait: float) -> None:
        await client.jobs.signal(guid, signal)

    async def work(client: Client) -> int:
        move = Move("Signalling", "has the signal", send, lambda _: True)
        found = await chosen(client, jobs, module, labels)
        if not jobs:
            found = [job for job in found if job.pid is not None]
        return await moved(shell, client, move, found, 0)

    shell.run(work)
