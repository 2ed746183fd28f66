"""Tokens for peers: each for one of them, kept as long as it holds, renewed before it does not while it is used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import random as uniform

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..backoff import Backoff, Tries
from ..errors import ProactorError, Unavailable
from .initiator import Grant

__all__ = ["PeerTokens"]

#: The part of its life after which a token is renewed if it is used, and how long before its end it counts as over.
_RENEWED, _MARGIN = 0.5, 1.0
#: Above so many, those that are over are thrown out.
_MANY = 256
_BACKOFF = Backoff(first=0.5, cap=10.0)
#: For how many seconds an initiator that gave no answer is taken to be away.
_AWAY = 5.0

_log = Logger(namespace="proactor.processor")

#: Whom a token is for, and what it is good for.
Key = tuple[str, str | None]


@frozen
class _Kept:
    """A token, and when it is due and over on the reactor's clock."""

    token: str = field(repr=False)
    due: float
    over: float


@define(eq=False)
class PeerTokens:
    """Gives them out.

    :param ask: asks the initiator for one, for a guid and a scope.
    """

    clock: IReactorTime
    ask: Callable[[str, str | None], Awaitable[Grant]]
    random: Callable[[], float] = uniform
    _kept: dict[Key, _Kept] = field(factory=dict)
    _away_until: float = float("-inf")
    _asking: set[Key] = field(factory=set)
    _waiting: dict[Key, list[Deferred[str]]] = field(factory=dict)
    #: Of those whose renewal failed: how often, and when it is tried again.
    _failed: dict[Key, tuple[Tries, float]] = field(factory=dict)

    @property
    def away(self) -> bool:
        """Whether the initiator has just been asked in vain."""
        return self.clock.seconds() < self._away_until

    def holds(self, guid: str, scope: str | None) -> bool:
        """Whether there is one already."""
        kept = self._kept.get((guid, scope))
        return kept is not None and self.clock.seconds() < kept.over

    async def token(self, guid: str, scope: str | None) -> str:
        """One that holds.

        :raises ProactorError: there is none, and the initiator gives none.
        """
        key, now = (guid, scope), self.clock.seconds()
        kept = self._kept.get(key)
        if kept is None or now >= kept.over:
            return await self._wait(key)
        if now >= kept.due and now >= self._failed.get(key, (None, 0.0))[1]:
            self._ask(key)
        return kept.token

    def refused(self, guid: str, scope: str | None, token: str) -> None:
        """A peer did not take it: it is given to nobody any more."""
        kept = self._kept.get((guid, scope))
        if kept is not None and kept.token == token:
            del self._kept[guid, scope]

    def _wait(self, key: Key) -> Deferred[str]:
        """Ask for one; who leaves does not stop that for the others."""
        waiting: Deferred[str] = Deferred()
        self._waiting.setdefault(key, []).append(waiting)
        self._ask(key)
        return waiting

    def _ask(self, key: Key) -> None:
        """Ask for one, if that is not done already."""
        if key not in self._asking:
            self._asking.add(key)
            Deferred.fromCoroutine(self._renew(key)).addBoth(self._over, key)

    async def _renew(self, key: Key) -> str:
        try:
            grant = await self.ask(*key)
        except ProactorError as error:
            if isinstance(error, Unavailable):
                self._away_until = self.clock.seconds() + _AWAY
            tries = self._failed.get(key, (Tries(self.random), 0.0))[0]
            self._failed[key] = tries, self.clock.seconds() + tries.next(_BACKOFF)
            raise
        self._failed.pop(key, None)
        self._away_until = float("-inf")
        now = self.clock.seconds()
        if len(self._kept) > _MANY:
            self._kept = {each: kept for each, kept in self._kept.items() if kept.over > now}
        self._kept[key] = _Kept(grant.token, now + grant.lifetime * _RENEWED, now + max(0, grant.lifetime - _MARGIN))
        return grant.token

    def _over(self, result: str | Failure, key: Key) -> None:
        self._asking.discard(key)
        waiting = self._waiting.pop(key, [])
        if isinstance(result, Failure) and not waiting:
            _log.debug("No new token for {guid} yet: {reason}", guid=key[0], reason=result.value)
        for each in waiting:
            if not each.called:
                each.callback(result)
