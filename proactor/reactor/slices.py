"""Long work in slices, between which the reactor has its turns."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

__all__ = ["SLICE", "in_slices"]

#: How long one turn of the reactor may go to such work, in seconds.
SLICE = 0.004


async def in_slices(clock: IReactorTime, steps: Iterator[object], slice_: float = SLICE) -> None:
    """Run work to its end, giving the reactor its turn every ``slice_`` seconds."""
    until = clock.seconds() + slice_
    for _ in steps:
        if clock.seconds() >= until:
            await deferLater(clock, 0)
            until = clock.seconds() + slice_
