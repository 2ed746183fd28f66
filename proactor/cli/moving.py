"""What is done to many jobs at once: how it goes, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from ..errors import ProactorError
from .ends import DONE, FAILED, Failed, end_of
from .jobs_shown import STYLES, last_words
from .shell import Shell, chosen, code_of, each
from .tables import Cell

if TYPE_CHECKING:
    from ..client import Client, Exit, Job

__all__ = ["Move", "all_option", "move_chosen", "moved"]

#: No initiator holds a request for longer.
_LONGEST = 300.0

all_option = click.option("--all", "-a", "everything", is_flag=True, help="All there are.")


@frozen
class Move:
    """What is done to jobs.

    :param doing: what it is called while it goes on; ``told``: what is said of one that was told to.
    :param act: does it to one; gives the job as it is then, where that was waited for.
    :param good: whether that is what was asked for.
    :param ends: whether it is to end a process: that it had to be killed is told then.
    """

    doing: str
    told: str
    act: Callable[[Client, str, float], Coroutine[Any, Any, Any]]
    good: Callable[[Job], bool]
    ends: bool = False


async def moved(shell: Shell, client: Client, move: Move, jobs: Sequence[Job], wait: float) -> int:
    """Do it to many at once, show how it goes, and tell what came of it; the exit code."""
    shell.hint = "It goes on. Look again: proactor ps"

    wait = min(wait, _LONGEST)

    async def one(job: Job) -> Any:
        return await move.act(client, job.guid, wait)

    with shell.out.progress(move.doing, len(jobs)) as bar:
        results = await each(jobs, one, bar.at)
    if shell.out.json:
        shell.out.document([_record(job, result, wait) for job, result in zip(jobs, results, strict=True)])
        return _code(move, results, wait)
    for job, result in zip(jobs, results, strict=True):
        _tell(shell, move, job, result, wait)
    if late := sum(map(_is_open, results)) if wait else 0:
        shell.out.warn(f"{late} of {len(jobs)} not done within {wait:g} s; it goes on")
        shell.out.say("  look again: proactor ps")
    return _code(move, results, wait)


def move_chosen(
    shell: Shell, move: Move, jobs: Sequence[str], module: str | None, labels: Sequence[str], wait: float
) -> None:
    """Do it to the jobs that are chosen."""

    async def work(client: Client) -> int:
        return await moved(shell, client, move, await chosen(client, jobs, module, labels), wait)

    shell.run(work)


def _is_open(result: Any) -> bool:
    """Whether it was told to, and not seen to be done."""
    return result is None or result is False


def _record(job: Job, result: Any, wait: float) -> dict[str, Any]:
    if wait and _is_open(result):
        result = Failed(f"not done within {wait:g} s; it goes on")
    if isinstance(result, ProactorError):
        return {"guid": job.guid, "error": end_of(result).record()}
    return {"guid": job.guid} if result is None or isinstance(result, bool) else dict(result.record)


def _code(move: Move, results: Sequence[Any], wait: float) -> int:
    bad = any(not isinstance(each, ProactorError | bool | None) and not move.good(each) for each in results)
    late = wait > 0 and any(map(_is_open, results))
    return code_of(results) or (FAILED if bad or late else DONE)


def _tell(shell: Shell, move: Move, job: Job, result: Any, wait: float) -> None:
    name = Cell(job.guid[:8], "cyan")
    if isinstance(result, ProactorError):
        told = str(result)
        shell.out.warn(told if job.guid in told else f"{job.guid}: {told}")
    elif result is True:
        shell.out.line(name, f"  {job.module}  gone")
    elif _is_open(result):
        shell.out.line(name, f"  {job.module}  {move.told}{f', not done within {wait:g} s' if wait else ''}")
    else:
        is_told = result.exit is not None and (not move.good(result) or (move.ends and _is_killed(result.exit)))
        why = f": {last_words(result.exit)}" if is_told else ""
        shell.out.line(name, f"  {job.module}  ", Cell(result.state, STYLES.get(result.state, "")), why)


def _is_killed(exit_: Exit) -> bool:
    """Whether it did not heed SIGTERM in time."""
    return "stop_timeout" in exit_.reason
