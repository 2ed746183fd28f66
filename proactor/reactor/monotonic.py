"""The reactor's timers on a clock that only goes forward: Twisted's follow the time of day, which can be set."""

from __future__ import annotations

import time
from typing import Any


def use_monotonic_clock(reactor: Any) -> bool:
    """Have a reactor tell the time since some start (CLOCK_MONOTONIC, clock_gettime(2)); whether it does now.

    It is for a program's start: with timers set already it is too late, and nothing is changed.
    """
    if reactor.getDelayedCalls():
        return False
    reactor.seconds = time.monotonic
    return True
