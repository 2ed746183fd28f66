"""Which of several peers gets a call: the one with the fewest under way, but for those that have just failed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from random import Random
from typing import Protocol

from attrs import define, field

from ..backoff import Backoff
from .model import Peer

__all__ = ["Balancer", "Choice"]

#: Of more than these so many are looked at, chosen by chance: among them the least busy one is nearly the least of all.
_LOOKED_AT = 16
_ASIDE = Backoff(first=1.0, cap=30.0)


class Choice(Protocol):
    """Chance, as ``random.Random`` has it."""

    def random(self) -> float:
        """Uniform in [0, 1)."""

    def sample(self, population: Sequence[Peer], k: int) -> list[Peer]:
        """Some of them, each once, in any order."""


@define
class _Health:
    """What is known of one peer.

    :ivar busy: how many calls are under way to it; failed: how many in a row came to nothing.
    :ivar until: it is set aside until then.
    """

    incarnation: int
    busy: int = 0
    failed: int = 0
    until: float = 0.0


@define(eq=False)
class Balancer:
    """Chooses, and learns from what comes of it.

    :param now: the reactor's clock.
    """

    now: Callable[[], float]
    chance: Choice = field(factory=Random)
    _known: dict[str, _Health] = field(factory=dict)

    def choose(self, peers: Sequence[Peer], tried: Collection[str] = ()) -> Peer:
        """One of them: rather none that was tried, or is set aside; but one in any case.

        :param peers: one at least.
        :param tried: guids.
        """
        now = self.now()
        looked_at = self.chance.sample(peers, min(len(peers), _LOOKED_AT))
        return min(looked_at, key=lambda peer: self._rank(peer, peer.guid in tried, now))

    def _rank(self, peer: Peer, was_tried: bool, now: float) -> tuple[bool, float, int]:
        health = self._known.get(peer.guid)
        if health is None:
            return was_tried, 0.0, 0
        aside = health.until if health.until > now and health.incarnation == peer.incarnation else 0.0
        return was_tried, aside, health.busy

    def began(self, peer: Peer) -> None:
        """A call to it is under way."""
        health = self._known.get(peer.guid)
        if health is None:
            health = self._known[peer.guid] = _Health(peer.incarnation)
        if health.incarnation != peer.incarnation:
            health.incarnation, health.failed, health.until = peer.incarnation, 0, 0.0
        health.busy += 1

    def ended(self, peer: Peer, well: bool | None, pause: float = 0.0) -> None:
        """A call to it is over.

        :param well: whether it answered as one that is well; ``None`` where that says nothing of it.
        :param pause: for how long it wants to be left alone, in seconds.
        """
        health = self._known[peer.guid]
        health.busy -= 1
        if well is False and health.incarnation == peer.incarnation:
            # At least half of it, or who has just failed might be asked at once.
            wait = _ASIDE.ceiling(health.failed) * (1 + self.chance.random()) / 2
            health.until, health.failed = self.now() + max(wait, pause), health.failed + 1
        elif well:
            health.failed, health.until = 0, 0.0
        if not health.busy and not health.failed:
            del self._known[peer.guid]
