"""Calls that are made in turn: hundreds of processes may end at the same moment, and each end is some work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

__all__ = ["SLICE", "InTurn"]

SLICE = 0.005
"""Seconds of one turn of the reactor that calls may be made for."""


class InTurn:
    """Makes calls in order: the first at once, those that come in the same turn of the reactor in slices of the next.

    :param clock: of the reactor.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_called = False

    def call(self, what: Callable[[], None]) -> None:
        """Have a call made."""
        self._waiting.append(what)
        if not self._is_called:
            self._work()

    def _turn(self) -> None:
        self._is_called = False
        if self._waiting:
            self._work()

    def _work(self) -> None:
        # Before anything is called: what is raised by one does not hold up the next.
        self._is_called = True
        self._clock.callLater(0, self._turn)
        until = self._clock.seconds() + SLICE
        while self._waiting:
            self._waiting.popleft()()
            if self._clock.seconds() >= until:
                break
