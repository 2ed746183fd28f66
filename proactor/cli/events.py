"""``events``: what happened, and what happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from .completions import complete_event, complete_module
from .jobs_shown import STYLES
from .lookout import Lookout
from .numbers import Whole
from .shell import Shell, find, pass_shell
from .tables import Cell, Column, Table
from .verbs import Jobs, Verb
from .words import moment, one_line

if TYPE_CHECKING:
    from ..client import Client, Event
    from ..client.timeline import Chosen, Gap

__all__ = ["events"]

EVENTS = (
    Column("ID", right=True),
    Column("TIME"),
    Column("JOB"),
    Column("EVENT"),
    Column("CAUSE", gives=True),
)
_NOBODY = "-"


@click.command(
    cls=Verb,
    examples=(
        ("proactor events", "the last hundred"),
        ("proactor events -f", "what happens from now on"),
        ("proactor events --job 3f2a -n 20", "the last twenty of a job"),
        ("proactor events -f --event backoff --event fatal", "what goes wrong"),
    ),
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens.")
@click.option("--job", "-j", type=Jobs(), metavar="JOB", help="Those of a job.")
@click.option(
    "--event", "-e", "kinds", multiple=True, metavar="EVENT", shell_complete=complete_event, help="Those of a kind."
)
@click.option(
    "--module",
    "-m",
    "modules",
    multiple=True,
    metavar="MODULE",
    shell_complete=complete_module,
    help="Those of a module.",
)
@click.option("--tail", "-n", type=Whole(0, 10_000), metavar="N", help="How many: 100; when following 0.")
@click.option("--after", type=Whole(min=0), metavar="ID", help="When following: those behind this one.")
@pass_shell
def events(
    shell: Shell,
    follow: bool,
    job: str | None,
    kinds: Sequence[str],
    modules: Sequence[str],
    tail: int | None,
    after: int | None,
) -> None:
    """List what happened, oldest first, or follow what happens.

    A connection that is lost is made again, and goes on where it was. With --json an event is one line when they are
    followed.
    """
    if after is not None and (tail is not None or not follow):
        raise click.UsageError("--after is for --follow, without --tail")

    async def work(client: Client) -> None:
        from ..client.timeline import Chosen  # noqa: PLC0415

        guid = None if job is None else (await find(client, [job]))[0]
        chosen = Chosen(guid, kinds, modules)
        if follow:
            await _follow(shell, client, chosen, tail or None, after)
            return
        found = [] if tail == 0 else await client.events.list(chosen, tail=tail)
        if shell.out.json:
            shell.out.document([dict(event.record) for event in found])
        elif found:
            shell.out.table(Table(EVENTS, [_row(event) for event in found]))
        else:
            shell.out.say("Nothing of that happened.")

    shell.run(work)


async def _follow(shell: Shell, client: Client, chosen: Chosen, tail: int | None, after: int | None) -> None:
    # Who is not there at all, or lets nobody look, is not waited for.
    last = await client.events.last()
    after = last if tail is None and after is None else after
    lookout = Lookout(shell.out)
    following = client.events.follow(chosen, tail=tail, after=after, lost=lookout.lost, found=lookout.found)
    async with aclosing(following) as found:
        async for event in found:
            _show(shell, event)


def _show(shell: Shell, event: Event | Gap) -> None:
    from ..client.timeline import Gap  # noqa: PLC0415

    if isinstance(event, Gap):
        shell.out.note("Missed", f"{event.lost} events were missed: they are kept no more")
    elif shell.out.json:
        shell.out.line_of_json(dict(event.record))
    else:
        _id, at, name, kind, cause = _row(event)
        shell.out.line(
            at, "  ", Cell(f"{name.text:<8}", name.style), "  ", Cell(f"{kind.text:<9}", kind.style), "  ", cause
        )


def _row(event: Event) -> list[Cell]:
    return [
        Cell(str(event.id), "dim"),
        Cell(moment(event.time)),
        Cell(_NOBODY if event.guid is None else event.guid[:8], "cyan"),
        Cell(event.event, STYLES.get(event.event, "")),
        Cell(_cause(event.record)),
    ]


def _cause(record: Mapping[str, Any]) -> str:
    """Why, and by whom where that was somebody."""
    actor, cause = str(record.get("actor", "")), str(record.get("cause", ""))
    return one_line(f"{cause} by {actor}" if actor.startswith("operator") and cause else cause or actor)
