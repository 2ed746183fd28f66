"""``config set``, ``unset`` and ``rollback``: an edit is shown, made, and followed to every processor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import fields, frozen

from .completions import complete_first, complete_option, complete_pair, complete_revision, complete_section
from .ends import DONE, FAILED
from .numbers import Seconds, Whole
from .rollouts import code, followed, told
from .sections import meant
from .settling import within
from .shell import Shell, find, pass_shell
from .tables import Cell
from .verbs import Pairs, Verb, as_mapping
from .words import one_line

if TYPE_CHECKING:
    from ..client import Client, Plan
    from ..client.configuration import Pacing

__all__ = ["rollback", "set_", "unset"]

F = TypeVar("F", bound=Callable[..., Any])

_HEX = frozenset("0123456789abcdef")
_SHOWN = 3


@frozen
class How:
    """How an edit goes out, and how long it is waited for; as on the command line."""

    plan: bool
    batches: Sequence[str]
    first: Sequence[str]
    watch: float | None
    within: float | None
    revert: bool
    conflict: bool
    if_revision: int | None
    wait: float | None

    async def pacing(self, client: Client) -> Pacing:
        """The same for the client; jobs by their guids."""
        from ..client.configuration import Pacing  # noqa: PLC0415

        first = [selector if set(selector) - _HEX else (await find(client, [selector]))[0] for selector in self.first]
        conflict = "refuse" if self.conflict else None
        return Pacing(self.batches, first, self.watch, self.within, self.revert, conflict)


_SECONDS = Seconds(min=0)
_OPTIONS = (
    click.option("--plan", "-p", is_flag=True, help="Only show what it would change."),
    click.option(
        "--batch", "-b", "batches", multiple=True, metavar="N|N%", help="Go out in batches, the last for all."
    ),
    click.option(
        "--first",
        multiple=True,
        metavar="JOB|label:NAME",
        shell_complete=complete_first,
        help="Who is the first batch.",
    ),
    click.option("--watch", type=_SECONDS, metavar="SECONDS", help="How long each batch must stay well."),
    click.option("--within", type=_SECONDS, metavar="SECONDS", help="How long each processor has to answer."),
    click.option("--revert/--no-revert", default=True, help="Whether trouble takes it back: it does."),
    click.option("--refuse-conflict", "conflict", is_flag=True, help="Do not wait for another edit of the same."),
    click.option("--if-revision", type=Whole(), metavar="N", help="Only if it has not changed since."),
    click.option("--wait", "-w", type=_SECONDS, metavar="SECONDS", help="How long to wait for it; else to its end."),
)


def going_out(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options of how an edit goes out; it gets them as one ``how``."""

    def with_how(**given: Any) -> Any:
        how = {each.name: given.pop(each.name) for each in fields(How)}
        return command(how=How(**how), **given)

    with_how.__doc__, with_how.__name__ = command.__doc__, command.__name__
    with_how.__click_params__ = list(getattr(command, "__click_params__", ()))  # type: ignore[attr-defined]
    wrapped: Callable[..., Any] = with_how
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


@click.command(
    "set",
    cls=Verb,
    examples=(
        ("proactor config set ticker rate=5", "change a value of all processors of a module, while they run"),
        ("proactor config set 3f2a rate=5", "of one job alone"),
        ("proactor config set ticker rate=5 --plan", "only show what that would change"),
        (
            "proactor config set ticker rate=5 --batch 1 --batch 25% --watch 10",
            "one, and if that stays well the others",
        ),
    ),
)
@click.argument("section", shell_complete=complete_section)
@click.argument("pairs", nargs=-1, required=True, type=Pairs(), metavar="NAME=VALUE...", shell_complete=complete_pair)
@going_out
@pass_shell
def set_(shell: Shell, section: str, pairs: Sequence[tuple[str, str]], how: How) -> None:
    """Change options of a section, and wait until every processor has answered.

    SECTION is a module, DEFAULT, or a job. What it changes is shown, then it is made: checked, given a revision, sent
    to the processors. If one rejects it, it is taken back.
    """
    _edit(shell, section, as_mapping(pairs), how)


@click.command(
    cls=Verb,
    examples=(("proactor config unset ticker rate", "what the file says counts again"),),
)
@click.argument("section", shell_complete=complete_section)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_option)
@going_out
@pass_shell
def unset(shell: Shell, section: str, names: Sequence[str], how: How) -> None:
    """Take edits of options back: what the file says counts again."""
    _edit(shell, section, dict.fromkeys(names), how)


