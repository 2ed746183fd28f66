"""The boundary: whoever keeps what is saved."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..saved import Saved, SavedEvent, SavedMessage, Write


class IStore(Interface):
    """Keeps writes, in the order in which they came."""

    def load() -> Saved:
        """All that there is. Called once, before anything is written; may take its time."""

    def commit(writes: Sequence[Write]) -> Deferred[None]:
        """Keep these, all or none; with them all that was noted before.

        :return: fires when they would outlive a loss of power; fails with :class:`~proactor.errors.StorageFull`
            where there is no room, :class:`~proactor.errors.StorageFailed` where it cannot be done: then nothing of
            them is kept.
        """

    def note(writes: Sequence[Write]) -> None:
        """Keep these with the next commit, or soon: for what the loss of a moment's worth does no harm to.

        Where they cannot be kept now they are kept with a later commit.
        """

    def events(before: int, count: int, guid: str | None = None) -> Deferred[list[SavedEvent]]:
        """The newest events below a number, ``count`` at most, oldest first; of one job, or of all.

        Those among them that were noted and could not be kept yet.
        """

    def messages(numbers: Sequence[int]) -> Deferred[list[SavedMessage]]:
        """Those messages of these numbers that there are, in the order of their numbers, with what is in them."""

    def close() -> Deferred[None]:
        """Write what was noted, and let go; fires when that is done."""
