"""Periods as they are typed."""

from __future__ import annotations

from typing import Any

import click

from .completions import ParamType
from .numbers import period

__all__ = ["Period"]


class Period(ParamType):
    """Seconds, or so many minutes, hours, days."""

    name = "period"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        """Read it."""
        seconds = period(str(value))
        if not seconds:
            self.fail(f"{str(value)[:64]!r} is no period like 90, 15m, 12h, 30d", parameter, context)
        return float(seconds)
