"""Timers that go by names: setting one again replaces it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: By how many seconds a timer comes late when it was us who did not get to run: stopped, suspended, or held up.
LATE = 1.0


class Timers:
    """A few timers on one clock."""

    __slots__ = ("_calls", "_clock")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._calls: dict[str, IDelayedCall] = {}

    def set(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        """Have something called after so many seconds, in place of what was to be by that name."""
        self.cancel(name)

        def due() -> None:
            del self._calls[name]
            call()

        self._calls[name] = self._clock.callLater(seconds, due)

    def set_patient(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        """Do as :meth:`set` does, but count no time in which we did not run: nobody could have been heard in that."""
        due = self._clock.seconds() + seconds

        def look() -> None:
            late = self._clock.seconds() - due
            if late > LATE:
                self.set_patient(name, min(late, seconds), call)
            else:
                call()

        self.set(name, seconds, look)

    def cancel(self, *names: str) -> None:
        """Have these not called; those that are not set are none."""
        for name in names:
            call = self._calls.pop(name, None)
            if call is not None:
                call.cancel()

    def cancel_all(self) -> None:
        """Have nothing called."""
        self.cancel(*tuple(self._calls))
