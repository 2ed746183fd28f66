"""Periods as they are typed."""

from __future__ import annotations

from typing import Any

import click

from .verbs import ParamType

__all__ = ["Period"]


class Period(ParamType):
    """Seconds, or so many minutes, hours, days."""

    name = "period"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        """Read it."""
        text, units = str(value), {"s": 1, "m": 60, "h": 3600, "d": 86400}
        number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
        if not number.isdigit() or not int(number):
            self.fail(f"{value!r} is no period like 90, 15m, 12h, 30d", parameter, context)
        return float(int(number) * unit)
