"""``rollout``: an edit on its way, shown until it is over."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from .completions import complete_rollout
from .ends import DONE, FAILED
from .lookout import Lookout
from .shell import Shell, pass_shell
from .tables import Cell
from .verbs import Verb
from .words import one_line

if TYPE_CHECKING:
    from ..client import Client, Rollout

__all__ = ["followed", "rollout", "told"]

_STYLES = {"done": "green", "running": "yellow", "reverting": "yellow", "reverted": "red", "failed": "bold red"}
_COUNTS = ("applied", "rejected", "waiting", "reverted", "absent")
_SHOWN = 10


@click.command(
    cls=Verb,
    examples=(
        ("proactor rollout 17", "how the edit of revision 17 goes on, or went"),
        ("proactor rollout 17 --follow", "until it is over"),
    ),
)
@click.argument("id_", metavar="REVISION", shell_complete=complete_rollout)
@click.option("--follow", "-f", is_flag=True, help="Wait until it is over.")
@pass_shell
def rollout(shell: Shell, id_: str, follow: bool) -> None:
    """Show how an edit goes on. The exit code is 1 where it was stopped."""

    async def work(client: Client) -> int:
        found = await client.rollouts.get(id_)
        if follow and not found.over:
            shell.hint = f"It goes on. Look again: proactor rollout {id_}"
            found = await followed(shell, client, id_)
        if shell.out.json:
            shell.out.document(dict(found.record))
            return code(found)
        _show(shell, found)
        return told(shell, found)

    shell.run(work)


def code(found: Rollout) -> int:
    """The exit code."""
    return FAILED if found.state in ("reverted", "failed", "reverting") else DONE


async def followed(shell: Shell, client: Client, id_: str) -> Rollout:
    """Show a rollout until it is over, whatever becomes of the initiator; as it is then."""
    lookout = Lookout(shell.out)
    found = await _looked(client, id_, lookout)
    if found.over:
        return found
    counts = dict.fromkeys(_COUNTS, 0)
    with shell.out.progress("Applying", found.wanted) as bar:
        async with aclosing(client.rollouts.follow(id_, None, lookout.lost, lookout.found)) as events:
            async for event in events:
                if event.event in counts and event.guid is not None:
                    counts[event.event] += 1
                bar.at(counts["applied"], _note(counts, len(found.batches), event.record))
    return await _looked(client, id_, lookout)


async def _looked(client: Client, id_: str, lookout: Lookout) -> Rollout:
    """How a rollout is; an initiator that is gone is waited for."""
    from ..client.streams import patiently  # noqa: PLC0415

    return await patiently(client.connection, lambda: client.rollouts.get(id_), lookout.lost, lookout.found)


def _note(counts: dict[str, int], batches: int, event: Any) -> str:
    parts = [f"batch {event['batch']} of {batches}"] if "batch" in event and batches > 1 else []
    parts += [f"{counts[name]} {name}" for name in ("rejected", "reverted") if counts[name]]
    return ", ".join(parts)


def _show(shell: Shell, found: Rollout) -> None:
    shell.out.line(Cell(f"{'rollout':<11}", "bold"), f"{found.id}, an edit of [{found.section}] by {found.actor}")
    shell.out.line(Cell(f"{'state':<11}", "bold"), Cell(found.state, _STYLES.get(found.state, "")))
    if len(found.batches) > 1:
        sizes = " ".join(map(str, found.batches))
        shell.out.line(Cell(f"{'batches':<11}", "bold"), f"number {found.batch} of {len(found.batches)}: {sizes}")
    counts = ", ".join(f"{getattr(found, name)} {name}" for name in _COUNTS if getattr(found, name))
    shell.out.line(Cell(f"{'processors':<11}", "bold"), f"{found.wanted}{f': {counts}' if counts else ''}")
    troubled = [event for event in found.events if event.get("event") in ("rejected", "silent", "exited")]
    for event in troubled[:_SHOWN]:
        why = one_line(str(event.get("reason") or event.get("problem") or ""))
        shell.out.line(f"  {event.get('guid', '')}  {event['event']}", Cell(f"  {why}", "red"))


def told(shell: Shell, found: Rollout) -> int:
    """Tell what came of it; the exit code."""
    if found.state == "done":
        absent = f", {found.absent} without a process will have it at their start" if found.absent else ""
        shell.out.say(f"Revision {found.revision} is applied by {found.applied} of {found.wanted}{absent}.")
    elif found.state == "reverted":
        shell.out.warn(f"revision {found.revision} was taken back by revision {found.reverted_by}: {found.problem}")
    elif found.state == "failed":
        shell.out.warn(f"revision {found.revision} was stopped, and left where it is: {found.problem}")
        shell.out.say(f"  take it back: proactor config rollback {found.section} {found.revision - 1}")
    else:
        shell.out.say(f"Revision {found.revision} is on its way. Look again: proactor rollout {found.id} --follow")
    return code(found)
