"""``/tokens``: the tokens of operators that have names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ..errors import Refused
from ..tokens.operator_tokens import OperatorTokens
from ..tokens.operators import check_name, read_scopes
from . import forms
from .answers import Answer, as_json, nothing
from .app import Handler
from .calls import Call

#: How long one may hold at most, in seconds: ten years.
LONGEST = 10 * 366 * 24 * 3600


@frozen
class Tokens:
    """Handlers over the register."""

    register: OperatorTokens

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {"list_tokens": self.list_tokens, "create_token": self.create_token, "revoke_token": self.revoke_token}

    async def list_tokens(self, call: Call) -> Answer:
        """All, without the tokens themselves."""
        call.known()
        return as_json([token.record() for token in self.register.all()])

    async def create_token(self, call: Call) -> Answer:
        """Make one, and show it this once."""
        call.known()
        body = forms.plain(call, (), ("scopes",))
        forms.known(body, ("name", "scopes", "expires_in"))
        name, scopes = check_name(forms.text(body, "name")), read_scopes(_words(body.get("scopes")))
        lifetime = forms.whole(body, "expires_in", 1, LONGEST)
        token, text = await self.register.create(name, scopes, lifetime, call.caller.name)
        return as_json({**token.record(), "token": text}, 201)

    async def revoke_token(self, call: Call) -> Answer:
        """Have one hold no more."""
        call.known()
        await self.register.revoke(call.path["name"], call.caller.name)
        return nothing()


def _words(value: Any) -> list[str]:
    """Scopes, of texts with one or more words each."""
    texts = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refused("scopes: must be a list of texts, or a text of words")
    return [word for text in texts for word in text.replace(",", " ").split()]
