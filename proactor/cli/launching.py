"""``create`` and ``scale``: more processors, or fewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .ends import DONE, FAILED, Failed
from .jobs_shown import last_words
from .listing import show_jobs
from .settling import reached, settled
from .shell import Shell, pass_shell
from .verbs import Pairs, ParamType, Verb, as_mapping, complete_module

if TYPE_CHECKING:
    from ..client import Client, Job

__all__ = ["create", "scale", "wait_option"]

F = TypeVar("F", bound=Callable[..., Any])

_FAILURES = 5


def wait_option(seconds: float = 60) -> Callable[[F], F]:
    """How long a verb waits for the end of what it began."""
    return click.option(
        "--wait",
        "-w",
        type=click.FloatRange(min=0),
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
@click.option("--count", "-n", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many.")
@click.option("--option", "-o", "options", multiple=True, type=Pairs(), metavar="NAME=VALUE", help="Of their own.")
@click.option(
    "--label", "-l", "labels", multiple=True, type=Pairs(), metavar="NAME=VALUE", help="Besides the module's."
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
        shell.hint = "They are created, and go on starting. Look again: proactor ps"
        jobs = made if not wait else await settled(shell, client, made, after, "Launching", wait)
        show_jobs(shell, jobs, quiet)
        return DONE if not wait else told(shell, jobs, len(made))

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


class _Count(ParamType):
    """A number of processors, or ``off``."""

    name = "count"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> int | None:
        """Read it."""
        if value == "off":
            return None
        return click.IntRange(min=0).convert(value, parameter, context)


@click.command(
    cls=Verb,
    examples=(
        ("proactor scale ticker 5", "keep five of a module running: some are launched, or the youngest removed"),
        ("proactor scale ticker 0", "remove all of them"),
        ("proactor scale ticker off", "keep no number of them; those that run go on"),
    ),
)
@click.argument("module", shell_complete=complete_module)
@click.argument("count", type=_Count(), metavar="COUNT|off")
@wait_option()
@pass_shell
def scale(shell: Shell, module: str, count: int | None, wait: float) -> None:
    """Keep so many processors of a module running.

    It sets the option ``instances`` of the module's section. Those that are too many are stopped and forgotten, the
    youngest first, those that were created by hand included.
    """

    async def work(client: Client) -> int:
        shell.look = f"proactor ps --module {module}, proactor config get {module} instances"
        after = await client.events.last()
        plan = await client.config.edit(module, {"instances": count})
        shell.hint = f"It goes on. Look again: proactor ps --module {module}"
        jobs = await client.jobs.list(module=module)
        if wait and count is not None:
            jobs = await reached(shell, client, module, count, after, wait)
        if shell.out.json:
            shell.out.document({**plan.record, "jobs": [dict(job.record) for job in jobs]})
        running = sum(job.ready for job in jobs)
        if count is not None and wait and running != count:
            raise _short(module, jobs, running, count)
        if count is None:
            kept = f"No number of {module} is kept from now on"
            shell.out.say(f"{kept}; {running} run as before, revision {plan.revision}.")
            return DONE
        shell.out.say(f"{running} of {module} running, revision {plan.revision}.")
        return DONE

    shell.run(work)


def _short(module: str, jobs: Sequence[Job], running: int, count: int) -> Failed:
    """What to raise where there are not so many: those that were stopped by hand count as well."""
    stopped = [job.guid[:8] for job in jobs if job.wanted == "stopped"]
    if not stopped:
        return Failed(f"{running} of {count} are ready", f"see which are not, and why: proactor ps --module {module}")
    names = " ".join(stopped[:_FAILURES])
    more = f" and {len(stopped) - _FAILURES} more" if len(stopped) > _FAILURES else ""
    is_or_are = "is 1" if len(stopped) == 1 else f"are {len(stopped)}"
    return Failed(
        f"{running} of {count} are ready; stopped, and counted as well, {is_or_are}: {names}{more}",
        f"have them run: proactor start {names}; or forget them: proactor rm {names}",
    )
