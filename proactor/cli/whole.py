"""``status`` and ``shutdown``: the initiator as a whole."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from .ends import DONE, Failed
from .jobs_shown import STYLES
from .launching import wait_option
from .shell import Shell, pass_shell
from .tables import Cell
from .verbs import Verb

if TYPE_CHECKING:
    from ..client import Client
    from ..model import Identity

__all__ = ["shutdown", "status"]

#: Between two looks whether it is gone, in seconds.
_LOOK = 0.2


@click.command(
    cls=Verb,
    examples=(
        ("proactor status", "where the initiator is, and how many jobs there are in each state"),
        ("proactor status >/dev/null && echo running", "in a script: the exit code is 3 where none runs"),
    ),
)
@pass_shell
def status(shell: Shell) -> None:
    """Show whether the initiator runs, and how its jobs are."""

    async def work(client: Client) -> None:
        health, ready, jobs = await client.health(), await client.readiness(), await client.jobs.list()
        states = Counter(job.state for job in jobs)
        if shell.out.json:
            record = {"url": client.connection.url, "guid": health.guid, "revision": ready.revision}
            shell.out.document({**record, "jobs": dict(states)})
            return
        shell.out.line(Cell(f"{'url':<11}", "bold"), client.connection.url)
        shell.out.line(Cell(f"{'guid':<11}", "bold"), health.guid)
        shell.out.line(Cell(f"{'revision':<11}", "bold"), str(ready.revision))
        shell.out.line(Cell(f"{'jobs':<11}", "bold"), str(len(jobs)))
        for state, count in states.most_common():
            shell.out.line(f"{'':<11}", Cell(f"{count} {state}", STYLES.get(state, "")))

    shell.run(work)


@click.command(
    cls=Verb,
    examples=(
        ("proactor shutdown", "stop all processors, and then the initiator"),
        ("proactor shutdown --keep", "leave the processors to the next initiator, as for an upgrade"),
    ),
)
@click.option("--keep", is_flag=True, help="Let the processors live on.")
@wait_option()
@pass_shell
def shutdown(shell: Shell, keep: bool, wait: float) -> None:
    """End the initiator, and wait until it is gone.

    Of one that is named by its URL, and may be on another machine, it is seen that it serves no longer.
    """

    async def work(client: Client) -> int:
        shell.look = "proactor status"
        process = shell.process()
        await client.shut_down(keep)
        shell.accepted("it goes on ending", "proactor status")
        gone = wait > 0 and await _gone(shell, client, process, wait)
        if shell.out.json:
            shell.out.document({"url": client.connection.url, "gone": gone})
        if wait and not gone:
            raise Failed(f"it has not ended within {wait:g} s; it goes on", "look again: proactor status")
        ended = "It has ended." if shell.url is None else "It serves no longer."
        shell.out.say(ended if gone else "It ends.")
        return DONE

    shell.run(work)


async def _gone(shell: Shell, client: Client, process: Identity | None, wait: float) -> bool:
    """Whether within that time its process ends, so that another one can have its home; or it answers no more."""
    from twisted.internet.task import deferLater  # noqa: PLC0415

    clock = client.connection.clock
    until = clock.seconds() + wait
    while clock.seconds() < until:
        if not _lives(shell, process) if shell.url is None else not await _answers(client):
            return True
        await deferLater(clock, _LOOK)
    return False


def _lives(shell: Shell, process: Identity | None) -> bool:
    """Whether it has its home, or has let that go and is about to end."""
    from ..launchers.identity import alive  # noqa: PLC0415

    return shell.is_running() or (process is not None and alive(process))


async def _answers(client: Client) -> bool:
    from ..client import ClientError, Problem  # noqa: PLC0415

    try:
        await client.health()
    except Problem:
        return True
    except ClientError:
        return False
    return True
