"""A store that lasts as long as the process."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ..saved import Saved, SavedEvent, Write
from .interface import IStore


@implementer(IStore)
class MemoryStore:
    """Keeps writes in a list."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def load(self) -> Saved:
        """Nothing."""
        return Saved()

    def commit(self, writes: Sequence[Write]) -> Deferred[None]:
        """Keep these."""
        self.writes += writes
        return succeed(None)

    def note(self, writes: Sequence[Write]) -> None:
        """Keep these."""
        self.writes += writes

    def events(self, before: int, count: int, guid: str | None = None) -> Deferred[list[SavedEvent]]:
        """None."""
        return succeed([])

    def close(self) -> Deferred[None]:
        """Done."""
        return succeed(None)
