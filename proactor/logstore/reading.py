"""Reads a log by offsets, wherever its bytes are at the moment, and says so where some are no more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal

from attrs import define, field, frozen

from .layout import Extent, Layout, Span
from .rotation import Rotation

__all__ = [
    "CHUNK",
    "Cursor",
    "Cut",
    "Reading",
    "Taken",
    "backwards",
    "dropped_line",
    "end_of",
    "last",
    "last_and_cut",
    "last_of",
    "read",
]

Cut = Literal["", "lines", "line"]

CHUNK = 64 << 10
"""Bytes that are read of a log before it is another's turn."""


@frozen
class Reading:
    """What was read.

    :param gap: how many bytes there are no more behind it; 0: more can be read there, or will be.
    """

    data: bytes
    gap: int = 0


def end_of(log: Rotation) -> int:
    """The offset behind the last byte that was written so far; one system call, of the kind that asks no disk."""
    log.load()
    while True:
        layout = log.layout
        try:
            size = os.stat(log.files.live).st_size
        except OSError:
            # It is not there, or no more. What else is wrong is told by who wants to open it.
            return log.seen
        end = log.end(size, layout)
        if end is not None:
            return end


def read(log: Rotation, offset: int, count: int) -> Reading:
    """Read up to ``count`` bytes from an offset on, less where there is a gap or the end.

    :raises OSError: a file cannot be read.
    """
    log.load()
    parts: list[bytes] = []
    while count > 0:
        layout = log.current
        place = layout.locate(offset)
        if place.gap:
            return Reading(b"".join(parts), place.gap)
        end = offset + count if place.span is None else min(offset + count, place.span.end)
        data = _read_one(log, layout, Extent(offset, end, place.span))
        if data is None:
            continue
        if not data and place.span is not None:
            return Reading(b"".join(parts), place.span.end - offset)
        if not data:
            break
        parts.append(data)
        offset += len(data)
        count -= len(data)
    return Reading(b"".join(parts))


def _read_one(log: Rotation, layout: Layout, extent: Extent) -> bytes | None:
    """Read of one file; ``None``: the bytes were moved meanwhile, and what was read may be the NULs of a hole."""
    start = layout.origin if extent.span is None else extent.span.start
    try:
        data = log.files.read(extent.span, extent.start - start, extent.end - extent.start)
    except FileNotFoundError:
        data = b""
    if extent.span is None and b"\0" in data:
        _notice(log, extent.start, layout.origin)
    now = log.current
    return None if now is not layout and _elsewhere(now, extent, layout.origin) else data


def _notice(log: Rotation, offset: int, origin: int) -> None:
    with suppress(FileNotFoundError), log.files.open_live() as fd:
        log.notice(fd, offset, origin)


def _elsewhere(now: Layout, extent: Extent, origin: int) -> bool:
    place = now.locate(extent.start)
    if extent.span is None:
        return place.span is not None or place.gap > 0 or now.origin != origin
    return place.span is None or place.span.start != extent.span.start


def dropped_line(count: int, what: str = "dropped") -> bytes:
    """The line that stands for bytes that are no more."""
    return f"--- {count} bytes {what} here ---\n".encode()


@frozen
class Taken:
    """What a cursor went over.

    :param more: whether it is worth trying again at once.
    """

    data: bytes = b""
    more: bool = False


