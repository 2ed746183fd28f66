"""``log-level``: how much the initiator logs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from .completions import complete_namespace
from .periods import Period
from .shell import Shell, pass_shell
from .tables import Cell, Column, Table
from .verbs import Verb
from .words import moment

if TYPE_CHECKING:
    from ..client import Client, LogLevel

__all__ = ["log_level"]

_LEVELS = ("debug", "info", "warning", "error", "critical", "default")


LEVELS = (Column("NAMESPACE", gives=True, tail=True), Column("LEVEL"), Column("UNTIL"))


@click.command(
    "log-level",
    cls=Verb,
    examples=(
        ("proactor log-level", "what holds now"),
        ("proactor log-level debug --for 10m", "all that there is, for ten minutes"),
        ("proactor log-level debug --namespace proactor.supervisor", "of one part, until it is taken back"),
        ("proactor log-level default --namespace proactor.supervisor", "take it back"),
    ),
)
@click.argument("level", required=False, type=click.Choice(_LEVELS))
@click.option("--for", "-f", "period", type=Period(), metavar="PERIOD", help="How long it holds: 90, 15m, 12h, 30d.")
@click.option(
    "--namespace",
    "-n",
    metavar="NAME",
    shell_complete=complete_namespace,
    help="Of what is logged below that name alone.",
)
@pass_shell
def log_level(shell: Shell, level: str | None, period: float | None, namespace: str | None) -> None:
    """Show how much the initiator logs, or change it. A processor's is its option log_level."""
    if level is None and (period is not None or namespace is not None):
        raise click.UsageError("--for and --namespace are for a LEVEL: say which")

    async def work(client: Client) -> None:
        if level is None:
            found = await client.log_level()
        else:
            shell.look = "proactor log-level"
            found = await client.set_log_level(level, None if period is None else int(period), namespace)
        if shell.out.json:
            shell.out.document(dict(found.record))
        else:
            shell.out.table(_table(found))

    shell.run(work)


def _table(found: LogLevel) -> Table:
    rows = [_row("(all)", found.level, found.until)]
    rows += [_row(name, each.level, each.until) for name, each in found.namespaces.items()]
    return Table(LEVELS, rows)


def _row(name: str, level: str, until: datetime | None) -> list[Cell]:
    return [Cell(name), Cell(level), Cell("-" if until is None else moment(until))]
