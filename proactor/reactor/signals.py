"""Signals that are heeded for a while, by calls on the reactor's thread; then who heeded them before does so again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
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

    def precede(self, number: int, is_theirs: Callable[[], bool], call: Callable[[], object]) -> None:
        """Leave each signal of a number to who heeds it already, or have something called as :meth:`heed` does.

        :param is_theirs: whose this one is; asked at once, in the midst of what is under way. Where nobody heeds that
            number it stays so.
        """
        before = signal.getsignal(number)
        if not callable(before):
            return

        def came(number: int, frame: FrameType | None) -> None:
            if is_theirs():
                before(number, frame)
            else:
                self.reactor.callFromThread(call)

        self._before.setdefault(number, signal.signal(number, came))

    def give_back(self) -> None:
        """Heed none any more."""
        while self._before:
            signal.signal(*self._before.popitem())
