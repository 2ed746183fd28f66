"""An initiator that is gone while it is followed is looked for again, and that is said."""

from __future__ import annotations

from attrs import define

from .output import Output

__all__ = ["Lookout"]


@define(eq=False)
class Lookout:
    """Says so once, however many streams it is that are lost, and once that it is there again."""

    out: Output
    _looking: bool = False

    def lost(self, error: Exception, _seconds: float) -> None:
        """A connection is lost, and will be tried again."""
        if not self._looking:
            self._looking = True
            self.out.note("Looking again", f"{error}; looking for it again, Ctrl-C ends that")

    def found(self) -> None:
        """It is there again."""
        if self._looking:
            self._looking = False
            self.out.note("Found again", "It is there again.")
