"""Where everything in a log is, found out from its files: at the start, when nobody knows."""

from __future__ import annotations

import os

from attrs import define, field, frozen

from ..guardian_main import origin
from .files import Files, first_data
from .layout import Layout

__all__ = ["Noted", "Recovered", "recovered"]


@frozen
class Recovered:
    """The state of a log.

    :param end: the offset behind its last byte.
    :param noted: the offset of the live file's first byte as it was noted, if it was; the layout knows better.
    """

    layout: Layout
    end: int
    noted: int | None


@define(eq=False)
class Noted:
    """Where the live file begins, as the next initiator is to know it.

    :param folder: the folder of the older files.
    :ivar known: the offset that is noted, if one is.
    """

    folder: str
    known: int | None = field(default=None, init=False)
    _settled: bool = field(default=False, init=False)

    def note(self, before: int, after: int) -> None:
        """Note it, ``before`` the file is emptied and ``after`` it.

        :raises OSError: it cannot be noted.
        """
        origin.write(self.folder, before, after)
        self.known = after

    def settle(self, begins: int) -> None:
        """Note, once, what was found, by who could still see whether the file had been emptied.

        :raises OSError: it cannot be noted.
        """
        if not self._settled and (self.known is not None or begins):
            self.note(begins, begins)
        self._settled = True


def recovered(files: Files) -> Recovered:
    """Give the state of a log."""
    spans = files.spans()
    try:
        with files.open_live() as fd:
            noted = origin.read(str(files.folder), os.fstat(fd).st_size)
            begins = noted or 0
            full = [span for span in spans if span.size and span.end > begins]
            copied = bool(full) and files.holds_copy(fd, begins, full[-1])
            layout = Layout.recovered(spans, begins, first_data(fd, bool(spans) or noted is not None), copied)
            return Recovered(layout, layout.origin + os.fstat(fd).st_size, noted)
    except OSError:
        # Without its live file a log ends with the older ones, and goes on behind them when there is one.
        layout = Layout.recovered(spans, 0, 0, False)
        return Recovered(layout, layout.base, None)
