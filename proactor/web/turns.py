"""Work takes turns with the rest of the reactor."""

from __future__ import annotations

from collections import deque
from weakref import WeakSet

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: How long requests may be worked on in one turn of the reactor, in seconds.
SLICE = 0.002


@define(eq=False)
class Turns:
    """Lets work begin for so long in one turn of the reactor; what is more waits for the next, in order.

    The reactor reads all that has come before it looks at its timers again: a fleet that comes back all at once would
    have it to itself for as long as all of its requests take.
    """

    clock: IReactorTime
    _until: float = 0.0
    _next: IDelayedCall | None = None
    _waiting: deque[Deferred[None]] = field(factory=deque)
    _connections: WeakSet[object] = field(factory=WeakSet)

    def joined(self, connection: object) -> bool:
        """Whether what comes on a connection takes turns."""
        return connection in self._connections

    def join(self, connection: object) -> None:
        """Have what comes on a connection take turns, before anything is done with it."""
        self._connections.add(connection)

    async def wait(self) -> None:
        """Wait for one's turn, which may be now."""
        if self._next is None:
            self._begin()
        if self._waiting or self.clock.seconds() >= self._until:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting

    def _begin(self) -> None:
        self._until = self.clock.seconds() + SLICE
        self._next = self.clock.callLater(0, self._turn)

    def _turn(self) -> None:
        self._next = None
        if self._waiting:
            self._begin()
        while self._waiting and self.clock.seconds() < self._until:
            waiting = self._waiting.popleft()
            # One that is not waited for any more was called by that.
            if not waiting.called:
                waiting.callback(None)
