"""How long one log is worked on: to its end while nobody else waits, else for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import define, frozen

__all__ = ["LINGER", "SLICE", "Attended", "Turn"]

SLICE = 0.01
"""Seconds that one log is worked on while others wait."""

LINGER = 0.02
"""Seconds that a log which was worked on is kept in view, as it is one that much is written to."""

_LOOK = 0.001


@frozen
class Attended:
    """What came of an attempt.

    :param more: whether there is more to do.
    :param trouble: what went wrong, if something did; what could not be moved was dropped then.
    """

    more: bool = False
    trouble: OSError | None = None


@define(eq=False)
class Turn:
    """The turns of one log, in the thread that works.

    :param seconds: tells the time there.
    :ivar closed: whether work is to end soon, and none to begin.
    """

    seconds: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    closed: bool = False

    def take(self, step: Callable[[], bool], others_wait: Callable[[], bool]) -> bool:
        """Work; whether there is more to do.

        :param step: does one thing; false where there was none to do.
        :param others_wait: whether other logs are in need of the thread.
        """
        begun = self.seconds()
        busy_until = begun
        while not self.closed:
            if step():
                busy_until = self.seconds() + LINGER
            elif self.seconds() >= busy_until or others_wait():
                return False
            else:
                self.pause(_LOOK)
            if self.seconds() - begun >= SLICE and others_wait():
                return True
        return False
