"""How times, sizes and foreign text are shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

__all__ = ["age", "clock", "duration", "moment", "one_line", "safe", "shorts", "size"]

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
#: So many digits of a guid are shown at least.
_SHORT = 8


def age(since: datetime | None, now: datetime) -> str:
    """How long ago something was, in one unit: ``5m``."""
    return "-" if since is None else duration((now - since).total_seconds())


def duration(seconds: float) -> str:
    """So many seconds, in the largest unit of which there are two, or one."""
    whole = max(0, int(seconds))
    for length, unit in _UNITS:
        if whole >= 2 * length or length == 1:
            return f"{whole // length}{unit}"
    return "0s"


def clock(moment: datetime) -> str:
    """A time of day, of this place."""
    return moment.astimezone().strftime("%H:%M:%S")


def size(count: int | None) -> str:
    """So many bytes, in MiB or GiB."""
    if count is None:
        return "-"
    return f"{count / (1 << 30):.1f}G" if count >= 1 << 30 else f"{count / (1 << 20):.0f}M"


def safe(text: str) -> str:
    """Foreign text with nothing in it that would steer a terminal; tabs stay."""
    return "".join(char if char.isprintable() or char == "\t" else _escape(char) for char in text)


def one_line(text: str) -> str:
    """The same, on one line."""
    return " ".join(safe(" ".join(text.splitlines())).split())


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def shorts(guids: Iterable[str]) -> dict[str, str]:
    """For each guid its beginning, as long as it takes to tell them apart, and eight digits at least."""
    all_ = sorted(set(guids))
    longest = max((_alike(a, b) + 1 for a, b in pairwise(all_)), default=0)
    return {guid: guid[: max(_SHORT, longest)] for guid in all_}


def _alike(one: str, other: str) -> int:
    """How many characters are the same at the beginning."""
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def moment(at: datetime) -> str:
    """A date and a time of day, of this place."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
