"""``message``: what became of messages that are not delivered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .completions import complete_box, complete_message, complete_sender
from .numbers import Whole
from .sections import meant
from .sending import show_receipt
from .shell import Shell, pass_shell
from .tables import Cell, Column, Table
from .verbs import Verb
from .words import moment, one_line

if TYPE_CHECKING:
    from ..client import Client, Mailboxes, Message

__all__ = ["drop", "list_messages", "resend", "show_message"]

#: So many are listed, if it is not said how many.
_USUAL_COUNT = 100


WAITING = (
    Column("RECEIVER", gives=True),
    Column("WAITING", right=True),
    Column("LIMIT", right=True),
    Column("OLDEST"),
    Column("PROBLEM", gives=True),
)
MESSAGES = (
    Column("NUMBER", right=True),
    Column("ACCEPTED"),
    Column("RECEIVER", gives=True),
    Column("TYPE", gives=True),
    Column("STATE"),
    Column("TRIES", right=True),
)


@click.command(
    "list",
    cls=Verb,
    examples=(
        ("proactor message list", "how many wait, and for whom"),
        ("proactor message list --dead", "those that are not to be delivered any more, and why"),
        ("proactor message list --waiting --dead", "both, in the order in which they were accepted"),
        ("proactor message list --waiting --receiver ticker", "those that wait for a module"),
    ),
)
@click.option("--waiting", is_flag=True, help="Those on their way.")
@click.option("--dead", is_flag=True, help="Those that are not to be delivered any more.")
@click.option("--receiver", metavar="JOB|MODULE", shell_complete=complete_box, help="Those for one receiver.")
@click.option("--sender", metavar="GUID|operator", shell_complete=complete_sender, help="Those of one sender.")
@click.option("--count", "-n", type=Whole(min=1), metavar="N", help="How many: 100.")
@click.option("--after", type=Whole(min=0), metavar="NUMBER", help="Those behind this one.")
@pass_shell
def list_messages(
    shell: Shell,
    waiting: bool,
    dead: bool,
    receiver: str | None,
    sender: str | None,
    count: int | None,
    after: int | None,
) -> None:
    """List the messages that are not delivered, or how many there are."""
    states = [name for name, is_meant in (("waiting", waiting), ("dead", dead)) if is_meant]
    if not states and (receiver, sender, count, after) != (None,) * 4:
        raise click.UsageError("say which: --waiting, --dead, or both")

    async def work(client: Client) -> None:
        if not states:
            _show_boxes(shell, await client.messages.mailboxes())
            return
        to = None if receiver is None else await meant(client, receiver)
        found = [
            each
            for state in states
            for each in await client.messages.list(state, receiver=to, sender=sender, count=count, after=after)
        ]
        if len(states) > 1:
            found = sorted(found, key=lambda each: each.number)[: count or _USUAL_COUNT]
        if shell.out.json:
            shell.out.document([dict(each.record) for each in found])
        elif found:
            shell.out.table(_messages(found))
        else:
            shell.out.say("There are none.")

    shell.run(work)


def _show_boxes(shell: Shell, found: Mailboxes) -> None:
    if shell.out.json:
        shell.out.document(dict(found.record))
        return
    if found.receivers:
        rows = [
            [
                Cell(box.receiver, "cyan"),
                Cell(str(box.waiting)),
                Cell(str(box.limit)),
                Cell(moment(box.oldest)),
                Cell(one_line(box.problem or ""), "yellow"),
            ]
            for box in found.receivers
        ]
        shell.out.table(Table(WAITING, rows))
    dead = " See them: proactor message list --dead" if found.dead else ""
    shell.out.say(f"{found.waiting} wait, {found.dead} are dead.{dead}")


def _messages(found: Sequence[Message]) -> Table:
    rows = [
        [
            Cell(str(each.number), "cyan"),
            Cell(moment(each.accepted)),
            Cell(each.receiver),
            Cell(one_line(each.type)),
            Cell(each.state),
            Cell(str(each.tries)),
        ]
        for each in found
    ]
    return Table(MESSAGES, rows, ("PROBLEM", [Cell(one_line(each.problem or ""), "yellow") for each in found]))


_NUMBER = click.argument("number", type=Whole(min=1), shell_complete=complete_message)


@click.command("show", cls=Verb, examples=(("proactor message show 17", "one, with what is in it"),))
@_NUMBER
@pass_shell
def show_message(shell: Shell, number: int) -> None:
    """Show a message that is not delivered, with what is in it."""

    async def work(client: Client) -> None:
        found = await client.messages.get(number)
        if shell.out.json:
            shell.out.document(dict(found.record))
            return
        for name, value in found.record.items():
            text = json.dumps(value) if isinstance(value, dict | list) else "-" if value is None else str(value)
            shell.out.line(Cell(f"{name:<11}", "bold"), one_line(text))

    shell.run(work)


@click.command(
    "drop",
    cls=Verb,
    examples=(("proactor message drop 17", "forget it: nobody gets it"),),
)
@_NUMBER
@pass_shell
def drop(shell: Shell, number: int) -> None:
    """Forget a message that is not delivered."""

    async def work(client: Client) -> None:
        shell.look = "proactor message list"
        await client.messages.drop(number)
        if shell.out.json:
            shell.out.document({"number": number, "dropped": True})
        shell.out.say(f"Message {number} is forgotten.")

    shell.run(work)


@click.command(
    "resend",
    cls=Verb,
    examples=(
        ("proactor message resend 17", "have a dead one delivered after all"),
        ("proactor message resend 17 --to ticker", "to somebody else"),
    ),
)
@_NUMBER
@click.option("--to", metavar="JOB|MODULE", shell_complete=complete_box, help="Who gets it instead.")
@pass_shell
def resend(shell: Shell, number: int, to: str | None) -> None:
    """Have a dead message delivered after all, behind all that wait."""

    async def work(client: Client) -> None:
        shell.look = "proactor message list"
        receipt = await client.messages.resend(number, None if to is None else await meant(client, to))
        show_receipt(shell, receipt)

    shell.run(work)
