"""``send``: a message to processors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..messaging.cloudevents import JSON, is_json, no_constant
from .completions import TOPIC, complete_target
from .sections import meant
from .shell import Shell, pass_shell
from .verbs import Pairs, Verb, as_mapping

if TYPE_CHECKING:
    from ..client import Client, Receipt

__all__ = ["send", "show_receipt"]


@click.command(
    cls=Verb,
    examples=(
        ("proactor send ticker hello", "a text to one of a module's processors"),
        ("""proactor send 3f2a '{"rate": 5}' --type rate.wanted""", "JSON to a job"),
        ("""echo '{"oil": 80}' | proactor send topic:prices -""", "standard input to all that have subscribed"),
    ),
)
@click.argument("target", metavar="JOB|MODULE|topic:NAME", shell_complete=complete_target)
@click.argument("data", required=False, metavar="[DATA|-]")
@click.option("--type", "-t", "type", metavar="TYPE", help="The event's type: message.")
@click.option("--id", "id", metavar="ID", help="By which a repeat is known; else a new one.")
@click.option("--subject", metavar="SUBJECT", help="The event's subject.")
@click.option(
    "--attribute", "-a", "more", multiple=True, type=Pairs(), metavar="NAME=VALUE", help="Another of its own."
)
@click.option("--expires", "-e", metavar="SECONDS|TIME", help="When it is not to be delivered any more.")
@click.option("--text", is_flag=True, help="Take the data for text, whatever it looks like.")
@pass_shell
def send(
    shell: Shell,
    /,
    target: str,
    data: str | None,
    more: Sequence[tuple[str, str]],
    expires: str | None,
    text: bool,
    **named: str | None,
) -> None:
    """Send a message; it is stored, and delivered as soon as its receiver takes it.

    DATA that is a JSON object or list is sent as such, anything else as text (text/plain), or, where it is no UTF-8,
    as it is (application/octet-stream). Another type: -a datacontenttype=TYPE.
    """
    attributes = {**{name: value for name, value in named.items() if value is not None}, **as_mapping(more)}
    body = None if data is None else sys.stdin.buffer.read() if data == "-" else os.fsencode(data)
    sent = _data(body, text or not is_json(attributes.get("datacontenttype", JSON)))

    async def work(client: Client) -> None:
        shell.look = "proactor message list"
        to = target if target.startswith(TOPIC) else await meant(client, target)
        show_receipt(shell, await client.messages.send(to, sent, attributes=attributes, expires=expires))

    shell.run(work)


def show_receipt(shell: Shell, receipt: Receipt) -> None:
    """Who gets a message."""
    if shell.out.json:
        shell.out.document(dict(receipt.record))
        return
    again = ", which had been accepted before" if receipt.repeated else ""
    shell.out.line(f"{receipt.id}  to {', '.join(receipt.to) or 'nobody'}{again}")
    if not receipt.to:
        shell.out.say("Nobody has subscribed to that.")


def _data(body: bytes | None, is_text: bool) -> Any:
    """What is sent: of JSON the value, else a text, or bytes that are none."""
    if body is None:
        return None
    try:
        words = body.decode("utf-8")
    except UnicodeDecodeError:
        return body
    try:
        found = None if is_text else json.loads(words, parse_constant=no_constant)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict | list) else words
