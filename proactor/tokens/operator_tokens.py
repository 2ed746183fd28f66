"""The register of operators' tokens that have names: made, known again, revoked; kept before anybody is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import define, field

from ..errors import Conflict, NotFound, ProactorError, Unauthenticated
from ..saved import PutValue
from ..store.interface import IStore
from ..timeline.origin import origin
from ..timeline.timeline import Timeline
from .operators import PREFIX, NamedToken, Scope, digest_of, in_order, new_token

#: What the values of the store are called that hold one.
VALUE = "operator_token."
#: How many there may be.
MOST = 1000


@define(eq=False)
class OperatorTokens:
    """All there are, by name and by digest.

    :param now: the time of day, aware.
    """

    now: Callable[[], datetime]
    store: IStore
    timeline: Timeline
    _by_name: dict[str, NamedToken] = field(factory=dict)
    _by_digest: dict[str, NamedToken] = field(factory=dict)
    #: Names of which something is being kept at this moment.
    _busy: set[str] = field(factory=set)

    def restore(self, values: Mapping[str, Any]) -> None:
        """Take up what an earlier initiator kept."""
        for name, saved in values.items():
            if name.startswith(VALUE):
                self._put(NamedToken.of(saved))

    def _put(self, token: NamedToken) -> None:
        self._by_name[token.name] = token
        self._by_digest[token.digest] = token

    def all(self) -> list[NamedToken]:
        """All, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def find(self, text: str) -> NamedToken | None:
        """The one that somebody presents; ``None`` where it is not of this kind.

        :raises Unauthenticated: it is of this kind, and does not hold.
        """
        if not text.startswith(PREFIX):
            return None
        token = self._by_digest.get(digest_of(text))
        if token is None:
            raise Unauthenticated("this token is not known: it was revoked, or never given out", "invalid_token")
        if token.expires is not None and self.now() >= token.expires:
            raise Unauthenticated(f"the token {token.name} has expired: make another", "invalid_token")
        return token

    async def create(
        self, name: str, scopes: frozenset[Scope], lifetime: float | None, actor: str
    ) -> tuple[NamedToken, str]:
        """Make one; with it the token itself, which nobody can be told again.

        :param lifetime: in seconds; ``None``: it never expires.
        :raises Conflict: the name is taken, or there are too many.
        """
        if name in self._by_name or name in self._busy:
            raise Conflict(f"there is a token {name}: choose another name, or revoke it first")
        if len(self._by_name) + len(self._busy) >= MOST:
            raise Conflict(f"there are {MOST} tokens already: revoke one that is not needed any more")
        text, created = new_token(), self.now()
        expires = None if lifetime is None else created + timedelta(seconds=lifetime)
        token = NamedToken(name, scopes, digest_of(text), created, expires, actor)
        await self._keep(name, token.saved())
        self._put(token)
        may = in_order(scopes)
        self._tell("token.created", f"a token {name} that may {', '.join(may)}", actor, name, {"scopes": may})
        return token, text

    async def revoke(self, name: str, actor: str) -> None:
        """Have one hold no more.

        :raises NotFound: there is none of that name.
        """
        token = self._by_name.get(name)
        if token is None:
            raise NotFound(f"there is no token {name[:64]!r}", "tokens")
        # It holds no more from now on; where that cannot be kept it does again, and whoever asked is told so.
        del self._by_name[name], self._by_digest[token.digest]
        try:
            await self._keep(name, None)
        except ProactorError:
            self._put(token)
            raise
        self._tell("token.revoked", f"the token {name} is revoked", actor, name, {})

    async def _keep(self, name: str, value: Any) -> None:
        self._busy.add(name)
        try:
            await self.store.commit([PutValue(VALUE + name, value)])
        finally:
            self._busy.discard(name)

    def _tell(self, kind: str, what: str, actor: str, name: str, more: Mapping[str, Any]) -> None:
        trace = origin().trace
        self.timeline.add(self.now(), kind, None, what, actor, trace=trace, more={"token": name, **more})
