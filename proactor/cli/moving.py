"""``start``, ``stop``, ``restart``, ``signal`` and ``rm``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from ..errors import ProactorError
from .ends import DONE, FAILED, Failed, end_of
from .jobs_shown import STYLES, last_words
from .launching import wait_option
from .lookout import Lookout
from .shell import Shell, chosen, code_of, each, pass_shell
from .tables import Cell
from .verbs import Verb, need_selection, selection
from .words import one_line

if TYPE_CHECKING:
    from ..client import Client, Exit, Job, Restart

__all__ = ["restart", "revoke_jobs", "rm", "signal", "start", "stop"]

#: Between two looks at a rolling restart, in seconds.
_LOOK = 0.3
#: No initiator holds a request for longer.
_LONGEST = 300.0
_all = click.option("--all", "-a", "everything", is_flag=True, help="All there are.")


@frozen
class _Move:
    """What is done to jobs.

    :param doing: what it is called while it goes on; ``told``: what is said of one that was told to.
    :param act: does it to one; gives the job as it is then, where that was waited for.
    :param good: whether that is what was asked for.
    """

    doing: str
    told: str
    act: Callable[[Client, str, float], Coroutine[Any, Any, Any]]
    good: Callable[[Job], bool]


async def _moved(shell: Shell, client: Client, move: _Move, jobs: Sequence[Job], wait: float) -> int:
    """Do it to many at once, show how it goes, and tell what came of it; the exit code."""
    shell.hint = "It goes on. Look again: proactor ps"

    async def one(job: Job) -> Any:
        return await move.act(client, job.guid, min(wait, _LONGEST))

    with shell.out.progress(move.doing, len(jobs)) as bar:
        results = await each(jobs, one, bar.at)
    if shell.out.json:
        shell.out.document([_record(*pair) for pair in zip(jobs, results, strict=True)])
        return _code(move, results)
    for job, result in zip(jobs, results, strict=True):
        _tell(shell, move, job, result, wait)
    return _code(move, results)


def _move_chosen(
    shell: Shell, move: _Move, jobs: Sequence[str], module: str | None, labels: Sequence[str], wait: float
) -> None:
    """Do it to the jobs that are chosen."""

    async def work(client: Client) -> int:
        return await _moved(shell, client, move, await chosen(client, jobs, module, labels), wait)

    shell.run(work)


def _record(job: Job, result: Any) -> dict[str, Any]:
    if isinstance(result, ProactorError):
        return {"guid": job.guid, "error": end_of(result).record()}
    return {"guid": job.guid} if result is None or isinstance(result, bool) else dict(result.record)


def _code(move: _Move, results: Sequence[Any]) -> int:
    bad = any(not isinstance(each, ProactorError | bool | None) and not move.good(each) for each in results)
    return code_of(results) or (FAILED if bad else DONE)


def _tell(shell: Shell, move: _Move, job: Job, result: Any, wait: float) -> None:
    name = Cell(job.guid[:8], "cyan")
    if isinstance(result, ProactorError):
        told = str(result)
        shell.out.warn(told if job.guid in told else f"{job.guid}: {told}")
    elif result is True:
        shell.out.line(name, f"  {job.module}  gone")
    elif result is None or result is False:
        shell.out.line(name, f"  {job.module}  {move.told}{f', not done within {wait:g} s' if wait else ''}")
    else:
        is_told = result.exit is not None and (not move.good(result) or (move is _STOP and _is_killed(result.exit)))
        why = f": {last_words(result.exit)}" if is_told else ""
        shell.out.line(name, f"  {job.module}  ", Cell(result.state, STYLES.get(result.state, "")), why)


def _is_killed(exit_: Exit) -> bool:
    """Whether it did not heed SIGTERM in time."""
    return "stop_timeout" in exit_.reason


_START = _Move("Starting", "starts", lambda client, guid, wait: client.jobs.start(guid, wait), lambda job: job.ready)
_STOP = _Move("Stopping", "stops", lambda client, guid, wait: client.jobs.stop(guid, wait), lambda job: job.pid is None)
_RESTART = _Move(
    "Restarting", "restarts", lambda client, guid, wait: client.jobs.restart(guid, wait), lambda job: job.ready
)
_REVOKE = _Move(
    "Revoking", "is revoked", lambda client, guid, wait: client.jobs.revoke(guid, wait), lambda job: job.ready
)
_REMOVE = _Move("Removing", "goes", lambda client, guid, wait: client.jobs.remove(guid, wait), lambda _: True)


@click.command(
    cls=Verb,
    examples=(
        ("proactor start 3f2a", "the job whose guid begins so"),
        ("proactor start --module ticker", "all of a module"),
    ),
)
@selection
@_all
@wait_option()
@pass_shell
def start(
    shell: Shell, jobs: Sequence[str], module: str | None, labels: Sequence[str], everything: bool, wait: float
) -> None:
    """Have jobs run, and wait until they are ready."""
    need_selection(jobs, module, labels, everything)

    _move_chosen(shell, _START, jobs, module, labels, wait)


@click.command(
    cls=Verb,
    examples=(
        ("proactor stop 3f2a 81c0", "two jobs; they stay, and can be started again"),
        ("proactor stop --label role=canary", "those of a label"),
        ("proactor stop --all", "all of them; the initiator goes on"),
    ),
)
@selection
@_all
@wait_option()
@pass_shell
def stop(
    shell: Shell, jobs: Sequence[str], module: str | None, labels: Sequence[str], everything: bool, wait: float
) -> None:
    """Have jobs not run, and wait until their processes are gone."""
    need_selection(jobs, module, labels, everything)

    _move_chosen(shell, _STOP, jobs, module, labels, wait)


@click.command(
    "revoke-job",
    cls=Verb,
    examples=(("proactor token revoke-job 3f2a", "whoever has got hold of a token of that processor has nothing"),),
)
@selection
@wait_option()
@pass_shell
def revoke_jobs(shell: Shell, jobs: Sequence[str], module: str | None, labels: Sequence[str], wait: float) -> None:
    """Have the tokens of processors open nothing any more; others take their place, with tokens of their own."""
    need_selection(jobs, module, labels)

    _move_chosen(shell, _REVOKE, jobs, module, labels, wait)


@click.command(
    cls=Verb,
    examples=(
        ("proactor rm 3f2a", "stop it, and forget it with its log"),
        ("proactor rm --module ticker --yes", "all of a module, without a question"),
    ),
)
@selection
@_all
@click.option("--yes", "-y", is_flag=True, help="Ask no question.")
@wait_option()
@pass_shell
def rm(
    shell: Shell,
    jobs: Sequence[str],
    module: str | None,
    labels: Sequence[str],
    everything: bool,
    yes: bool,
    wait: float,
) -> None:
    """Stop jobs, and forget them, their edits and their logs."""
    need_selection(jobs, module, labels, everything)
    if not jobs and not yes and not sys.stdin.isatty():
        raise click.UsageError("say --yes: nobody is there to be asked whether all of these are meant")
    if not jobs and not yes:
        what = "all jobs" if everything else "all of these jobs, with their logs"
        click.confirm(f"Remove {what}?", abort=True, err=True)

    async def work(client: Client) -> int:
        found = await chosen(client, jobs, module, labels)
        code = await _moved(shell, client, _REMOVE, found, wait)
        if not shell.out.json:
            await _warn_of_others(shell, client, {job.module for job in found})
        return code

    shell.run(work)


async def _warn_of_others(shell: Shell, client: Client, modules: Iterable[str]) -> None:
    """Where a number of a module is kept, others come for those that are removed: say so."""
    from ..client import Forbidden, NotFound  # noqa: PLC0415

    for module in sorted(modules):
        try:
            options = (await client.config.section(module)).options
        except (Forbidden, NotFound):
            # A token may open the rest and not this; a section may have been taken out of the file.
            continue
        kept = options.get("instances")
        if kept and kept != "0":
            told = f"[{module}] instances = {one_line(kept)}: others are launched in their place"
            shell.out.say(f"{told}. To have none: proactor scale {module} 0")


@click.command(
    cls=Verb,
    examples=(
        ("proactor signal HUP 3f2a", "by name or number"),
        ("proactor signal KILL --module ticker", "all of a module; they come back as their section says"),
    ),
)
@click.argument("signal", metavar="SIGNAL")
@selection
@_all
@pass_shell
def signal(
    shell: Shell, signal: str, jobs: Sequence[str], module: str | None, labels: Sequence[str], everything: bool
) -> None:
    """Send the processes of jobs a signal."""
    need_selection(jobs, module, labels, everything)

    async def send(client: Client, guid: str, _wait: float) -> None:
        await client.jobs.signal(guid, signal)

    async def work(client: Client) -> int:
        move = _Move("Signalling", "has the signal", send, lambda _: True)
        found = await chosen(client, jobs, module, labels)
        if not jobs:
            found = [job for job in found if job.pid is not None]
        return await _moved(shell, client, move, found, 0)

    shell.run(work)


@click.command(
    cls=Verb,
    examples=(
        ("proactor restart 3f2a", "one job; its clients wait meanwhile, and are not refused"),
        ("proactor restart --module ticker --batch 2", "a rolling restart: two at a time, each ready before the next"),
        ("proactor restart --module ticker --batch 1 --batch 25%", "one, and then the rest by quarters"),
        ("proactor restart --follow 60434dc5a93e", "look again at a rolling restart"),
    ),
)
@selection
@click.option("--batch", "-b", "batches", multiple=True, metavar="N|N%", help="How many at a time, of many: 1.")
@click.option("--follow", "-f", metavar="ID", help="Show a rolling restart that goes on already.")
@wait_option()
@pass_shell
def restart(
    shell: Shell,
    jobs: Sequence[str],
    module: str | None,
    labels: Sequence[str],
    batches: Sequence[str],
    follow: str | None,
    wait: float,
) -> None:
    """Have other processes take the place of those of jobs.

    The jobs of a module or a label are restarted in batches, each ready before the next: a rolling restart, which is
    waited for until it is over.
    """
    if follow is None:
        need_selection(jobs, module, labels)
    if jobs and batches:
        raise click.UsageError("--batch is for --module and --label")

    async def work(client: Client) -> int:
        if jobs:
            return await _moved(shell, client, _RESTART, await chosen(client, jobs, None, ()), wait)
        if follow is not None:
            record = await client.jobs.restarting(follow)
        else:
            record = await client.jobs.restart_all(module=module, labels=labels, batches=batches)
        return await _rolled(shell, client, record, wait)

    shell.run(work)


async def looked(client: Client, record: Restart, lookout: Lookout) -> Restart:
    """How far a rolling restart is; an initiator that is gone is waited for.

    :raises Failed: it was gone, and with it the restart.
    """
    from ..client import NotFound  # noqa: PLC0415
    from ..client.streams import patiently  # noqa: PLC0415

    try:
        return await patiently(
            client.connection, lambda: client.jobs.restarting(record.id), lookout.lost, lookout.found
        )
    except NotFound:
        raise Failed(
            f"{record.ready} of {record.wanted} were restarted when the initiator ended, which ended that",
            "have the others restarted: proactor ps says how long each runs, proactor restart takes their guids",
        ) from None


async def _rolled(shell: Shell, client: Client, record: Restart, wait: float) -> int:
    """Show a rolling restart until it is over; the exit code.

    :raises Failed: it was stopped.
    """
    from twisted.internet.task import deferLater  # noqa: PLC0415

    lookout = Lookout(shell.out)
    shell.hint = f"The restart goes on. Look again: proactor restart --follow {record.id}"
    with shell.out.progress("Restarting", record.wanted) as bar:
        while not record.over and wait:
            await deferLater(client.connection.clock, _LOOK)
            record = await looked(client, record, lookout)
            bar.at(record.ready, f"batch {record.batch} of {len(record.batches)}")
    if shell.out.json:
        shell.out.document(dict(record.record))
        return FAILED if record.state == "stopped" else DONE
    if record.state == "stopped":
        raise Failed(
            f"stopped, {record.ready} of {record.wanted} done: {record.problem}", "mend that, and say it again"
        )
    shell.out.say(shell.hint if not record.over else f"{record.ready} of {record.wanted} restarted.")
    return DONE
