"""Who is ready, and who may ask: an initiator's endpoints, and its operators' tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from .connection import Connection, path
from .reading import read, read_many
from .values.registry import Endpoint, NewToken, Token

__all__ = ["Endpoints", "Tokens"]


@frozen
class Endpoints:
    """``/endpoints``."""

    connection: Connection

    async def list(self, *, module: str | None = None, labels: Iterable[str] = ()) -> list[Endpoint]:
        """Who is ready: all, or those of a module and each of some labels, ``NAME`` or ``NAME=VALUE``."""
        query = [*([("module", module)] if module is not None else []), *(("label", label) for label in labels)]
        return read_many(Endpoint, (await self.connection.ask("GET", "/endpoints", query)).json)


@frozen
class Tokens:
    """``/tokens``: those of operators that have a name."""

    connection: Connection

    async def list(self) -> list[Token]:
        """All of them, without what would open anything."""
        return read_many(Token, (await self.connection.ask("GET", "/tokens")).json)

    async def create(self, name: str, scopes: Sequence[str], expires_in: float | None = None) -> NewToken:
        """Make one. What it is is told this once.

        :param scopes: what it opens: ``read``, ``launch``, ``configure``, ``message``.
        :param expires_in: after how many seconds it stops to hold; else never.
        :raises Conflict: there is one of that name.
        """
        body = {"name": name, "scopes": list(scopes)}
        more = {} if expires_in is None else {"expires_in": int(expires_in)}
        return read(NewToken, (await self.connection.ask("POST", "/tokens", json={**body, **more})).json)

    async def revoke(self, name: str) -> None:
        """Have it open nothing from now on."""
        await self.connection.ask("DELETE", path("tokens", name))
