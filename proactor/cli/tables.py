"""Tables as lines: aligned and whole in a pipe, cut to the width and coloured on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen

__all__ = ["Cell", "Column", "Table", "wrapped"]

_GAP = 2
#: A column that gives way keeps so much.
_LEAST = 8


@frozen
class Cell:
    """A text, and the style that it has where there are colours."""

    text: str
    style: str = ""


@frozen
class Column:
    """One column.

    :param gives: whether it is cut where the table is too wide; ``tail``: of it the end is what matters.
    :param spare: whether it is left out where that is not enough: the highest number first, 0 never.
    """

    title: str
    right: bool = False
    gives: bool = False
    tail: bool = False
    spare: int = 0


@frozen
class Table:
    """Columns and rows; a row may have a line below it, which is the last column where there is no terminal.

    :param notes: the title of that, and by the row's number its text.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: tuple[str, Sequence[Cell]] | None = None

    def plain(self) -> Iterator[str]:
        """Each row a line, with nothing cut."""
        columns, rows = self.columns, self.rows
        if self.notes is not None:
            title, notes = self.notes
            columns = [*columns, Column(title)]
            rows = [[*row, note] for row, note in zip(rows, notes, strict=True)]
        head = [Cell(column.title) for column in columns]
        widths = _natural([head, *rows])
        for row in [head, *rows]:
            yield (" " * _GAP).join(_padded(*each) for each in zip(row, columns, widths, strict=True)).rstrip()

    def fitted(self, width: int) -> Iterator[list[Cell]]:
        """Each line as pieces, at most so wide."""
        head = [Cell(column.title, "bold") for column in self.columns]
        widths = _shown(self.columns, _natural([head, *self.rows]), width)
        for number, row in enumerate([head, *self.rows]):
            yield list(self._line(row, widths))
            note = self.notes[1][number - 1] if self.notes is not None and number else Cell("")
            if note.text:
                yield [Cell("  "), Cell(_cut(note.text, width - 2), note.style)]

    def _line(self, row: Sequence[Cell], widths: Mapping[int, int]) -> Iterator[Cell]:
        for number, width in widths.items():
            cell, column = row[number], self.columns[number]
            if number != next(iter(widths)):
                yield Cell(" " * _GAP)
            is_last = number == next(reversed(widths))
            text = _cut(cell.text, width, column.tail)
            yield Cell(text if is_last and not column.right else _pad(text, width, column.right), cell.style)


def _natural(rows: Sequence[Sequence[Cell]]) -> list[int]:
    return [max(_length(cell.text) for cell in column) for column in zip(*rows, strict=True)]


def _shown(columns: Sequence[Column], natural: Sequence[int], width: int) -> dict[int, int]:
    """Of the columns that there is room for, by their numbers, the widths."""
    shown = list(range(len(columns)))
    while True:
        widths = _shrunk([columns[number] for number in shown], [natural[number] for number in shown], width)
        least = max(shown, key=lambda number: columns[number].spare)
        if sum(widths) + _GAP * (len(widths) - 1) <= width or not columns[least].spare:
            return dict(zip(shown, widths, strict=True))
        shown.remove(least)


def wrapped(parts: Iterable[Cell], width: int) -> list[list[Cell]]:
    """Parts one behind the other, on as many lines as they take; none is taken apart."""
    lines: list[list[Cell]] = []
    room = 0
    for part in parts:
        taken = _GAP + _length(part.text)
        if not lines or taken > room:
            lines.append([part])
            room = width - _length(part.text)
        else:
            lines[-1] += [Cell(" " * _GAP), part]
            room -= taken
    return lines


def _shrunk(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Widths that fit, where they can be made to: of those that give way the widest gives first."""
    fitted = list(widths)
    giving = [number for number, column in enumerate(columns) if column.gives]
    while giving and sum(fitted) + _GAP * (len(fitted) - 1) > width:
        widest = max(giving, key=lambda number: fitted[number])
        if fitted[widest] <= _LEAST:
            break
        fitted[widest] -= 1
    return fitted


def _padded(cell: Cell, column: Column, width: int) -> str:
    return _pad(cell.text, width, column.right)


def _pad(text: str, width: int, right: bool) -> str:
    fill = " " * max(0, width - _length(text))
    return fill + text if right else text + fill


def _cut(text: str, width: int, tail: bool = False) -> str:
    if _length(text) <= width:
        return text
    while text and _length(text) > width - 1:
        text = text[1:] if tail else text[:-1]
    return f"…{text}" if tail else f"{text}…"


def _length(text: str) -> int:
    """How many columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - most tables are ASCII

    return cell_len(text)
