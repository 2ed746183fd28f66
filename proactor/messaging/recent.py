"""What was accepted a short while ago, to know repeats by."""

from __future__ import annotations

from collections import OrderedDict

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

#: Of how many that were accepted it is known; of those that are not delivered yet always, behind a restart too.
_MOST = 100_000


@frozen
class Receipt:
    """A message was accepted.

    :param to: where it goes: guids, or a module.
    :param numbers: it has one of its own with each of them.
    """

    id: str
    source: str
    to: tuple[str, ...]
    numbers: tuple[int, ...] = ()
    is_repeat: bool = False


Key = tuple[str, str, str]
"""Source, id, target: the same event may be sent to several."""


@define(eq=False)
class Recent:
    """Receipts, those that are about to be given among them."""

    most: int = _MOST
    _given: OrderedDict[Key, Receipt | list[Deferred[Receipt]]] = field(factory=OrderedDict)

    def get(self, key: Key) -> Deferred[Receipt] | None:
        """The receipt that was given, or fails as the first try does; ``None`` where there is no such thing."""
        found = self._given.get(key)
        if found is None:
            return None
        waiting: Deferred[Receipt] = Deferred()
        if isinstance(found, Receipt):
            waiting.callback(found)
        else:
            found.append(waiting)
        return waiting

    def begin(self, key: Key) -> None:
        """One is about to be accepted."""
        self._given[key] = []

    def give(self, key: Key, receipt: Receipt) -> None:
        """One was accepted."""
        waiting = self._given.get(key)
        self._given[key] = receipt
        self._given.move_to_end(key)
        while len(self._given) > self.most and isinstance(next(iter(self._given.values())), Receipt):
            self._given.popitem(last=False)
        for each in waiting if isinstance(waiting, list) else ():
            each.callback(receipt)

    def fail(self, key: Key, error: Exception) -> None:
        """One was not accepted after all."""
        waiting = self._given.pop(key, None)
        for each in waiting if isinstance(waiting, list) else ():
            each.errback(error)
