"""How late the reactor does what is due: seen by something that is due every now and then."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Between two looks, in seconds.
PERIOD = 0.5


@define(eq=False)
class LagMeter:
    """Tells of it.

    :param late: told by how many seconds.
    """

    clock: IReactorTime
    late: Callable[[float], None]
    _next: IDelayedCall | None = field(default=None, init=False)
    _due: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Begin."""
        self._due = self.clock.seconds() + PERIOD
        self._next = self.clock.callLater(PERIOD, self._look)

    def _look(self) -> None:
        late = self.clock.seconds() - self._due
        self.start()
        self.late(late)

    def stop(self) -> None:
        """End; done again, it does nothing."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
