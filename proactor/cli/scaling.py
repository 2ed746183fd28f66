"""``scale``: so many processors of a module, or any number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from .completions import ParamType, complete_module
from .ends import DONE, Failed
from .launching import wait_option
from .numbers import Whole
from .rollouts import code, followed
from .settling import reached, within
from .shell import Shell, pass_shell
from .verbs import Verb

if TYPE_CHECKING:
    from ..client import Client, Job

__all__ = ["scale"]

#: How many are named at most.
_NAMED = 5
#: The rest of the record of an edit that was none.
_UNCHANGED: Mapping[str, Any] = {"changes": {}, "overrides": {}, "rollout": None}


class _Count(ParamType):
    """A number of processors, or ``off``."""

    name = "count"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> int | None:
        """Read it."""
        if value == "off":
            return None
        return Whole(min=0).convert(value, parameter, context)


@click.command(
    cls=Verb,
    examples=(
        ("proactor scale ticker 5", "keep five of a module running: some are launched, or others removed"),
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

    It sets the option ``instances`` of the module's section. Those that are too many are stopped and forgotten, those
    that were created by hand included: first those that do not run, then the youngest. With off no number is kept, and
    those that run go on; where none is kept that is said, and is no error.
    """

    async def work(client: Client) -> int:
        shell.look = f"proactor ps --module {module}, proactor config get {module} instances"
        if count is None:
            return await _let_be(shell, client, module)
        return await _kept(shell, client, module, count, wait)

    shell.run(work)


async def _kept(shell: Shell, client: Client, module: str, count: int, wait: float) -> int:
    """Have so many, and tell how many there are.

    :raises Failed: there are others than that.
    """
    after = await client.events.last()
    plan = await client.config.edit(module, {"instances": str(count)})
    shell.accepted(f"[{module}] instances = {count} is set, and goes on", f"proactor ps --module {module}")
    until = client.connection.clock.seconds() + wait
    taken_back = await _taken_back(shell, client, plan.rollout, wait) if wait and plan.rollout is not None else None
    if wait and taken_back is None:
        left = max(0.0, until - client.connection.clock.seconds())
        jobs = await reached(shell, client, module, count, after, left)
    else:
        jobs = await client.jobs.list(module=module)
    running = _told(shell, plan.record, jobs)
    if taken_back is not None:
        raise taken_back
    if wait and len(jobs) > count:
        raise Failed(
            f"{len(jobs)} of {module} are there after {wait:g} s, and {count} are to stay; the others go",
            f"look again: proactor ps --module {module}",
        )
    if wait and running != count:
        raise _short(module, jobs, running, count)
    shell.out.say(f"{running} of {module} running, revision {plan.revision}.")
    return DONE


async def _taken_back(shell: Shell, client: Client, rollout: str, wait: float) -> Failed | None:
    """What to raise where a processor did not take the edit, which is none then; ``None``: it goes on, or is done."""
    await within(client.connection.clock, followed(shell, client, rollout), wait)
    outcome = await client.rollouts.get(rollout)
    if code(outcome) == DONE:
        return None
    became = "was stopped" if outcome.reverted_by is None else f"was taken back by revision {outcome.reverted_by}"
    return Failed(f"revision {outcome.revision} {became}: {outcome.problem}", f"see it: proactor rollout {rollout}")


async def _let_be(shell: Shell, client: Client, module: str) -> int:
    """Keep no number, where one is kept; those that there are go on.

    :raises Failed: the file says one too, which would count again.
    """
    section = await client.config.section(module)
    in_file = section.file.get("instances")
    if in_file is not None:
        kept = f"[{module}] instances = {in_file}"
        raise Failed(
            f"the file says {kept}, and that would count again",
            f"remove it there, or have none: proactor scale {module} 0",
        )
    record: Mapping[str, Any] = {**_UNCHANGED, "section": module, "revision": section.revision}
    since = ""
    if "instances" in section.options:
        record = (await client.config.edit(module, {"instances": None})).record
        since = f", revision {record['revision']}"
    running = _told(shell, record, await client.jobs.list(module=module))
    kept = f"No number of {module} is kept{' from now on' if since else ''}"
    shell.out.say(f"{kept}; {running} run as before{since}.")
    return DONE


def _told(shell: Shell, record: Mapping[str, Any], jobs: Sequence[Job]) -> int:
    """Tell a program what was edited, and which jobs there are; how many of them run."""
    if shell.out.json:
        shell.out.document({**record, "jobs": [dict(job.record) for job in jobs]})
    return sum(job.ready for job in jobs)


def _short(module: str, jobs: Sequence[Job], running: int, count: int) -> Failed:
    """What to raise where there are not so many: those that do not run, and will not by themselves, count as well."""
    resting = [job for job in jobs if job.wanted == "stopped" or job.state in ("exited", "fatal")]
    stopped = [job.guid[:8] for job in resting]
    states = ", ".join(sorted({"stopped" if job.wanted == "stopped" else job.state for job in resting}))
    if not stopped:
        return Failed(f"{running} of {count} are ready", f"see which are not, and why: proactor ps --module {module}")
    names = " ".join(stopped[:_NAMED])
    more = f" and {len(stopped) - _NAMED} more" if len(stopped) > _NAMED else ""
    is_or_are = "is 1" if len(stopped) == 1 else f"are {len(stopped)}"
    return Failed(
        f"{running} of {count} are ready; {states}, and counted as well, {is_or_are}: {names}{more}",
        f"have them run: proactor start {names}; or forget them: proactor rm {names}",
    )
