"""``endpoints`` and ``token``: who is ready, and who may ask."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .completions import complete_module, complete_token
from .ends import Failed
from .periods import Period
from .shell import Shell, pass_shell
from .tables import Cell, Column, Table
from .verbs import Verb, labels_option
from .words import moment, one_line, shorts

if TYPE_CHECKING:
    from ..client import Client, Endpoint, NewToken, Token

__all__ = ["create_token", "endpoints", "list_tokens", "revoke"]

_SCOPES = ("read", "launch", "configure", "message")


ENDPOINTS = (
    Column("JOB"),
    Column("MODULE", gives=True, tail=True),
    Column("URL", gives=True),
    Column("LABELS", gives=True),
)
TOKENS = (Column("NAME", gives=True), Column("SCOPES"), Column("EXPIRES"), Column("MADE BY", gives=True))


@click.command(
    cls=Verb,
    examples=(
        ("proactor endpoints", "all that are ready"),
        ("proactor endpoints --module ticker --urls", "the URLs alone, a line each"),
    ),
)
@click.option("--module", "-m", metavar="MODULE", shell_complete=complete_module, help="Those of a module.")
@labels_option
@click.option("--urls", "-u", is_flag=True, help="URLs alone, a line each.")
@pass_shell
def endpoints(shell: Shell, module: str | None, labels: Sequence[str], urls: bool) -> None:
    """List who is ready, and at which URL."""

    async def work(client: Client) -> None:
        found = await client.endpoints.list(module=module, labels=labels)
        if shell.out.json:
            shell.out.document([dict(each.record) for each in found])
        elif urls:
            for each in found:
                shell.out.line(each.url)
        elif found:
            shell.out.table(_endpoints(found))
        else:
            shell.out.say("Nobody of these is ready. See why: proactor ps")

    shell.run(work)


def _endpoints(found: Sequence[Endpoint]) -> Table:
    names = shorts(each.guid for each in found)
    rows = [
        [Cell(names[each.guid], "cyan"), Cell(one_line(each.module)), Cell(each.url), Cell(_labels(each.labels))]
        for each in found
    ]
    return Table(ENDPOINTS, rows)


def _labels(labels: Any) -> str:
    return " ".join(f"{name}={value}" for name, value in labels.items())


@click.command(
    "create",
    cls=Verb,
    examples=(
        ("proactor token create ci --scope launch --scope read --expires-in 30d", "it is printed, this once"),
        ("proactor token create watcher --scope read --out watcher.token", "into a file that is its owner's alone"),
    ),
)
@click.argument("name")
@click.option(
    "--scope", "-s", "scopes", multiple=True, required=True, type=click.Choice(_SCOPES), help="What it opens."
)
@click.option("--expires-in", "-e", type=Period(), metavar="PERIOD", help="How long it holds: 90, 15m, 12h, 30d.")
@click.option("--out", "-o", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a new file.")
@pass_shell
def create_token(shell: Shell, name: str, scopes: Sequence[str], expires_in: float | None, file: Path | None) -> None:
    """Make a token for operators, with a name and what it opens."""

    async def work(client: Client) -> None:
        if file is not None and file.exists():
            raise Failed(f"{file} is there already: no token was made", "name another file")
        shell.look = "proactor token list"
        made = await client.tokens.create(name, list(dict.fromkeys(scopes)), expires_in)
        if file is not None:
            _write(file, made)
        _show(shell, made, file)

    shell.run(work)


def _write(file: Path, made: NewToken) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        hint = f"nobody has it; take it back: proactor token revoke {made.name}"
        raise Failed(f"{file}: {error.strerror}: the token was made, and is not written", hint) from error
    with open(descriptor, "w", encoding="ascii") as opened:
        opened.write(f"{made.token}\n")


def _show(shell: Shell, made: NewToken, file: Path | None) -> None:
    if shell.out.json:
        hidden = ("token",) if file is not None else ()
        shell.out.document({name: value for name, value in made.record.items() if name not in hidden})
        return
    if file is None:
        shell.out.line(made.token)
        shell.out.say("It is shown this once. Use it by PROACTOR_TOKEN, or --token-file with a file that holds it.")
    else:
        shell.out.say(f"It is in {file}, and nowhere else. Use it by --token-file {shlex.quote(str(file))}.")


@click.command("list", cls=Verb, examples=(("proactor token list", "all, without what would open anything"),))
@pass_shell
def list_tokens(shell: Shell) -> None:
    """List the tokens that have a name."""

    async def work(client: Client) -> None:
        found = await client.tokens.list()
        if shell.out.json:
            shell.out.document([dict(each.record) for each in found])
        elif found:
            shell.out.table(Table(TOKENS, [_token(each) for each in found]))
        else:
            shell.out.say("There are none. Make one: proactor token create NAME --scope read")

    shell.run(work)


def _token(found: Token) -> list[Cell]:
    expires = "never" if found.expires is None else moment(found.expires)
    return [Cell(found.name, "cyan"), Cell(" ".join(found.scopes)), Cell(expires), Cell(one_line(found.actor))]


@click.command("revoke", cls=Verb, examples=(("proactor token revoke ci", "it opens nothing from now on"),))
@click.argument("name", shell_complete=complete_token)
@pass_shell
def revoke(shell: Shell, name: str) -> None:
    """Have a token open nothing any more."""

    async def work(client: Client) -> None:
        shell.look = "proactor token list"
        await client.tokens.revoke(name)
        if shell.out.json:
            shell.out.document({"name": name, "revoked": True})
        shell.out.say(f"{name} opens nothing any more.")

    shell.run(work)
