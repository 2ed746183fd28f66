"""Signals that are heeded for a while, by calls on the reactor's thread; then who heeded them before does so again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IReactorFromThreads


@define(eq=False)
class Signals:
    """Those that somebody heeds. For the main thread alone, as ``signal.signal`` is."""

    reactor: IReactorFromThreads
    _before: dict[int, Any] = field(factory=dict)

    def heed(self, number: int, call: Callable[[], object]) -> None:
        """Have something called at each signal of a number, in one of the next turns of the reactor."""
        before = signal.signal(number, lambda *_: self.reactor.callFromThread(call))
        self._before.setdefault(number, before)

    def give_back(self) -> None:
        """Heed none any more."""
        while self._before:
            signal.signal(*self._before.popitem())
