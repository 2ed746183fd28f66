"""``logs``: what processors wrote, and write."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from ..errors import ProactorError
from .completions import ParamType
from .ends import DONE
from .lookout import Lookout
from .numbers import Whole, period
from .shell import Shell, chosen, code_of, each, pass_shell
from .verbs import Verb, need_selection, selection

if TYPE_CHECKING:
    from ..client import Client, Job

__all__ = ["logs"]


class _Since(ParamType):
    """A time, or so long ago."""

    name = "time"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> str:
        """Have it as an initiator reads it: RFC 3339, or in seconds."""
        from ..errors import Malformed  # noqa: PLC0415
        from ..logstore.stamps import moment  # noqa: PLC0415 - most commands need none

        text = str(value)
        if (ago := period(text)) is not None:
            return str(ago)
        try:
            moment(text, 0)
        except Malformed:
            told = "2026-11-24T18:04:16Z is one, or so long ago: 90, 10m, 2h, 1d"
            self.fail(f"{text[:64]!r} is no time: {told}", parameter, context)
        return text


@click.command(
    cls=Verb,
    examples=(
        ("proactor logs 3f2a", "the last hundred lines of a job"),
        ("proactor logs 3f2a -f", "and what it writes from now on"),
        ("proactor logs --module ticker -f -n 0", "what all of a module write, each line with whose it is"),
        ("proactor logs 3f2a --since 10m", "of the last ten minutes"),
    ),
)
@selection
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written.")
@click.option("--tail", "-n", type=Whole(0, 10_000), metavar="LINES", help="How many lines: 100.")
@click.option(
    "--since", "start", type=_Since(), metavar="TIME", help="From a time on, RFC 3339, or so long ago: 90, 10m, 2h."
)
@pass_shell
def logs(
    shell: Shell,
    jobs: Sequence[str],
    module: str | None,
    labels: Sequence[str],
    follow: bool,
    tail: int | None,
    start: str | None,
) -> None:
    """Show what jobs wrote.

    A connection that is lost while they are followed is made again, and goes on where it was. With --json a line is an
    object with its guid and text.

    Of each job that is at most 10,000 lines and 1 MiB. Where 1 MiB does not hold what was asked for, that is said, also
    whether it begins in the middle of a line; with --json by a member cut of the first line: lines, or line.
    """
    need_selection(jobs, module, labels)

    async def work(client: Client) -> int:
        found = await chosen(client, jobs, module, labels)
        printers = [_Printer(shell, job, len(found) > 1) for job in found]
        if not follow:
            for printer in printers:
                printer.take(await client.jobs.log(printer.job.guid, tail=tail, since=start, cut=printer.cut))
                printer.end()
            return DONE
        lookout = Lookout(shell.out)

        async def follow_one(printer: _Printer) -> None:
            await _follow(client, printer, lookout, tail=tail, since=start)

        results = await each(printers, follow_one, at_once=len(printers))
        for result in results:
            if isinstance(result, ProactorError):
                raise result
        return code_of(results)

    shell.run(work)


async def _follow(client: Client, printer: _Printer, lookout: Lookout, **begin: Any) -> None:
    from ..client import NotFound  # noqa: PLC0415

    following = client.jobs.follow_log(
        printer.job.guid, **begin, lost=lookout.lost, found=lookout.found, cut=printer.cut
    )
    try:
        async with aclosing(following) as pieces:
            async for piece in pieces:
                printer.take(piece)
    except NotFound:
        # It was there, and went while there was no connection.
        lookout.found()
    printer.end()
    printer.shell.out.say(f"{printer.job.guid} is deleted.")


class _Printer:
    """Prints what one job writes: as it is, or line by line where it has to be said whose it is."""

    def __init__(self, shell: Shell, job: Job, many: bool) -> None:
        self.shell, self.job = shell, job
        self._by_line = many or shell.out.json
        self._decoder: Any = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._cut: dict[str, str] = {}

    def cut(self, how: str) -> None:
        """What comes first is not all that was asked for; to a program the first line says so."""
        self._cut = {"cut": how}
        if not self.shell.out.json:
            middle = ", and this begins in the middle of a line" if how == "line" else ""
            told = f"{self.job.guid[:8]}: an answer holds 1 MiB: there is more before{middle}"
            self.shell.out.warn(f"{told}; all of it is in the initiator's home, in logs/")

    def take(self, data: bytes) -> None:
        """Some more was written."""
        if not self._by_line and not self.shell.out.is_terminal:
            self.shell.out.raw(data)
            return
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            self._show(line)

    def end(self) -> None:
        """Nothing more comes."""
        if self._rest:
            self._show(self._rest)
            self._rest = ""

    def _show(self, line: str) -> None:
        if self.shell.out.json:
            self.shell.out.line_of_json({"guid": self.job.guid, "line": line, **self._cut})
            self._cut = {}
        elif self._by_line:
            self.shell.out.log_line(line, self.job.guid[:8])
        else:
            self.shell.out.log_line(line)
