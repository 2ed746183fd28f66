"""Issues the tokens of one initiator, and verifies them: for a short time, to one audience each. No I/O here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from uuid import uuid4

import jwt
from attrs import define, field, frozen

from .keyring import KeyRing
from .verification import ALGORITHM, Claims, check_times, decoded

__all__ = ["EARLY", "Claims", "Subject", "TokenAuthority", "new_serial"]

#: By how many seconds a token may be from ahead of our time: it was made by this clock, which may have been set.
EARLY = 1.0


def new_serial() -> str:
    """What no other token is known by."""
    return uuid4().hex


@frozen
class Subject:
    """Whom a token for a peer is of: a processor, or an operator by name, who has no module and no labels."""

    guid: str
    incarnation: int = 0
    module: str | None = None
    labels: Mapping[str, str] = field(factory=dict)


@define(eq=False)
class TokenAuthority:
    """Issues tokens in one initiator's name and verifies them.

    :param issuer: the initiator's guid.
    :ivar ring: the keys, which change in time.
    """

    issuer: str
    ring: KeyRing

    @classmethod
    def from_pem(cls, issuer: str, pem: bytes, now: float = 0.0) -> TokenAuthority:
        """An authority with the key that :func:`proactor.tokens.keyring.new_key` made, for a start.

        :raises ProactorError: that is no Ed25519 key.
        """
        return cls(issuer, KeyRing.begin(pem, now))

    def issue(
        self, guid: str, audience: str, now: float, lifetime: float, incarnation: int, serial: str | None = None
    ) -> str:
        """A token for one guid, good for ``lifetime`` seconds from ``now``.

        :param serial: of :func:`new_serial`; ``None``: any.
        """
        return self.issue_known(guid, audience, now, lifetime, incarnation, serial)[0]

    def issue_known(
        self, guid: str, audience: str, now: float, lifetime: float, incarnation: int, serial: str | None = None
    ) -> tuple[str, Claims]:
        """A token as :meth:`issue` gives it, and what whoever verifies it will find that it says."""
        claims = Claims(guid, audience, now, now + lifetime, incarnation, serial or new_serial())
        return self._signed(guid, audience, now, lifetime, {"inc": incarnation, "jti": claims.serial}), claims

    def issue_peer(self, who: Subject, audience: str, scope: Iterable[str], now: float, lifetime: float) -> str:
        """A token by which one is known to a processor, its audience; see :class:`Claims` for what it says."""
        said = {"scope": " ".join(sorted(scope)), "module": who.module, "labels": dict(who.labels)}
        return self._signed(who.guid, audience, now, lifetime, {"inc": who.incarnation, **said})

    def _signed(self, guid: str, audience: str, now: float, lifetime: float, more: Mapping[str, object]) -> str:
        standard = {"iss": self.issuer, "sub": guid, "aud": audience, "iat": now, "exp": now + lifetime}
        claims = {**standard, "jti": new_serial(), **more}
        key = self.ring.signing
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.id})

    def verify(self, token: str, audience: str | None, now: float, grace: float = 0.0) -> Claims:
        """What a token says, if it is ours, for this audience, and neither too old nor too young.

        :param audience: ``None``: any.
        :param grace: for how many seconds one is taken that has expired, or is from ahead of our time.
        :raises Unauthenticated: says which of these it is not; never the token.
        """
        claims = decoded(token, partial(self.ring.find, now=now - grace), self.issuer, audience)
        check_times(claims, now, max(EARLY, grace), grace)
        return claims
