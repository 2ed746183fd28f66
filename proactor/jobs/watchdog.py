"""Sees that a process that does not let itself be heard of is asked where it is, and ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from attrs import define
from twisted.internet.interfaces import IReactorTime

from ..reactor.timers import LATE, Timers

#: The longest time between two looks, in seconds: the limit may be edited while the process runs. What may be silent
#: for ever, as by default, is not looked at: that would be a hundred times a second in a fleet of a thousand.
LONGEST_LOOK = 10.0
#: Between asking a silent process where it is and ending it, in seconds.
DUMP_TIME = 1.0
_NAME = "watchdog"


class Watched(Protocol):
    """Whose process it is."""

    def longest_silence(self) -> float:
        """How long it may be silent, in seconds; 0: for ever."""

    def ask_where_it_is(self, cause: str) -> None:
        """Have it say where it is, of which it may end; for a reason."""

    def spoke(self) -> None:
        """It was heard of after all."""

    def bite(self, cause: str) -> None:
        """Have it ended, for a reason."""


@define(eq=False)
class Watchdog:
    """Watches one process. Whose it is is known to the timer alone, so that nothing is left of both when that is over.

    Time in which we did not run, and could hear of nobody, is not counted as its silence.

    :ivar heard_at: when it was heard of last.
    """

    clock: IReactorTime
    timers: Timers
    heard_at: float = 0.0
    _due: float = 0.0
    #: Whether it may be silent for ever: there is nothing to look for until that is another.
    _rests: bool = False

    def heard(self) -> None:
        """It was heard of."""
        self.heard_at = self.clock.seconds()

    def watch(self, watched: Watched) -> None:
        """See to it from now on, until told to stop."""
        self._due = self.clock.seconds()
        self._look(watched)

    def heed(self, watched: Watched) -> None:
        """How long it may be silent may be another now; where it was for ever, that counts from now on."""
        if self._rests:
            self.heard()
            self.watch(watched)

    def _look(self, watched: Watched) -> None:
        self.heard_at += self._late()
        limit = watched.longest_silence()
        self._rests = not limit
        left = self.heard_at + limit - self.clock.seconds()
        if self._rests:
            return
        if left > 0:
            self._later(min(left, LONGEST_LOOK), partial(self._look, watched))
            return
        cause = f"silent for {limit:g} s"
        watched.ask_where_it_is(cause)
        self._later(DUMP_TIME, partial(self._still_silent, watched, cause, self.heard_at))

    def _later(self, seconds: float, call: Callable[[], object]) -> None:
        self._due = self.clock.seconds() + seconds
        self.timers.set(_NAME, seconds, call)

    def _late(self) -> float:
        """For how long we did not come to look."""
        late = self.clock.seconds() - self._due
        return late if late > LATE else 0.0

    def stop(self) -> None:
        """There is nothing to watch."""
        self._rests = False
        self.timers.cancel(_NAME)

    def _still_silent(self, watched: Watched, cause: str, since: float) -> None:
        if self.heard_at == since and self._late():
            self._later(DUMP_TIME, partial(self._still_silent, watched, cause, since))
        elif self.heard_at == since:
            watched.bite(cause)
        else:
            watched.spoke()
            self.watch(watched)