@click.command(
    cls=Verb,
    examples=(
        ("proactor config rollback ticker 12", "the edits of a section as they were at a revision, as a new one"),
        ("proactor config rollback ticker 12 --plan", "only show what that would change"),
    ),
)
@click.argument("section", shell_complete=complete_section)
@click.argument("revision", metavar="REVISION", type=Whole(min=0), shell_complete=complete_revision)
@going_out
@pass_shell
def rollback(shell: Shell, section: str, revision: int, how: How) -> None:
    """Make the edits of a section what they were at a revision."""
    _change(shell, section, how, lambda client, name, more: client.config.rollback(name, revision, **more))


def _edit(shell: Shell, section: str, changes: Mapping[str, str | None], how: How) -> None:
    _change(shell, section, how, lambda client, name, more: client.config.edit(name, changes, **more))


def _change(shell: Shell, section: str, how: How, make: Callable[[Client, str, dict[str, Any]], Any]) -> None:
    """Plan it, show that, make it, follow it."""

    async def work(client: Client) -> int:
        name = await meant(client, section)
        shell.look = f"proactor config history {name}"
        more: dict[str, Any] = {"pacing": await how.pacing(client), "revision": how.if_revision}
        present = (await client.readiness()).revision
        plan: Plan = await make(client, name, {**more, "plan": True})
        if not shell.out.json:
            show_plan(shell, plan)
        if how.plan:
            if shell.out.json:
                shell.out.document(dict(plan.record))
            shell.out.say(_would_be(plan, present))
            return DONE
        return await _followed(shell, client, await make(client, name, more), how.wait, present)

    shell.run(work)


def _would_be(plan: Plan, present: int) -> str:
    """What an edit would come to that was planned alone.

    :param present: the revision that there is. An edit that changes nothing makes no other.
    """
    if plan.revision <= present:
        return f"Nothing would change: it is so already in revision {plan.revision}."
    count = len(plan.changes)
    whom = "no processor" if not count else "1 processor" if count == 1 else f"{count} processors"
    return f"Nothing is changed yet. It would be revision {plan.revision}, and touch {whom}."


async def _followed(shell: Shell, client: Client, plan: Plan, wait: float | None, present: int) -> int:
    """Follow an edit that was made, and tell what came of it; the exit code.

    :param present: the revision that there was before.
    """
    if plan.rollout is None:
        if shell.out.json:
            shell.out.document({**plan.record, "outcome": None})
        is_none = plan.revision <= present
        told_of = "nothing changes, it is so already" if is_none else "it touches no processor"
        shell.out.say(f"Revision {plan.revision}: {told_of}.")
        return DONE
    shell.accepted("it is made, and goes on", f"proactor rollout {plan.rollout} --follow")
    if wait is None:
        outcome = await followed(shell, client, plan.rollout)
    else:
        if wait:
            await within(client.connection.clock, followed(shell, client, plan.rollout), wait)
        outcome = await client.rollouts.get(plan.rollout)
    is_late = bool(wait) and not outcome.over
    if shell.out.json:
        shell.out.document({**plan.record, "outcome": dict(outcome.record)})
    elif is_late:
        so_far = f"revision {outcome.revision} is applied by {outcome.applied} of {outcome.wanted}"
        shell.out.warn(f"{so_far} after {wait:g} s, and goes on")
        shell.out.say(f"  look again: {shell.look}")
    else:
        told(shell, outcome)
    return FAILED if is_late else code(outcome)


def show_plan(shell: Shell, plan: Plan) -> None:
    """Show what an edit would change: who shares a change is counted."""
    for name, over in plan.overrides.items():
        line = "" if over.line is None else f":{over.line}"
        shell.out.line(f"over {name} = {one_line(over.text or '')} of {over.source}{line}")
    alike: dict[tuple[str, str | None, str | None], list[str]] = {}
    for guid, changes in plan.changes.items():
        for name, change in changes.items():
            alike.setdefault((name, change.from_, change.to), []).append(guid)
    for (name, before, after), guids in alike.items():
        who = ", ".join(guid[:8] for guid in guids[:_SHOWN])
        more = "" if len(guids) <= _SHOWN else f" and {len(guids) - _SHOWN} more"
        texts = [Cell(_text(before), "red"), Cell(" -> "), Cell(_text(after), "green")]
        shell.out.line(Cell(name, "cyan"), ": ", *texts, f"  for {who}{more}")


def _text(value: str | None) -> str:
    return "(none)" if value is None else one_line(value)
