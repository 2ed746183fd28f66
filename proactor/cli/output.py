"""Where a command writes: results to standard output, the rest to standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from attrs import define

from .ends import End
from .tables import Cell, Table
from .words import safe

if TYPE_CHECKING:
    from rich.console import Console

    from .progress import Bar, Progress

__all__ = ["Output"]


@define(eq=False)
class Output:
    """Standard output and standard error.

    :ivar json: whether results are for programs.
    """

    json: bool = False
    _bar: Bar | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether somebody reads the results."""
        return sys.stdout.isatty()

    @property
    def is_dumb(self) -> bool:
        """Whether the terminal says of itself that it only writes on, and draws nothing anew (TERM)."""
        return os.environ.get("TERM", "").lower() in ("dumb", "unknown")

    def document(self, value: Any) -> None:
        """Show a result to a program."""
        click.echo(json.dumps(value, indent=2))

    def line_of_json(self, value: Any) -> None:
        """Show one of many results to a program, a line each."""
        click.echo(json.dumps(value))

    def line(self, *cells: Cell | str) -> None:
        """Show a line of results to a person."""
        pieces = [cell if isinstance(cell, Cell) else Cell(cell) for cell in cells]
        if self.is_terminal:
            self._styled(pieces)
        else:
            click.echo("".join(piece.text for piece in pieces))

    def table(self, table: Table) -> None:
        """Show a table to a person, or whole and uncoloured to a pipe."""
        if not self.is_terminal:
            for line in table.plain():
                click.echo(line)
            return
        for pieces in table.fitted(self.console().width):
            self._styled(pieces)

    def raw(self, data: bytes) -> None:
        """Pass bytes on as they are; not for a terminal."""
        click.echo(data, nl=False)

    def log_line(self, line: str, whose: str = "") -> None:
        """Show a line that a processor wrote; on a terminal without what would steer it.

        :param whose: is put before it.
        """
        text = safe(line) if self.is_terminal else line
        if whose:
            self.line(Cell(whose, "cyan"), f"  {text}")
        else:
            click.echo(text)

    def say(self, text: str) -> None:
        """Tell a person how it goes; a program, which has ``--json``, is told nothing."""
        if not self.json:
            self._tell(text)

    def warn(self, text: str) -> None:
        """Tell of what is not as it should be."""
        self._tell(f"proactor: {text}")

    def note(self, title: str, text: str) -> None:
        """Tell how it goes with what may go on for ever; a program too, by an object on a line of its own.

        :param title: what it is of, in a few words that do not change.
        """
        self._tell(json.dumps({"title": title, "detail": text}) if self.json else text)

    def doubt(self, text: str) -> None:
        """Tell of what holds, and is most likely not meant."""
        self._tell(f"warning: {text}")

    def _tell(self, text: str) -> None:
        """Write to standard error, above a bar where there is one."""
        if self._bar is None:
            click.echo(text, err=True)
        else:
            self._bar.tell(text)

    def ended(self, end: End) -> None:
        """Tell of an error."""
        if self.json:
            click.echo(json.dumps(end.record()), err=True)
            return
        self.warn(safe(end.detail))
        if end.hint:
            click.echo(f"  {end.hint}", err=True)

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Progress]:
        """A bar on a terminal that can draw one, for as long as something takes."""
        from .progress import Bar, Progress  # noqa: PLC0415 - most commands show none

        if self.json or self.is_dumb or not sys.stderr.isatty():
            yield Progress()
            return
        with Bar.shown(label, total) as bar:
            self._bar = bar
            try:
                yield bar
            finally:
                self._bar = None

    def console(self) -> Console:
        """Standard output as ``rich`` has it, with colours where they are wanted (NO_COLOR, TERM)."""
        from rich.console import Console  # noqa: PLC0415 - a pipe needs none

        return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)

    def _styled(self, pieces: list[Cell]) -> None:
        from rich.text import Text  # noqa: PLC0415

        text = Text.assemble(*((piece.text, piece.style) for piece in pieces))
        self.console().print(text, soft_wrap=True)
