"""Where everything in a log is, found out from its files: at the start, when nobody knows."""

from __future__ import annotations

import os

from .files import Files, first_data
from .layout import Layout, Span

__all__ = ["recovered"]


def recovered(files: Files) -> tuple[Layout, int]:
    """Give the state of a log and the offset of its end."""
    sizes = files.sizes()
    try:
        with files.open_live() as fd:
            newest = max(sizes, default=0)
            size = sizes.get(newest, 0)
            copied = bool(size) and files.holds_copy(fd, Span(newest, newest + size))
            layout = Layout.recovered(sizes, first_data(fd, bool(sizes)), copied)
            return layout, layout.origin + os.fstat(fd).st_size
    except OSError:
        # Without its live file a log ends with the older ones, and goes on behind them when there is one.
        layout = Layout.recovered(sizes, 0, False)
        return layout, layout.base
