"""``config get``, ``history``, ``diff`` and ``explain``: what the configuration says, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from ..config.grammar import REDACTED
from .completions import complete_option, complete_revision, complete_section
from .ends import Failed
from .numbers import Whole
from .sections import is_guid, meant, options_of
from .shell import Shell, find, pass_shell
from .tables import Cell, Column, Table
from .verbs import Jobs, Verb
from .words import moment, one_line

if TYPE_CHECKING:
    from ..client import Client, Explanation, HistoryEntry, Setting

__all__ = ["diff", "explain", "get", "history"]

_Options = Mapping[str, str | None]


HISTORY = (Column("REV", right=True), Column("TIME"), Column("ACTOR", gives=True), Column("CHANGES", gives=True))


@click.command(
    cls=Verb,
    examples=(
        ("proactor config get", "all sections, without those of jobs"),
        ("proactor config get ticker", "one section, as it is written"),
        ("proactor config get 3f2a", "a job's options, with what they come to"),
        ("proactor config get ticker rate", "one value alone"),
    ),
)
@click.argument("section", required=False, shell_complete=complete_section)
@click.argument("option", required=False, shell_complete=complete_option)
@click.option("--all", "-a", "everything", is_flag=True, help="The sections of jobs as well.")
@pass_shell
def get(shell: Shell, section: str | None, option: str | None, everything: bool) -> None:
    """Show the configuration, edits over the file, without secrets.

    SECTION is a module, DEFAULT, or a job.
    """

    async def work(client: Client) -> None:
        if section is None:
            await _get_all(shell, client, everything)
            return
        name = await meant(client, section)
        options = await options_of(client, name)
        if option is not None:
            _show_value(shell, name, option, options)
        elif shell.out.json:
            shell.out.document(options)
        else:
            _show_section(shell, name, options)

    shell.run(work)


async def _get_all(shell: Shell, client: Client, everything: bool) -> None:
    found = await client.config.sections()
    shown = {name: found.sections[name] for name in found.sections if everything or not is_guid(name)}
    if shell.out.json:
        shell.out.document({"revision": found.revision, "sections": shown})
        return
    for number, (name, options) in enumerate(shown.items()):
        if number:
            shell.out.line("")
        _show_section(shell, name, options)
    left = len(found.sections) - len(shown)
    shell.out.say(f"Revision {found.revision}.{f' {left} sections named by guids are left out: --all' if left else ''}")


def _show_section(shell: Shell, name: str, options: _Options) -> None:
    shell.out.line(Cell(f"[{name}]", "bold"))
    for option, text in options.items():
        shell.out.line(Cell(option, "cyan"), "" if text is None else f" = {one_line(text)}")


def _show_value(shell: Shell, section: str, option: str, options: _Options) -> None:
    """One value.

    :raises Failed: there is none.
    """
    if option not in options:
        raise Failed(f"[{section}] has no option {option!r}", f"see which it has: proactor config get {section}")
    if shell.out.json:
        shell.out.document(options[option])
    else:
        shell.out.line(options[option] or "")


@click.command(
    cls=Verb,
    examples=(
        ("proactor config history ticker", "who changed what, and when"),
        ("proactor config rollback ticker 12", "and the way back"),
    ),
)
@click.argument("section", shell_complete=complete_section)
@pass_shell
def history(shell: Shell, section: str) -> None:
    """List the edits of a section, oldest first."""

    async def work(client: Client) -> None:
        entries = await client.config.history(await meant(client, section))
        if shell.out.json:
            shell.out.document([dict(entry.record) for entry in entries])
            return
        if not entries:
            shell.out.say("There are no edits: all is as the file says.")
            return
        shell.out.table(Table(HISTORY, [_entry(entry) for entry in entries]))

    shell.run(work)


def _entry(entry: HistoryEntry) -> list[Cell]:
    changes = ", ".join(
        f"{name}: {_or_none(change.from_)} -> {_or_none(change.to)}" for name, change in entry.changes.items()
    )
    return [Cell(str(entry.revision)), Cell(moment(entry.time)), Cell(one_line(entry.actor)), Cell(changes)]


def _or_none(text: str | None) -> str:
    return "(file)" if text is None else one_line(text)


@click.command(
    cls=Verb,
    examples=(
        ("proactor config diff ticker", "where edits differ from the file"),
        ("proactor config diff ticker 12", "what has been edited since a revision"),
        ("proactor config diff ticker 12 17", "and between two"),
    ),
)
@click.argument("section", shell_complete=complete_section)
@click.argument("from_", metavar="[FROM]", required=False, type=Whole(min=0), shell_complete=complete_revision)
@click.argument("to", required=False, type=Whole(min=0), shell_complete=complete_revision)
@pass_shell
def diff(shell: Shell, section: str, from_: int | None, to: int | None) -> None:
    """Compare the edits of a section with the file, or those of two revisions."""

    async def work(client: Client) -> None:
        name = await meant(client, section)
        entries = await client.config.history(name)
        await _see_that_is_past(client, max(from_ or 0, to or 0))
        old, new = edits_at(entries, from_ or 0), edits_at(entries, to)
        file = await _file(client, name)
        shown = dict(_differences(old, new, file))
        if shell.out.json:
            shell.out.document({option: {"from": a, "to": b} for option, (a, b) in shown.items()})
            return
        for option, (before, after) in shown.items():
            for sign, text, style in (("-", before, "red"), ("+", after, "green")):
                if text is not None:
                    shell.out.line(Cell(f"{sign} {option} = {one_line(text)}", style))
        if not shown:
            shell.out.say("No difference.")
        if alike := sorted(name for name in {*old, *new} if (name in old) != (name in new) and name not in shown):
            shell.out.say(f"Edited, to what the file says as well: {', '.join(alike)}.")

    shell.run(work)


async def _see_that_is_past(client: Client, revision: int) -> None:
    """See that there has been a revision.

    :raises Failed: there has not.
    """
    present = (await client.config.sections()).revision if revision else 0
    if revision > present:
        raise Failed(
            f"there is no revision {revision}: the present one is {present}",
            "see which are edits of a section: proactor config history SECTION",
        )


def edits_at(entries: Sequence[HistoryEntry], revision: int | None) -> dict[str, str]:
    """The edits of a section as they were at a revision, or as they are.

    :param entries: its history.
    """
    edits: dict[str, str | None] = {}
    for entry in entries:
        if revision is None or entry.revision <= revision:
            edits |= {name: change.to for name, change in entry.changes.items()}
    return {name: text for name, text in edits.items() if text is not None}


async def _file(client: Client, section: str) -> dict[str, str | None]:
    """What the file says of options; of a processor's it says nothing."""
    if is_guid(section):
        return {}
    found = await client.config.section(section)
    return {**found.options, **found.file}


