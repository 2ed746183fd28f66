"""Numbers as they are typed: those that can be counted, or waited for, and no others."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

import click

__all__ = ["Seconds", "Whole", "period"]

_WHOLE = re.compile("[+-]?[0-9]{1,1000}")
_PERIOD = re.compile("([0-9]{1,9})([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Whole(click.IntRange):
    """A whole number within a range."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        if isinstance(value, str) and not _WHOLE.fullmatch(value):
            self.fail(f"{value[:64]!r} is no whole number", param, ctx)
        return int(super().convert(value, param, ctx))


class Seconds(click.FloatRange):
    """A time in seconds within a range. ``nan`` and ``inf``, which Python takes for numbers, are none."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it."""
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not isfinite(number):
            self.fail(f"{str(value)[:64]!r} is no number of seconds", param, ctx)
        return float(super().convert(number, param, ctx))


def period(text: str) -> int | None:
    """So many seconds, minutes, hours or days, in seconds; ``None`` where it is none of these."""
    found = _PERIOD.fullmatch(text)
    return None if found is None else int(found[1]) * _UNITS[found[2]]
