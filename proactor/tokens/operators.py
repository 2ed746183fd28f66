"""Operators' tokens that have names: what each of them opens, and how one is known again."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from attrs import field, frozen

from ..errors import Refused
from ..model import timestamp

#: How a token with a name begins, so that one that has got lost is known for what it is.
PREFIX = "proactor_"
#: How long a name may be.
LONGEST_NAME = 64
_NAME = re.compile(rf"[a-z0-9][a-z0-9_.-]{{0,{LONGEST_NAME - 1}}}")
#: What the record of who changed what has for operators without such a token.
_TAKEN = ("local", "token")


class Scope(str, Enum):
    """What an operator may."""

    #: Look at everything but secrets.
    READ = "read"
    #: Create, start, stop, signal, delete.
    LAUNCH = "launch"
    #: Change the configuration, and how the initiator logs.
    CONFIGURE = "configure"
    #: Send messages, and call processors with a token for them.
    MESSAGE = "message"
    #: The rest: to end the initiator, to give out tokens. No token with a name has it.
    ALL = "all"


#: What a token with a name may have.
GRANTABLE = (Scope.READ, Scope.LAUNCH, Scope.CONFIGURE, Scope.MESSAGE)
#: What the operator's own token has, and an operator on the same machine.
EVERYTHING = frozenset(Scope)


def new_token() -> str:
    """A fresh token, of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What of a token is kept.

    A plain SHA-256, where a password would need a slow hash with a salt: nobody finds 256 random bits by trying. And
    tokens are looked up by it, so that how long that takes says nothing about any token: whoever sends one that is
    nearly right has another digest.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@frozen
class NamedToken:
    """One of them, as far as it is kept. Times are aware.

    :param digest: of the token, by which it is known again.
    :param expires: when it stops to hold; ``None``: never.
    :param actor: who made it.
    """

    name: str
    scopes: frozenset[Scope]
    digest: str = field(repr=False)
    created: datetime
    expires: datetime | None
    actor: str

    def record(self) -> dict[str, Any]:
        """It for operators: neither the token nor its digest."""
        return {
            "name": self.name,
            "scopes": in_order(self.scopes),
            "created": timestamp(self.created),
            "expires": timestamp(self.expires),
            "actor": self.actor,
        }

    def saved(self) -> dict[str, Any]:
        """It as JSON, all of it."""
        return {
            "name": self.name,
            "scopes": in_order(self.scopes),
            "digest": self.digest,
            "created": self.created.isoformat(),
            "expires": None if self.expires is None else self.expires.isoformat(),
            "actor": self.actor,
        }

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> NamedToken:
        """The one that was saved."""
        expires = saved["expires"]
        return cls(
            name=saved["name"],
            scopes=frozenset(map(Scope, saved["scopes"])),
            digest=saved["digest"],
            created=datetime.fromisoformat(saved["created"]),
            expires=None if expires is None else datetime.fromisoformat(expires),
            actor=saved["actor"],
        )


def in_order(scopes: Iterable[Scope]) -> list[str]:
    """Scopes as they are shown."""
    chosen = set(scopes)
    return [scope.value for scope in Scope if scope in chosen]


def check_name(name: str | None) -> str:
    """A name that a token may have.

    :raises Refused: it is none; says what would be.
    """
    if name is None:
        raise Refused("name: is missing: say whom or what the token is for, such as name=ci")
    if _NAME.fullmatch(name) is None:
        form = f"1 to {LONGEST_NAME} of a-z, 0-9, dot, hyphen and underscore, beginning with a letter or a digit"
        raise Refused(f"name: must be {form}")
    if name in _TAKEN:
        raise Refused(f"name: {name} means operators without a name: choose another")
    return name


def read_scopes(words: Iterable[str]) -> frozenset[Scope]:
    """The scopes that are named.

    :raises Refused: there are none, or one that no token with a name may have.
    """
    there_are = ", ".join(scope.value for scope in GRANTABLE)
    by_name = {scope.value: scope for scope in GRANTABLE}
    words = list(words)
    for word in words:
        if word not in by_name:
            raise Refused(f"scopes: {word[:64]!r} is none; there are: {there_are}")
    if not words:
        raise Refused(f"scopes: say at least one of: {there_are}")
    return frozenset(by_name[word] for word in words)