def _differences(
    old: Mapping[str, str], new: Mapping[str, str], file: _Options
) -> Iterator[tuple[str, tuple[str | None, str | None]]]:
    for name in sorted({*old, *new}):
        before, after = old.get(name, file.get(name)), new.get(name, file.get(name))
        # Whether secrets are the same cannot be seen.
        if before != after or (after == REDACTED and (name in old) != (name in new)):
            yield name, (before, after)


@click.command(
    cls=Verb,
    examples=(
        ("proactor config explain 3f2a", "every option of a job"),
        ("proactor config explain 3f2a rate", "one of them"),
    ),
)
@click.argument("job", type=Jobs())
@click.argument("option", required=False, shell_complete=complete_option)
@pass_shell
def explain(shell: Shell, job: str, option: str | None) -> None:
    """Show how a job's options came to their values."""

    async def work(client: Client) -> None:
        (guid,) = await find(client, [job])
        found = await client.config.explain(guid)
        if option is not None and option not in found.options:
            raise Failed(f"{guid} has no option {option!r}", f"see which it has: proactor config get {guid[:8]}")
        if shell.out.json:
            record = dict(found.record)
            if option is not None:
                record["options"] = {option: record["options"][option]}
            shell.out.document(record)
            return
        _explain(shell, found, option)

    shell.run(work)


def _explain(shell: Shell, found: Explanation, option: str | None) -> None:
    for name in found.options if option is None else (option,):
        explained = found.options[name]
        shell.out.line(Cell(name, "cyan"), f" = {one_line(explained.value)}")
        for setting in explained.chain:
            shell.out.line("    ", Cell(_place(setting), "dim"), f"  {_text(setting)}")
    if found.held_at is not None:
        shell.out.say(f"A rollout still keeps it at revision {found.held_at}.")


def _place(setting: Setting) -> str:
    """Where it is written."""
    if setting.revision is not None:
        return f"[{setting.section}] by revision {setting.revision}"
    return f"[{setting.section}] by {setting.source}{'' if setting.line is None else f':{setting.line}'}"


def _text(setting: Setting) -> str:
    over = setting.overrides
    file = f"  (over {one_line(over.text or '')} of {over.source}:{over.line})" if over is not None else ""
    return f"{setting.option} = {one_line(setting.text or '')}{file}"
