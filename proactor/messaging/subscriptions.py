"""Who has subscribed to what, found by a topic without a look at all that there are."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from .topics import ANY


@define(eq=False)
class _Node:
    """What begins with the same words.

    :ivar here: who has subscribed to just these words; ``below``: to these and any more.
    """

    words: dict[str, _Node] = field(factory=dict)
    here: dict[str, None] = field(factory=dict)
    below: dict[str, None] = field(factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.here or self.below)


@define(eq=False)
class Subscriptions:
    """Patterns by subscriber, and subscribers by topic."""

    _patterns: dict[str, frozenset[str]] = field(factory=dict)
    _root: _Node = field(factory=_Node)

    def put(self, subscriber: str, patterns: Iterable[str]) -> None:
        """A subscriber has these patterns now, and no others."""
        before, after = self._patterns.get(subscriber, frozenset()), frozenset(patterns)
        for pattern in before - after:
            self._take_out(self._root, pattern.split("."), subscriber)
        for pattern in after - before:
            self._put_in(pattern.split("."), subscriber)
        if after:
            self._patterns[subscriber] = after
        else:
            self._patterns.pop(subscriber, None)

    def patterns(self, subscriber: str) -> frozenset[str]:
        """What somebody has subscribed to."""
        return self._patterns.get(subscriber, frozenset())

    def of(self, topic: str) -> list[str]:
        """Those who are to get what is sent to a topic, each once, in alphabetical order."""
        found: set[str] = set()
        self._find(self._root, topic.split("."), 0, found)
        return sorted(found)

    def _find(self, node: _Node, words: list[str], at: int, found: set[str]) -> None:
        if at == len(words):
            found.update(node.here)
            return
        found.update(node.below)
        for word in (words[at], ANY):
            if word in node.words:
                self._find(node.words[word], words, at + 1, found)

    def _put_in(self, words: list[str], subscriber: str) -> None:
        node, last = self._root, words[-1] == ANY
        for word in words[:-1] if last else words:
            node = node.words.setdefault(word, _Node())
        (node.below if last else node.here)[subscriber] = None

    def _take_out(self, node: _Node, words: list[str], subscriber: str) -> None:
        if words == [ANY] or not words:
            (node.below if words else node.here).pop(subscriber)
            return
        below = node.words[words[0]]
        self._take_out(below, words[1:], subscriber)
        if below.is_empty:
            del node.words[words[0]]
