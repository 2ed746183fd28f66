"""What is told of a log at one moment: its last lines, and how much there is of it."""

from __future__ import annotations

from attrs import frozen

from . import stamps
from .reading import Cut, backwards, end_of, last, last_and_cut, last_of
from .rotation import Rotation

__all__ = ["LAST_BYTES", "TAIL_BYTES", "TAIL_LINES", "Extract", "Stored", "extract", "last_lines", "stored"]

TAIL_LINES = 10_000
TAIL_BYTES = 1 << 20
LAST_BYTES = 16 << 10


@frozen
class Extract:
    """The end of a log.

    :param end: the offset behind it: where to begin to follow, so that nothing is missed and nothing comes twice.
    :param cut: what ``TAIL_BYTES`` left out of what was asked for: ``lines`` before it, or the beginning of its first
        ``line`` too; empty: nothing.
    """

    data: bytes
    end: int
    cut: Cut = ""


@frozen
class Stored:
    """How much there is of a log.

    :param written: bytes that were written since it began.
    :param kept: of them, those that can be read.
    :param dropped: those that were dropped since the initiator's start, as they came too fast or the disk was full.
    """

    written: int
    kept: int
    dropped: int


def extract(log: Rotation, lines: int, since: float | None, start: int = 0) -> Extract:
    """Give the last lines, at most ``TAIL_LINES`` and ``TAIL_BYTES``, those from a time on; it reads the disk.

    :param start: the offset up to which all is certainly older, for lines that do not say when they were written.
    :raises OSError: a file cannot be read.
    """
    end = end_of(log)
    if since is None:
        data, cut = last_and_cut(backwards(log, end), min(lines, TAIL_LINES), TAIL_BYTES)
        return Extract(data, end, cut)
    text, cut = last_and_cut(backwards(log, end, since=since), TAIL_LINES, TAIL_BYTES)
    newer = stamps.since(text, since)
    data = last_of(_behind(text, end - start) if newer is None else newer, lines)
    return Extract(data, end, cut if len(data) == len(text) else "")


def _behind(text: bytes, count: int) -> bytes:
    """The last so many bytes, with the beginning of the line that they are in."""
    cut = len(text) - count
    return text[text.rfind(b"\n", 0, cut) + 1 :] if cut > 0 else text


def last_lines(log: Rotation, count: int, start: int = 0) -> tuple[str, ...]:
    """Give the last lines, of the last ``LAST_BYTES``, without their ends; bytes that are no UTF-8 as ``\\xff``.

    :param start: the offset of the first byte that counts.
    :raises OSError: a file cannot be read.
    """
    end = end_of(log)
    if end <= start:
        return ()
    text = last(backwards(log, end, LAST_BYTES), count, LAST_BYTES)[-(end - start) :]
    lines = text.removesuffix(b"\n").split(b"\n") if text else []
    return tuple(line.removesuffix(b"\r").decode("utf-8", "backslashreplace") for line in lines)


def stored(log: Rotation) -> Stored:
    """Tell how much there is."""
    written, layout = end_of(log), log.current
    return Stored(written, layout.moved_bytes + max(0, written - layout.base), log.dropped)
