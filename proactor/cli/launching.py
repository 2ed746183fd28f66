"""``create``: more processors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .completions import complete_label, complete_module, complete_pair
from .ends import DONE, FAILED
from .jobs_shown import last_words
from .kept import warn_of_too_many
from .listing import show_jobs
from .numbers import Seconds, Whole
from .settling import settled
from .shell import Shell, pass_shell
from .verbs import Pairs, Verb, as_mapping

if TYPE_CHECKING:
    from ..client import Client, Job

__all__ = ["create", "wait_option"]

F = TypeVar("F", bound=Callable[..., Any])

_FAILURES = 5


def wait_option(seconds: float = 60) -> Callable[[F], F]:
    """How long a verb waits for the end of what it began."""
    return click.option(
        "--wait",
        "-w",
        type=Seconds(min=0),
        default=seconds,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for it; 0: not at all.",
    )


@click.command(
    cls=Verb,
    examples=(
        ("proactor create", "one of the configuration's default module"),
        ("proactor create ticker -n 20", "twenty of a module, all of them or none"),
        ("proactor create ticker -o rate=5 -l role=canary", "one with an option of its own, and a label"),
        ("url=$(proactor create ticker --json | jq -r '.[0].url')", "in a script"),
    ),
)
@click.argument("module", required=False, shell_complete=complete_module)
@click.option("--count", "-n", type=Whole(1, 1000), default=1, show_default=True, help="How many.")
@click.option(
    "--option",
    "-o",
    "options",
    multiple=True,
    type=Pairs(),
    metavar="NAME=VALUE",
    shell_complete=complete_pair,
    help="Of their own.",
)
@click.option(
    "--label",
    "-l",
    "labels",
    multiple=True,
    type=Pairs(),
    metavar="NAME=VALUE",
    shell_complete=complete_label,
    help="Besides the module's.",
)
@wait_option()
@click.option("--quiet", "-q", is_flag=True, help="Guids alone, a line each.")
@pass_shell
def create(
    shell: Shell,
    module: str | None,
    count: int,
    options: Sequence[tuple[str, str]],
    labels: Sequence[tuple[str, str]],
    wait: float,
    quiet: bool,
) -> None:
    """Launch processors, and wait until they are ready.

    MODULE is a section of the configuration.
    """
    own, marks = as_mapping(options), as_mapping(labels)

    async def work(client: Client) -> int:
        after = await client.events.last()
        made = await client.jobs.create(module, count, options=own or None, labels=marks or None)
        shell.accepted("they are created, and go on starting", "proactor ps")
        jobs = made if not wait else await settled(shell, client, made, after, "Launching", wait)
        show_jobs(shell, jobs, quiet)
        code = DONE if not wait else told(shell, jobs, len(made))
        if not shell.out.json:
            await warn_of_too_many(shell, client, made[0].module)
        return code

    shell.run(work)


def told(shell: Shell, jobs: Sequence[Job], wanted: int) -> int:
    """Tell whether all are ready, and why not; the exit code.

    :raises Failed: some are not.
    """
    late = [job for job in jobs if not job.ready]
    gone = wanted - len(jobs)
    if not late and not gone:
        shell.out.say(f"{wanted} ready." if wanted != 1 else "It is ready.")
        return DONE
    if shell.out.json:
        return FAILED
    reasons = [f"\n  {job.guid}: {_why(job)}" for job in late[:_FAILURES]]
    more = f"\n  and {len(late) - _FAILURES} more" if len(late) > _FAILURES else ""
    lost = f"\n  {gone} deleted meanwhile" if gone else ""
    hint = _how_to_see(late) if late else ""
    shell.out.warn(f"{len(late) + gone} of {wanted} not ready{''.join(reasons)}{more}{lost}")
    if hint:
        shell.out.say(f"  {hint}")
    return FAILED


def _how_to_see(late: Sequence[Job]) -> str:
    """Where there is more to see: what one wrote that wrote something, else what happened."""
    wrote = next((job for job in late if job.exit is not None and job.exit.lines), None)
    if wrote is not None:
        return f"see what it wrote: proactor logs {wrote.guid[:8]}"
    return f"see what happened: proactor events --job {late[0].guid[:8]}"


def _why(job: Job) -> str:
    if job.queue is not None:
        return f"number {job.queue} in line"
    return f"{job.state}: {last_words(job.exit)}" if job.exit is not None else job.state