@define(eq=False)
class Cursor:
    """A reader's place in a log. What it takes one after the other is what was written, byte by byte; lines that
    say what was left out stand between lines.
    """

    log: Rotation
    offset: int
    _in_line: bool = field(default=False, init=False)

    def take(self, count: int, *, whole: bool = False, until: int | None = None, lag: int | None = None) -> Taken:
        """Go on by up to ``count`` bytes.

        :param whole: leave the beginning of a line where it is until its end was written; one that is longer than
            ``count`` comes in pieces.
        :param until: the offset not to go beyond.
        :param lag: how many bytes to be behind at most; of more the older are skipped, and that is said.
        :raises OSError: a file cannot be read.
        """
        end = end_of(self.log) if until is None else min(until, end_of(self.log))
        skipped = b"" if lag is None or end - self.offset <= lag else self._skip(end - lag // 2, count)
        reading = read(self.log, self.offset, min(count, end - self.offset))
        data, gap, full = reading.data, reading.gap, len(reading.data) == count
        if whole and not gap:
            lines = data.rfind(b"\n") + 1
            data = data[:lines] if lines or not full else data
        self.offset += len(data)
        if data:
            self._in_line = not data.endswith(b"\n")
        return Taken(skipped + data + self._leave_out(gap), full or gap > 0)

    def _skip(self, target: int, count: int) -> bytes:
        """Go to the first line that begins not before an offset, if there is one near."""
        found = read(self.log, target - 1, count).data.find(b"\n")
        return self._leave_out(target + max(found, 0) - self.offset, "skipped")

    def _leave_out(self, count: int, what: str = "dropped") -> bytes:
        if not count:
            return b""
        self.offset += count
        ended, self._in_line = self._in_line, False
        return b"\n" * ended + dropped_line(count, what)


def backwards(log: Rotation, end: int, chunk: int = CHUNK, since: float = 0) -> Iterator[bytes]:
    """Give what is before an offset, piece by piece towards the beginning, with lines for what is no more.

    :param since: leave out files that were not written to after this time, in seconds since the epoch.
    :raises OSError: a file cannot be read.
    """
    log.load()
    gap = 0
    while end > 0:
        layout = log.current
        extent = layout.before(end)
        if extent is None:
            end, gap = 0, gap + end
            continue
        if _modified(log, extent.span) < since:
            return
        if extent.end < end:
            end, gap = extent.end, gap + end - extent.end
            continue
        start = max(extent.start, end - chunk)
        data = read(log, start, end - start).data
        if len(data) == end - start:
            if gap:
                yield dropped_line(gap)
            yield data + b"\n" * (gap > 0 and not data.endswith(b"\n"))
            end, gap = start, 0
        elif log.current == layout:
            # Somebody has deleted it.
            end, gap = extent.start, gap + end - extent.start
    if gap:
        yield dropped_line(gap)


def _modified(log: Rotation, span: Span | None) -> float:
    try:
        return log.files.path(span).stat().st_mtime
    except FileNotFoundError:
        return 0.0


def last(pieces: Iterator[bytes], lines: int, limit: int) -> bytes:
    """Give the last lines of a text that comes piece by piece from its end on: whole ones, of at most ``limit`` bytes.

    A line that is longer than that is cut at its beginning.
    """
    return last_and_cut(pieces, lines, limit)[0]


def last_and_cut(pieces: Iterator[bytes], lines: int, limit: int) -> tuple[bytes, Cut]:
    """The same, and whether the limit left out some of it."""
    parts: list[bytes] = []
    size = ends = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        ends += piece.count(b"\n")
        if ends > lines or size > limit:
            break
    text = b"".join(reversed(parts))
    shortened = _shortened(text, limit)
    found = last_of(shortened, lines)
    if len(shortened) == len(text) or len(found) < len(shortened):
        return found, ""
    if text[-len(found) - 1 : -len(found)] != b"\n":
        return found, "line"
    return found, "lines" if found.count(b"\n") + (not found.endswith(b"\n")) < lines else ""


def _shortened(text: bytes, limit: int) -> bytes:
    if len(text) <= limit:
        return text
    start = text.find(b"\n", len(text) - limit - 1) + 1
    return text[start:] if 0 < start < len(text) else text[-limit:]


def last_of(text: bytes, count: int) -> bytes:
    """Give the last lines of a text."""
    start = len(text)
    for _ in range(count):
        if start <= 0:
            return text
        start = text.rfind(b"\n", 0, start - 1) + 1
    return text[start:]
