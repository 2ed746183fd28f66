"""Sees that a process that does not let itself be heard of is asked where it is, and ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import define
from twisted.internet.interfaces import IReactorTime

from ..reactor.timers import Timers

#: The longest time between two looks, in seconds: the limit may be edited while the process runs.
LONGEST_LOOK = 10.0
#: Between asking a silent process where it is and ending it, in seconds.
DUMP_TIME = 1.0
_NAME = "watchdog"


@define(eq=False)
class Watchdog:
    """Watches one process.

    :param limit: how long it may be silent, in seconds; 0: for ever.
    :param ask: has it say where it is, of which it may end; for a reason.
    :param spoke: it was heard of after all.
    :param bite: has it ended, for a reason.
    :ivar heard_at: when it was heard of last.
    """

    clock: IReactorTime
    timers: Timers
    limit: Callable[[], float]
    ask: Callable[[str], None]
    spoke: Callable[[], None]
    bite: Callable[[str], None]
    heard_at: float = 0.0

    def heard(self) -> None:
        """It was heard of."""
        self.heard_at = self.clock.seconds()

    def watch(self) -> None:
        """See to it from now on, until the timer of that name is cancelled."""
        limit = self.limit()
        left = self.heard_at + limit - self.clock.seconds() if limit else LONGEST_LOOK
        if left > 0:
            self.timers.set(_NAME, min(left, LONGEST_LOOK), self.watch)
            return
        cause = f"silent for {limit:g} s"
        self.ask(cause)
        self.timers.set(_NAME, DUMP_TIME, partial(self._still_silent, cause, self.heard_at))

    def stop(self) -> None:
        """There is nothing to watch."""
        self.timers.cancel(_NAME)

    def _still_silent(self, cause: str, since: float) -> None:
        if self.heard_at == since:
            self.bite(cause)
        else:
            self.spoke()
            self.watch()
