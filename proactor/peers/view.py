"""Who is ready, as far as it was told: what one watch keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, field

from .model import Peer

__all__ = ["View"]


@define(eq=False)
class View:
    """The peers of one scope; it stays as it is while nobody tells it anything.

    :ivar own: the guid of who looks, who is no peer of its own.
    :ivar loaded: whether there was an answer yet.
    """

    own: str
    loaded: bool = False
    _peers: dict[str, Peer] = field(factory=dict)
    _list: Sequence[Peer] | None = None

    @property
    def peers(self) -> Sequence[Peer]:
        """All of them; the same object as long as nothing changes."""
        if self._list is None:
            self._list = tuple(self._peers.values())
        return self._list

    def get(self, guid: str) -> Peer | None:
        """One of them."""
        return self._peers.get(guid)

    def replace(self, peers: Sequence[Peer]) -> None:
        """These there are."""
        self._peers = {each.guid: each for each in peers if each.guid != self.own}
        self._changed()

    def patch(self, changes: Mapping[str, Peer | None]) -> None:
        """These there are besides, or, where it is ``None``, no longer."""
        for guid, peer in changes.items():
            if peer is None:
                self._peers.pop(guid, None)
            elif guid != self.own:
                self._peers[guid] = peer
        self._changed()

    def _changed(self) -> None:
        self.loaded, self._list = True, None
