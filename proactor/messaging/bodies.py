"""What is in messages: as much as fits in memory, the rest is read again when its turn has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from ..saved import SavedMessage

#: How many bytes of data are kept in memory, and how much is counted besides for each message.
_MOST = 16 * 1024 * 1024
_BESIDES = 1024
#: How many are read at once.
_AT_ONCE = 100


@define(eq=False)
class Bodies:
    """Messages by number, with what is in them.

    What comes when there is no room is not kept: what came before it is delivered first.

    :param read: reads those that are not here.
    """

    read: Callable[[Sequence[int]], Deferred[list[SavedMessage]]]
    most: int = _MOST
    _here: dict[int, SavedMessage] = field(factory=dict)
    _size: int = 0
    _wanted: dict[int, list[Deferred[SavedMessage | None]]] = field(factory=dict)
    _is_reading: bool = False

    def put(self, message: SavedMessage) -> None:
        """One was stored."""
        size = len(message.data) + _BESIDES
        if self._size + size <= self.most:
            self._here[message.number] = message
            self._size += size

    def drop(self, number: int) -> None:
        """One is not to be delivered any more."""
        message = self._here.pop(number, None)
        if message is not None:
            self._size -= len(message.data) + _BESIDES

    def get(self, number: int) -> Deferred[SavedMessage | None]:
        """One message; ``None`` where there is none of that number any more."""
        message = self._here.get(number)
        if message is not None:
            return succeed(message)
        wanted: Deferred[SavedMessage | None] = Deferred()
        self._wanted.setdefault(number, []).append(wanted)
        self._read()
        return wanted

    def _read(self) -> None:
        """Read what is wanted, many at once: what is wanted meanwhile is read together after that."""
        if self._is_reading or not self._wanted:
            return
        wanted = {number: self._wanted.pop(number) for number in list(islice(self._wanted, _AT_ONCE))}
        self._is_reading = True
        reading = self.read(tuple(wanted))
        reading.addBoth(self._came, wanted)

    def _came(
        self, found: list[SavedMessage] | Failure, wanted: dict[int, list[Deferred[SavedMessage | None]]]
    ) -> None:
        self._is_reading = False
        by_number = {} if isinstance(found, Failure) else {message.number: message for message in found}
        for number, waiting in wanted.items():
            for each in waiting:
                if each.called:
                    continue
                if isinstance(found, Failure):
                    each.errback(found)
                else:
                    each.callback(by_number.get(number))
        self._read()
