"""What a token must be to hold: a signed JWT (RFC 7519, EdDSA by RFC 8037). For the initiator and for processors.

The library that verifies is loaded with the first token: a processor that is never asked by anybody does without.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from ..errors import Unauthenticated

__all__ = ["ALGORITHM", "Claims", "check_times", "decoded", "public_key"]

ALGORITHM = "EdDSA"
_REQUIRED = ["iss", "sub", "aud", "iat", "exp", "jti", "inc"]
_LARGEST = 4096
#: Base64url without spare bits (RFC 4648, 3.5) and a signature of 64 bytes: the library takes other writings of it too.
_FORM = re.compile(r"[\w-]+\.[\w-]+\.[\w-]{85}[AQgw]", re.ASCII)
_HEADER = {"alg", "kid", "typ"}


@frozen
class Claims:
    """What a token that holds says. Times in seconds since the epoch.

    :param guid: whom it is of: a processor's guid, or an operator's name.
    :param incarnation: the launch of the guid that it was given to.
    :param scope: what it is good for; a processor's own token has none, nor a module nor labels.
    """

    guid: str
    audience: str
    issued: float
    expires: float
    incarnation: int
    serial: str
    scope: frozenset[str] = frozenset()
    module: str | None = None
    labels: Mapping[str, str] = field(factory=dict, hash=False)

    def due(self, lifetime: float) -> float:
        """When it is to be renewed: once half its life is gone, or half of a token's usual ``lifetime``."""
        return self.issued + min(self.expires - self.issued, lifetime) / 2


def public_key(x: str) -> Any:
    """A key of its coordinate as a JWK has it (RFC 8037, 2).

    :raises ValueError: it is none.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - not at the start

    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))


def check_times(claims: Claims, now: float, early: float, late: float) -> None:
    """See that a token is neither too old nor too young.

    :param early: by how many seconds its clock may be ahead of ours; ``late``: behind it.
    :raises Unauthenticated: it is.
    """
    if now >= claims.expires + late:
        raise Unauthenticated("this token has expired", "invalid_token")
    if now < claims.issued - early:
        raise Unauthenticated("this token is not valid yet: a clock went back", "invalid_token")


def decoded(token: str, key_of: Callable[[str], Any], issuer: str, audience: str | None) -> Claims:
    """What a token says, if it is of this issuer and for this audience. Its times are not looked at.

    :param key_of: finds a public key by its id, ``None`` where there is none.
    :param audience: ``None``: any.
    :raises Unauthenticated: says which of these it is not; never the token.
    """
    import jwt  # noqa: PLC0415 - not at the start

    if len(token) > _LARGEST:
        raise Unauthenticated("this token is too long to be one of ours", "invalid_token")
    if _FORM.fullmatch(token) is None:
        raise _refusal("it is not a signed JWT of ours")
    try:
        return _claims(_payload(token, key_of, issuer, audience))
    except (jwt.PyJWTError, RecursionError, TypeError, OverflowError) as e:
        raise _refusal(_reason(e)) from None


def _payload(token: str, key_of: Callable[[str], Any], issuer: str, audience: str | None) -> dict[str, Any]:
    import jwt  # noqa: PLC0415

    header = jwt.get_unverified_header(token)
    kid = header.get("kid")
    key = key_of(kid) if isinstance(kid, str) else None
    if key is None:
        raise jwt.InvalidKeyError
    if header.keys() != _HEADER:
        raise jwt.InvalidTokenError
    # Times are checked by the caller's clock, not by the library's.
    options: Any = {"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    options["verify_aud"] = audience is not None
    return jwt.decode(token, key, algorithms=[ALGORITHM], audience=audience, issuer=issuer, options=options)


def _claims(payload: Mapping[str, Any]) -> Claims:
    """The claims, each of its type; TypeError where one is not."""
    module, labels = payload.get("module"), payload.get("labels", {})
    if not isinstance(labels, dict):
        raise TypeError("not an object")
    return Claims(
        guid=_text(payload["sub"]),
        audience=_text(payload["aud"]),
        issued=_time(payload["iat"]),
        expires=_time(payload["exp"]),
        incarnation=_whole(payload["inc"]),
        serial=_text(payload["jti"]),
        scope=frozenset(_text(payload.get("scope", "")).split()),
        module=None if module is None else _text(module),
        labels={_text(name): _text(value) for name, value in labels.items()},
    )


def _text(claim: object) -> str:
    if not isinstance(claim, str):
        raise TypeError("not a string")
    return claim


def _whole(claim: object) -> int:
    if not isinstance(claim, int) or isinstance(claim, bool):
        raise TypeError("not a whole number")
    return claim


def _time(claim: object) -> float:
    # JSON as Python reads it has infinite numbers, and some that are none.
    if not isinstance(claim, float):
        return float(_whole(claim))
    if not math.isfinite(claim):
        raise TypeError("not a time")
    return claim


def _refusal(why: str) -> Unauthenticated:
    return Unauthenticated(f"this token is not valid: {why}", "invalid_token")


def _reason(error: Exception) -> str:
    """The library's words where they are of ours alone; what a stranger's token holds is not repeated."""
    import jwt  # noqa: PLC0415

    known = {
        jwt.InvalidSignatureError: "its signature does not hold",
        jwt.InvalidAudienceError: "it is for another audience",
        jwt.InvalidIssuerError: "it is from another issuer",
        jwt.MissingRequiredClaimError: "it lacks a claim",
        jwt.InvalidAlgorithmError: f"its algorithm is not {ALGORITHM}",
        jwt.InvalidKeyError: "it is signed with no key of this initiator",
    }
    return next((text for kind, text in known.items() if isinstance(error, kind)), "it is not a signed JWT of ours")
