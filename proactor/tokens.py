"""Tokens: signed JWTs (RFC 7519, EdDSA by RFC 8037) that prove a guid to one audience for a short time. No I/O here."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from typing import Any
from uuid import uuid4

import jwt
from attrs import field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from .errors import ProactorError, Unauthenticated

ALGORITHM = "EdDSA"
_REQUIRED = ["iss", "sub", "aud", "iat", "exp", "jti", "inc"]
_LARGEST = 4096
#: Base64url without spare bits (RFC 4648, 3.5) and a signature of 64 bytes: the library takes other writings of it too.
_FORM = re.compile(r"[\w-]+\.[\w-]+\.[\w-]{85}[AQgw]", re.ASCII)
_HEADER = {"alg", "kid", "typ"}


@frozen
class Claims:
    """What a token that holds says. Times in seconds since the epoch.

    :param incarnation: the launch of the guid that it was given to.
    """

    guid: str
    audience: str
    issued: float
    expires: float
    incarnation: int
    serial: str

    def due(self, lifetime: float) -> float:
        """When it is to be renewed: once half its life is gone, or half of a token's usual ``lifetime``."""
        return self.issued + min(self.expires - self.issued, lifetime) / 2


def new_key() -> bytes:
    """A fresh signing key, as PEM (PKCS 8)."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_id(key: Ed25519PublicKey) -> str:
    """A key's JWK thumbprint (RFC 7638)."""
    canonical = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def public_jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """A public key as a JWK (RFC 8037): the members that identify it, no more."""
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


@frozen
class TokenAuthority:
    """Issues tokens in one initiator's name and verifies them.

    :param issuer: the initiator's guid.
    """

    issuer: str
    _key: Ed25519PrivateKey = field(repr=False)
    key_id: str

    @classmethod
    def from_pem(cls, issuer: str, pem: bytes) -> TokenAuthority:
        """An authority with the key that :func:`new_key` made.

        :raises ProactorError: that is no Ed25519 key.
        """
        try:
            key = load_pem_private_key(pem, password=None)
        except (TypeError, ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ProactorError("the signing key is not an Ed25519 key in PEM: remove its file to have a new one made")
        return cls(issuer, key, key_id(key.public_key()))

    def issue(self, guid: str, audience: str, now: float, lifetime: float, incarnation: int) -> str:
        """A token for one guid, good for ``lifetime`` seconds from ``now``."""
        claims = {
            "iss": self.issuer,
            "sub": guid,
            "aud": audience,
            "iat": now,
            "exp": now + lifetime,
            "jti": uuid4().hex,
            "inc": incarnation,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self.key_id})

    def verify(self, token: str, audience: str, now: float) -> Claims:
        """What a token says, if it is ours, for this audience, and neither too old nor too young.

        :raises Unauthenticated: says which of these it is not; never the token.
        """
        if len(token) > _LARGEST:
            raise Unauthenticated("this token is too long to be one of ours", "invalid_token")
        try:
            claims = self._decoded(token, audience)
        except (jwt.PyJWTError, RecursionError) as e:
            raise Unauthenticated(f"this token is not valid: {_reason(e)}", "invalid_token") from None
        if now >= claims.expires:
            raise Unauthenticated("this token has expired", "invalid_token")
        if now < claims.issued - 1:
            raise Unauthenticated("this token is not valid yet: a clock went back", "invalid_token")
        return claims

    def _decoded(self, token: str, audience: str) -> Claims:
        if _FORM.fullmatch(token) is None:
            raise jwt.InvalidTokenError("not of the form that is issued")
        header = jwt.get_unverified_header(token)
        if header.get("kid") != self.key_id:
            raise jwt.InvalidKeyError("signed with no key of this initiator")
        if header.keys() != _HEADER:
            raise jwt.InvalidTokenError("asks for more than is known here")
        # Times are checked by the caller's clock, not by the library's.
        options: Any = {"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        payload = jwt.decode(
            token,
            self._key.public_key(),
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=self.issuer,
            options=options,
        )
        try:
            return Claims(
                guid=_text(payload["sub"]),
                audience=_text(payload["aud"]),
                issued=_time(payload["iat"]),
                expires=_time(payload["exp"]),
                incarnation=_whole(payload["inc"]),
                serial=_text(payload["jti"]),
            )
        except (TypeError, OverflowError):
            raise jwt.InvalidTokenError("a claim is not of its type") from None


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


def _reason(error: Exception) -> str:
    """The library's words where they are of ours alone; what a stranger's token holds is not repeated."""
    known = {
        jwt.InvalidSignatureError: "its signature does not hold",
        jwt.InvalidAudienceError: "it is for another audience",
        jwt.InvalidIssuerError: "it is from another issuer",
        jwt.MissingRequiredClaimError: "it lacks a claim",
        jwt.InvalidAlgorithmError: f"its algorithm is not {ALGORITHM}",
        jwt.InvalidKeyError: "it is signed with no key of this initiator",
    }
    return next((text for kind, text in known.items() if isinstance(error, kind)), "it is not a signed JWT of ours")
