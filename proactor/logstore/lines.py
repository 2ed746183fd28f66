"""Lines of a stream of bytes."""

from __future__ import annotations

__all__ = ["CONTINUED", "LINE_MAX", "LineSplitter"]

LINE_MAX = 16 << 10
"""Bytes of the longest line that is handed over in one piece."""

CONTINUED = b" ..."
"""What is put behind a piece of a longer line that is not its last."""


class LineSplitter:
    """Makes lines of a stream of bytes, however it was cut; holds at most ``LINE_MAX`` bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Give the lines that are complete now, without their ends."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        pieces = []
        for line in lines:
            # It is called for each of very many, and few are long.
            pieces += [line] if len(line) <= LINE_MAX else self._cut(line)
        *long, self._rest = self._cut(self._rest)
        return pieces + long

    def flush(self) -> list[bytes]:
        """Give the last line, if it has begun, and be as new."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []

    @staticmethod
    def _cut(line: bytes) -> list[bytes]:
        pieces = []
        while len(line) > LINE_MAX:
            pieces.append(line[:LINE_MAX] + CONTINUED)
            line = line[LINE_MAX:]
        return [*pieces, line]
