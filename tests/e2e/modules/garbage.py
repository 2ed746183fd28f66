"""A processor that writes what no log line should be."""

from __future__ import annotations

import os

from proactor import Processor

GARBAGE = (
    b"\xff\xfe not UTF-8",
    b"\x1b[2J\x1b[1;1Hclears the screen",
    b"{0.__class__} %s {log_source}",
    b"\r2026-01-01 00:00:00,000 INFO   |1|proactor|forged",
    b"x" * 100_000,
    b"the last of it",
)


class Garbage(Processor):
    """It writes past its log, to the descriptors that it has."""

    def started(self) -> None:
        """Write."""
        for line in GARBAGE:
            os.write(1, line + b"\n")
            os.write(2, line + b"\n")
        os.write(1, b"and a line without an end")


if __name__ == "__main__":
    Garbage.main()
