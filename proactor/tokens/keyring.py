"""The keys that sign tokens (Ed25519), each known by an id: one signs, one is the next, and some only verify any more.

The next one is published long before it signs: whoever verifies has it by then. One that signs no more is kept until
the last token of its has expired. No I/O here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from attrs import evolve, field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ..errors import ProactorError
from .verification import ALGORITHM

__all__ = ["KeyRing", "SigningKey", "key_id", "new_key", "public_jwk"]

_REMEDY = "remove its file to have new keys made, and restart the processors that run then"


def new_key() -> bytes:
    """A fresh signing key, as PEM (PKCS 8)."""
    return _pem(Ed25519PrivateKey.generate())


def key_id(key: Ed25519PublicKey) -> str:
    """A key's JWK thumbprint (RFC 7638)."""
    canonical = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def public_jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """A public key as a JWK (RFC 8037): the members that identify it, no more."""
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


@frozen
class SigningKey:
    """One key. Times in seconds since the epoch.

    :param since: when it began to sign; ``None``: it is the next.
    :param until: when the last token that it signed expires; ``None``: it still signs, or will.
    """

    private: Ed25519PrivateKey = field(repr=False)
    since: float | None = None
    until: float | None = None
    id: str = field(init=False)
    public: Ed25519PublicKey = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "public", self.private.public_key())
        object.__setattr__(self, "id", key_id(self.public))

    @classmethod
    def from_pem(cls, pem: bytes, since: float | None = None, until: float | None = None) -> SigningKey:
        """The key that :func:`new_key` made.

        :raises ProactorError: that is no Ed25519 key.
        """
        try:
            key = load_pem_private_key(pem, password=None)
        except (TypeError, ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ProactorError(f"the signing key is not an Ed25519 key in PEM: {_REMEDY}")
        return cls(key, since, until)

    @classmethod
    def fresh(cls) -> SigningKey:
        """One that is new, to be the next."""
        return cls(Ed25519PrivateKey.generate())

    def jwk(self) -> dict[str, str]:
        """What is published of it (RFC 7517)."""
        return {**public_jwk(self.public), "kid": self.id, "use": "sig", "alg": ALGORITHM}


@frozen
class KeyRing:
    """The keys there are.

    :param old: those that only verify, the newest first.
    """

    signing: SigningKey
    next: SigningKey
    old: Sequence[SigningKey] = ()

    @classmethod
    def begin(cls, pem: bytes, now: float) -> KeyRing:
        """A ring whose first key is given, and begins to sign now.

        :raises ProactorError: that is none.
        """
        return cls(SigningKey.from_pem(pem, now), SigningKey.fresh())

    def rotated(self, now: float, longest: float) -> KeyRing:
        """The ring in which the next key signs.

        :param longest: how many seconds the tokens live that the present one signed, at most.
        """
        signing, last = evolve_key(self.next, since=now), evolve_key(self.signing, until=now + longest)
        return KeyRing(signing, SigningKey.fresh(), (last, *self.old))

    def pruned(self, now: float) -> KeyRing:
        """The ring without the keys whose tokens have all expired."""
        return evolve(self, old=tuple(key for key in self.old if key.until is None or now < key.until))

    def find(self, kid: str, now: float) -> Ed25519PublicKey | None:
        """The key that verifies, by its id; one whose tokens have all expired is none."""
        for key in (self.signing, self.next, *self.old):
            if key.id == kid:
                return None if key.until is not None and now >= key.until else key.public
        return None

    def published(self, now: float) -> list[dict[str, str]]:
        """The public keys, those that sign or will first."""
        return [key.jwk() for key in (self.signing, self.next, *self.pruned(now).old)]

    def to_json(self) -> bytes:
        """What :meth:`from_json` reads."""
        keys = [_plain(key) for key in (self.signing, self.next, *self.old)]
        return json.dumps({"version": 1, "keys": keys}, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> KeyRing:
        """The ring that was written.

        :raises ProactorError: it is none.
        """
        try:
            signing, next_, *old = (_key(each) for each in json.loads(data)["keys"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ProactorError(f"the signing keys cannot be read: {_REMEDY}") from None
        return cls(signing, next_, tuple(old))


def evolve_key(key: SigningKey, **changes: float) -> SigningKey:
    """The same key, with another time."""
    return SigningKey(key.private, **{"since": key.since, "until": key.until, **changes})


def _plain(key: SigningKey) -> dict[str, Any]:
    return {"kid": key.id, "since": key.since, "until": key.until, "pem": _pem(key.private).decode()}


def _key(plain: dict[str, Any]) -> SigningKey:
    since, until = (None if plain[name] is None else float(plain[name]) for name in ("since", "until"))
    return SigningKey.from_pem(plain["pem"].encode(), since, until)
