"""``top``: the fleet as it is, again and again."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from .completions import complete_module
from .ends import DONE
from .frames import SORTS, Frame, look
from .numbers import Seconds
from .shell import Shell, pass_shell
from .tables import Cell, wrapped
from .verbs import Verb

if TYPE_CHECKING:
    from rich.text import Text

    from ..client import Client

__all__ = ["top"]

_KEYS = dict(zip("tcmra", SORTS, strict=True))
_HELP = "q quit  sort by: t trouble  c CPU  m memory  r restarts  a age"


@click.command(
    cls=Verb,
    examples=(
        ("proactor top", "q or Ctrl-C quits; t c m r a sort otherwise"),
        ("proactor top --once", "one look, for a script or a pipe"),
        ("proactor top --sort memory --module ticker", "those of a module that use most come first"),
    ),
)
@click.option("--once", is_flag=True, help="Look once. So it is where there is no terminal, or TERM is dumb.")
@click.option("--interval", "-i", type=Seconds(min=0.2), default=2.0, show_default=True, metavar="SECONDS")
@click.option("--sort", "-s", type=click.Choice(SORTS), default=SORTS[0], show_default=True, help="What comes first.")
@click.option("--module", "-m", metavar="MODULE", shell_complete=complete_module, help="Those of a module.")
@pass_shell
def top(shell: Shell, once: bool, interval: float, sort: str, module: str | None) -> None:
    """Watch the jobs: states, CPU, memory, restarts, revisions, messages that wait.

    What REV means is said by: proactor ps --help
    """
    wants_live = not once and not shell.out.json and shell.out.is_terminal
    live = wants_live and not shell.out.is_dumb
    if wants_live and not live:
        shell.out.say(f"This terminal (TERM={os.environ['TERM']}) cannot be drawn on: this is one look.")

    async def work(client: Client) -> None:
        if live:
            await _Screen(shell, client, sort, module).run(interval)
            return
        frame = await look(client, sort, module)
        if shell.out.json:
            shell.out.document(frame.record())
            return
        width = shell.out.console().width if shell.out.is_terminal else sys.maxsize
        for line in wrapped(frame.head(), width):
            shell.out.line(*line)
        if frame.jobs:
            shell.out.table(frame.table())

    if live:
        shell.interrupted = DONE
    shell.run(work)


class _Screen:
    """The terminal, taken for as long as it is looked at."""

    def __init__(self, shell: Shell, client: Client, sort: str, module: str | None) -> None:
        self._shell, self._client, self._sort, self._module = shell, client, sort, module
        self._quit = False
        self._pause: Any = None

    def _pressed(self, key: str) -> None:
        self._quit = self._quit or key in "qQ\x1b"
        self._sort = _KEYS.get(key, self._sort)
        if self._pause is not None and not self._pause.called:
            self._pause.callback(None)

    async def run(self, interval: float) -> None:
        """Show it until the user has seen enough; an initiator that is gone is waited for."""
        from rich.live import Live  # noqa: PLC0415

        from .keyboard import heard  # noqa: PLC0415

        console, clock = self._shell.out.console(), self._client.connection.clock
        with heard(clock, self._pressed), Live(console=console, screen=True, auto_refresh=False) as live:
            while not self._quit:
                text = await self._seen(console.width, console.height)
                live.update(text, refresh=True)
                await self._wait(clock, interval)

    async def _wait(self, clock: Any, seconds: float) -> None:
        """Until there is something to see again, or a key was pressed."""
        from twisted.internet.defer import Deferred  # noqa: PLC0415

        if self._quit:
            return
        self._pause = Deferred()
        timer = clock.callLater(seconds, self._pause.callback, None)
        try:
            await self._pause
        finally:
            if timer.active():
                timer.cancel()

    async def _seen(self, width: int, height: int) -> Text:
        from ..client import ClientError  # noqa: PLC0415

        try:
            frame = await look(self._client, self._sort, self._module)
        except ClientError as error:
            return _styled([[Cell(f"{error}; looking again...", "bold red")]], width)
        return _styled(screenful(frame, width, height), width)


def screenful(frame: Frame, width: int, height: int) -> list[list[Cell]]:
    """The lines of a screen: those that do not fit are counted."""
    lines = [*wrapped(frame.head(), width), *(frame.table().fitted(width) if frame.jobs else ())]
    last = wrapped([Cell(part, "dim") for part in _HELP.split("  ")], width)
    room = height - len(last)
    if len(lines) > room:
        hidden = len(lines) - room + 1
        lines = [*lines[: room - 1], [Cell(f"and {hidden} lines more: --sort says what comes first", "dim")]]
    return [*lines, *last]


def _styled(lines: list[list[Cell]], width: int) -> Text:
    from rich.text import Text  # noqa: PLC0415

    whole = []
    for pieces in lines:
        line = Text.assemble(*((piece.text, piece.style) for piece in pieces))
        line.truncate(width, overflow="ellipsis")
        whole.append(line)
    return Text("\n").join(whole)
