"""What the measurements share: percentiles, the memory of a process, the table and the line that they print."""

from __future__ import annotations

import json
import math
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that so many percent of all do not pass (nearest rank).

    :raises ValueError: there are none.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    """Half of all values do not pass it."""
    return percentile(values, 50)


@frozen
class Memory:
    """What a process has in memory, in KiB (proc_pid_smaps(5)).

    :param private: what no other process shares: what its end would give back.
    :param pss: private, and its part of what is shared.
    :param rss: all that it has.
    """

    private: int
    pss: int
    rss: int

    @classmethod
    def of(cls, pid: int) -> Memory:
        """Ask the kernel.

        :raises OSError: there is no such process, or it is another user's.
        """
        return cls.parse(Path(f"/proc/{pid}/smaps_rollup").read_text())

    @classmethod
    def parse(cls, text: str) -> Memory:
        """Read what the kernel writes."""
        fields = (line.split() for line in text.splitlines()[1:])
        sizes = {words[0].rstrip(":"): int(words[1]) for words in fields}
        return cls(sizes["Private_Clean"] + sizes["Private_Dirty"], sizes["Pss"], sizes["Rss"])


def raise_descriptor_limit(wanted: int) -> None:
    """Let this process and those that it starts have that many descriptors.

    :raises SystemExit: they may not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, OSError):
        raise SystemExit(f"{wanted} descriptors are needed, and {hard} are allowed: see ulimit -Hn") from None


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a head, the first column to the left, the others to the right."""
    texts = [list(head), *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(head))]
    for first, *rest in texts:
        cells = [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(rest, widths[1:], strict=True))]
        print("  ".join(cells).rstrip())


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
    return "" if value is None else str(value)


def print_json(benchmark: str, figures: Mapping[str, Any]) -> None:
    """Print all on one line, for programs."""
    print(json.dumps({"benchmark": benchmark, **_rounded(figures)}), flush=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
