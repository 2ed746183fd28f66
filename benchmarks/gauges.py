"""What keeps a reactor from its work, measured from within."""

from __future__ import annotations

import gc
import time

from attrs import define, frozen
from twisted.internet.interfaces import IReactorTime

#: Seconds between two looks at how late the reactor is.
TICK = 0.005


@frozen
class Stall:
    """The worst of a while, in seconds.

    :param late: how late a timer came.
    :param cpu: the processor time between two looks of that timer: as late as it were on a machine with nothing else
        to do.
    """

    late: float
    cpu: float


@define(eq=False)
class Lateness:
    """How late a timer of :data:`TICK` comes: for as long as something else had the reactor."""

    clock: IReactorTime
    _late: float = 0.0
    _cpu: float = 0.0
    _due: float = 0.0
    _used: float = 0.0

    def start(self) -> None:
        """Begin."""
        self._used = time.process_time()
        self._due = self.clock.seconds() + TICK
        self.clock.callLater(TICK, self._tick)

    def _tick(self) -> None:
        self._look()
        self.start()

    def _look(self) -> None:
        self._late = max(self._late, self.clock.seconds() - self._due)
        self._cpu = max(self._cpu, time.process_time() - self._used)

    def taken(self) -> Stall:
        """The worst since the last time, what goes on now included."""
        self._look()
        worst, self._late, self._cpu = Stall(self._late, self._cpu), 0.0, 0.0
        return worst


@define(eq=False)
class Collections:
    """How long Python's garbage collector had the process at a time."""

    _longest: float = 0.0
    _began: float = 0.0

    def start(self) -> None:
        """Begin."""
        gc.callbacks.append(self._told)

    def _told(self, phase: str, _info: object) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self._longest = max(self._longest, time.perf_counter() - self._began)

    def taken(self) -> float:
        """The longest since the last time, in seconds."""
        longest, self._longest = self._longest, 0.0
        return longest
