"""Tokens that were verified already."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256

from attrs import define, field

from .tokens import Claims, TokenAuthority


@define(eq=False)
class VerifiedTokens:
    """Verifies processors' tokens, and remembers those that held: a signature costs as much as the rest of a fetch.

    They are known by their digests: how long it takes to look for one tells nothing of any other.

    :param most: how many are remembered, those that were verified last.
    """

    authority: TokenAuthority
    most: int = 1 << 15
    _claims: OrderedDict[bytes, Claims] = field(factory=OrderedDict)

    def verify(self, token: str, now: float) -> Claims:
        """What a token says; see :meth:`proactor.tokens.TokenAuthority.verify`.

        :raises Unauthenticated: says why it does not hold.
        """
        digest = sha256(token.encode()).digest()
        claims = self._claims.get(digest)
        if claims is not None and claims.issued <= now < claims.expires:
            return claims
        self._claims.pop(digest, None)
        claims = self.authority.verify(token, self.authority.issuer, now)
        self._claims[digest] = claims
        if len(self._claims) > self.most:
            self._claims.popitem(last=False)
        return claims
