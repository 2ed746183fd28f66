"""How far something has come: a bar on standard error, with count and rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define

__all__ = ["Bar", "Progress"]


class Progress:
    """Where nobody looks."""

    def at(self, count: int, note: str = "") -> None:
        """So many are done; the note says what else there is to know."""

    def total(self, count: int) -> None:
        """There are so many."""


@define(eq=False)
class Bar(Progress):
    """On a terminal."""

    _bars: Any
    _task: Any
    #: How many were done before anybody looked.
    _first: int | None = None

    @classmethod
    @contextmanager
    def shown(cls, label: str, total: int) -> Iterator[Bar]:
        """Show it until this is over."""
        from rich import progress  # noqa: PLC0415 - it takes its time to load
        from rich.console import Console  # noqa: PLC0415

        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=24),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[rate]}", style="progress.data.speed"),
            progress.TimeElapsedColumn(),
            progress.TextColumn("{task.fields[note]}", style="yellow", table_column=_cut()),
        )
        console = Console(stderr=True, highlight=False, markup=False)
        with progress.Progress(*columns, console=console, expand=False) as bars:
            bar = cls(bars, bars.add_task(label, total=total, rate="", note=""))
            yield bar

    def tell(self, text: str) -> None:
        """Say something in the meantime."""
        self._bars.console.print(text, soft_wrap=True)

    def at(self, count: int, note: str = "") -> None:
        """So many are done."""
        elapsed = self._bars.tasks[self._task].elapsed or 0
        self._first = count if self._first is None else self._first
        done = count - self._first
        rate = f"{done / elapsed:.1f}/s" if elapsed > 0 and done > 0 else ""
        self._bars.update(self._task, completed=count, rate=rate, note=note)

    def total(self, count: int) -> None:
        """There are so many."""
        self._bars.update(self._task, total=count)


def _cut() -> Any:
    from rich.table import Column  # noqa: PLC0415

    return Column(no_wrap=True, overflow="ellipsis")
