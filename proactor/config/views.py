"""What each processor's section comes to, who is kept at what it had before, and who reads which section."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator

from attrs import define, evolve, field

from .layers import View

__all__ = ["Views"]


@define(eq=False)
class Views:
    """Views by guid. Where one is held, that is another one than the one that is wanted."""

    _wanted: dict[str, View] = field(factory=dict)
    #: Views that processors are still kept at, while a rollout has not reached them.
    _held: dict[str, View] = field(factory=dict)
    #: Who reads which section: ordered sets, the oldest first.
    _readers: defaultdict[str, dict[str, None]] = field(factory=lambda: defaultdict(dict))

    def wanted(self, guid: str) -> View:
        """What a processor will have come to when nothing holds it any more.

        :raises KeyError: there is none of that guid.
        """
        return self._wanted[guid]

    def get(self, guid: str) -> View | None:
        """The same, or none."""
        return self._wanted.get(guid)

    def of(self, guid: str) -> View:
        """What a processor is to have now: while it is held, what it had before.

        :raises KeyError: there is none of that guid.
        """
        return self._held.get(guid) or self._wanted[guid]

    def items(self) -> Iterable[tuple[str, View]]:
        """All that are wanted."""
        return self._wanted.items()

    def readers(self, section: str) -> Collection[str]:
        """Who reads a section."""
        return self._readers.get(section, {}).keys()

    def put(self, guid: str, view: View) -> None:
        """What is wanted of a processor is another view, or came by other sections; it is held, or not, as before."""
        self._read_by(guid, view.sections)
        self._wanted[guid] = view

    def take(self, guid: str, view: View, hold: bool) -> bool:
        """Give a processor its view; false where it goes on with what it has.

        :param hold: whether it stays at what it has, where it has something, until it is released.
        """
        old, held = self._wanted.get(guid), self._held.pop(guid, None)
        # Back to what it never left: what it holds already is what is wanted again.
        unmoved = held is not None and (held.values, held.secrets) == (view.values, view.secrets)
        self.put(guid, evolve(view, revision=held.revision) if held is not None and unmoved else view)
        kept = held or old
        if hold and kept is not None and not unmoved:
            self._held[guid] = kept
        return not unmoved

    def forget(self, guid: str) -> None:
        """A processor is no more."""
        self._read_by(guid, frozenset())
        self._held.pop(guid, None)
        del self._wanted[guid]

    def _read_by(self, guid: str, sections: Collection[str]) -> None:
        # Those who go on reading a section keep their place there: the oldest stay first.
        old = self._wanted.get(guid)
        for section in (each for each in (old.sections if old is not None else ()) if each not in sections):
            self._readers[section].pop(guid, None)
            if not self._readers[section]:
                del self._readers[section]
        for section in sections:
            self._readers[section][guid] = None

    def hold(self, guid: str, view: View) -> None:
        """Keep a processor at a view."""
        self._held[guid] = view

    def held(self) -> Collection[str]:
        """The processors that are kept from what is wanted of them."""
        return self._held.keys()

    def release(self, guids: Iterable[str]) -> list[str]:
        """Let processors have what they were kept from; those that were."""
        return [guid for guid in guids if self._held.pop(guid, None) is not None]

    def redo(self, remade: Callable[[str, View], View]) -> Iterator[None]:
        """Have another view in the place of each, of the same sections; in slices. What was shared stays shared.

        :param remade: makes it, of one of those who share it.
        """
        # The old view is kept too, or its id could be another's.
        redone: dict[int, tuple[View, View]] = {}
        for table in (self._wanted, self._held):
            for guid, view in list(table.items()):
                if table.get(guid) is view:
                    if id(view) not in redone:
                        redone[id(view)] = view, remade(guid, view)
                    table[guid] = redone[id(view)][1]
                yield
