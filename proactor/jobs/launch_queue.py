"""Launches take turns: so many at once, the others wait in line. Plain: who launches is told by a call."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable

from attrs import define, field


@define(eq=False)
class LaunchQueue:
    """A line before a number of places.

    Those that somebody asked for go before those that are started again after a failure, which get half of the places
    at most, so that a storm of failures holds up nobody; among equals who came first goes first. One goes in each turn
    of the reactor: to start a process takes milliseconds, and where many are to be started the rest has its turn in
    between.

    :param places: how many may launch at once.
    :param later: has something called in the next turn.
    """

    places: int
    later: Callable[[Callable[[], None]], object]
    _next: int = 0
    _line: list[tuple[int, int]] = field(factory=list)
    _waiting: dict[tuple[int, int], tuple[str, Callable[[], None]]] = field(factory=dict)
    _tickets: dict[str, tuple[int, int]] = field(factory=dict)
    #: Whether it is a start after a failure.
    _launching: dict[str, bool] = field(factory=dict)
    _is_called: bool = False

    def enter(self, guid: str, go: Callable[[], None], again: bool = False) -> None:
        """Get in line; ``go`` is called when it is one's turn, which may be at once.

        :param again: whether it is a start after a failure.
        """
        assert guid not in self._tickets
        assert guid not in self._launching
        ticket = self._tickets[guid] = (int(again), self._next)
        self._next += 1
        self._waiting[ticket] = (guid, go)
        insort(self._line, ticket)
        if not self._is_called:
            self._go()

    def leave(self, guid: str) -> None:
        """Give up one's place, in line or in front; who has none gives up nothing."""
        ticket = self._tickets.pop(guid, None)
        if ticket is not None:
            del self._waiting[ticket]
            del self._line[bisect_left(self._line, ticket)]
        if guid in self._launching:
            del self._launching[guid]
            # Not at once: where a process ends at once its end would be in the midst of its start, and so on.
            self._call()

    def place(self, guid: str) -> int | None:
        """One's place in line, from 1; ``None`` when one is not in line."""
        ticket = self._tickets.get(guid)
        return None if ticket is None else bisect_left(self._line, ticket) + 1

    def _call(self) -> None:
        if not self._is_called and self._line:
            self._is_called = True
            self.later(self._turn)

    def _turn(self) -> None:
        self._is_called = False
        self._go()

    def _go(self) -> None:
        if not self._line or not self._has_place(bool(self._line[0][0])):
            return
        ticket = self._line.pop(0)
        guid, go = self._waiting.pop(ticket)
        del self._tickets[guid]
        self._launching[guid] = bool(ticket[0])
        # Also where nobody is in line yet: who comes in this turn waits for the next.
        self._is_called = True
        self.later(self._turn)
        go()

    def _has_place(self, again: bool) -> bool:
        is_free = len(self._launching) < self.places
        return is_free and (not again or sum(self._launching.values()) < max(1, self.places // 2))
