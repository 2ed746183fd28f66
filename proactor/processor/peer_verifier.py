"""Whether a token that somebody shows to a processor holds: found out here, without a call to the initiator."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from ..errors import Malformed, Unauthenticated, Unavailable
from ..tokens.verification import Claims, check_times, decoded, public_key
from ..tokens.verified import VerifiedTokens

__all__ = ["LEEWAY", "PeerVerifier", "Trust", "read_first_trust", "read_trust"]

#: How far the clocks of two machines may be apart, in seconds.
LEEWAY = 5.0
#: How many tokens that held are remembered.
_MOST = 1024
_GUID, _X = re.compile("[0-9a-f]{32}"), re.compile("[A-Za-z0-9_-]{43}")
_TAG = re.compile("[0-9a-f]{1,32}")


@frozen
class Trust:
    """By what the tokens of others are verified.

    :param issuer: the initiator's guid.
    :param keys: the coordinates of its public keys, by their ids.
    :param revoked: by guid the incarnation up to which tokens do not hold any more.
    """

    issuer: str
    keys: Mapping[str, str]
    revoked: Mapping[str, int] = field(factory=dict)


def read_trust(value: Any) -> Trust:
    """Read it as the initiator sends it; keys of a kind that is not known here are left out.

    :raises Malformed: it is not what an initiator sends.
    """
    try:
        issuer, revoked = value["issuer"], dict(value["revoked"])
        known = [key for key in value["keys"] if (key["kty"], key["crv"]) == ("OKP", "Ed25519")]
        keys = {key["kid"]: key["x"] for key in known if _X.fullmatch(key["x"])}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Malformed("its answer has a trust that cannot be read") from None
    numbers = all(type(incarnation) is int for incarnation in revoked.values())
    if not isinstance(issuer, str) or not numbers or not all(isinstance(kid, str) for kid in keys):
        raise Malformed("its answer has a trust that cannot be read")
    return Trust(issuer, keys, revoked)


def read_first_trust(text: str) -> tuple[str, Trust]:
    """Read it as it comes with the start, and by which word the initiator knows that it is known.

    :raises Malformed: it is not what an initiator writes.
    """
    try:
        value = json.loads(text)
        tag = value["tag"]
        known = isinstance(tag, str) and _TAG.fullmatch(tag)
    except (ValueError, RecursionError, KeyError, TypeError):
        known = None
    if not known:
        raise Malformed("a trust that cannot be read")
    return tag, read_trust(value)


@define(eq=False)
class PeerVerifier:
    """Verifies tokens for one processor.

    :param guid: its own.
    :param now: seconds since the epoch.
    :ivar trust: ``None``: the initiator has not said yet.
    :ivar has_initiator: whether there is one that will say.
    """

    guid: str
    now: Callable[[], float] = time.time
    trust: Trust | None = None
    has_initiator: bool = False
    _waiting: list[Deferred[None]] = field(factory=list, init=False, repr=False)
    _keys: dict[str, Any] = field(factory=dict, init=False, repr=False)
    _verified: VerifiedTokens = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._verified = VerifiedTokens(self._check, _MOST)

    def learn(self, trust: Trust) -> None:
        """Go by what the initiator says now."""
        before, self.trust = self.trust, trust
        if before is not None and (before.issuer, before.keys) != (trust.issuer, trust.keys):
            self._verified.forget()
            self._keys.clear()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    @property
    def is_waiting(self) -> bool:
        """Whether the initiator has not said yet which tokens hold, and will."""
        return self.trust is None and self.has_initiator

    def known(self) -> Deferred[None]:
        """Fire when it has said so. To be used while :attr:`is_waiting`; may be cancelled."""
        known: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(known)
        return known

    def verify(self, token: str) -> Claims:
        """What a token says.

        :raises Unauthenticated: it does not hold here; why, never the token.
        :raises Unavailable: that cannot be known yet.
        """
        if self.trust is None:
            raise Unavailable("the initiator has not said yet which tokens hold", retry_after=1)
        claims = self._verified.verify(token, self.now())
        if claims.incarnation <= self.trust.revoked.get(claims.guid, -1):
            raise Unauthenticated("this token is revoked", "invalid_token")
        return claims

    def _check(self, token: str, now: float) -> Claims:
        assert self.trust is not None
        claims = decoded(token, self._key, self.trust.issuer, self.guid)
        check_times(claims, now, LEEWAY, LEEWAY)
        return claims

    def _key(self, kid: str) -> Any:
        assert self.trust is not None
        if kid not in self._keys and kid in self.trust.keys:
            self._keys[kid] = public_key(self.trust.keys[kid])
        return self._keys.get(kid)
