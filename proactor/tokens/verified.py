"""Tokens that were verified already."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

from attrs import define, field

from .verification import Claims


@define(eq=False)
class VerifiedTokens:
    """Verifies tokens, and remembers those that held: a signature costs as much as the rest of a fetch.

    They are known by their digests: how long it takes to look for one tells nothing of any other.

    :param check: what a token says at a time; raises :class:`~proactor.errors.Unauthenticated` where it does not hold.
    :param most: how many are remembered, those that were verified last.
    """

    check: Callable[[str, float], Claims]
    most: int = 1 << 15
    _claims: OrderedDict[bytes, Claims] = field(factory=OrderedDict, repr=False)

    def verify(self, token: str, now: float) -> Claims:
        """What a token says.

        :raises Unauthenticated: says why it does not hold.
        """
        digest = sha256(token.encode()).digest()
        claims = self._claims.get(digest)
        if claims is not None and claims.issued <= now < claims.expires:
            return claims
        self._claims.pop(digest, None)
        claims = self.check(token, now)
        self._claims[digest] = claims
        self._shorten(now)
        return claims

    def know(self, token: str, claims: Claims) -> None:
        """Take a token for one that was verified: we have just issued it, so that its signature tells us nothing."""
        self._claims[sha256(token.encode()).digest()] = claims
        self._shorten(claims.issued)

    def _shorten(self, now: float) -> None:
        """Forget the oldest that have expired, and what is too much; processors that are gone show theirs no more.

        Not the newest: one that has expired may hold still where clocks differ.
        """
        while len(self._claims) > 1:
            oldest = next(iter(self._claims.values()))
            if len(self._claims) <= self.most and now < oldest.expires:
                return
            self._claims.popitem(last=False)

    def forget(self) -> None:
        """Verify all anew: the keys are others."""
        self._claims.clear()
