"""``/token``, ``/introspect``, ``/.well-known/jwks.json``: tokens by which processors know one another."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ..errors import GrantRefused, Refused
from ..initiator import Initiator
from ..tokens.allowed import is_scope
from . import forms
from .answers import Answer, as_json
from .app import Handler
from .callers import Caller, ProcessorCaller
from .calls import Call

_URN = "urn:ietf:params:oauth:"
EXCHANGE, JWT = f"{_URN}grant-type:token-exchange", f"{_URN}token-type:jwt"
_TYPES = (JWT, f"{_URN}token-type:access_token")
_MEMBERS = (
    *("grant_type", "audience", "scope", "subject_token", "subject_token_type", "requested_token_type"),
    *("resource", "actor_token", "actor_token_type"),
)
#: How many scopes one token may have.
_MOST_SCOPES = 32


@frozen
class PeerTokens:
    """Handlers over the initiator."""

    initiator: Initiator

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {
            "exchange_token": self.exchange_token,
            "introspect": self.introspect,
            "show_keys": self.show_keys,
        }

    async def exchange_token(self, call: Call) -> Answer:
        """A token for one audience (RFC 8693)."""
        call.known()
        body = forms.plain(call, ())
        audience, scope = asked(body, call.caller)
        tokens = self.initiator.tokens
        if isinstance(call.caller, ProcessorCaller):
            granted = tokens.for_processor(call.caller.claims.guid, audience, scope)
        else:
            granted = tokens.for_operator(call.caller.name, audience, scope)
        answer = {
            "access_token": granted.token,
            "issued_token_type": JWT,
            "token_type": "Bearer",
            "expires_in": int(granted.lifetime),
            "scope": " ".join(granted.scope),
        }
        return as_json(answer)

    async def introspect(self, call: Call) -> Answer:
        """What a token says (RFC 7662)."""
        call.known()
        body = forms.plain(call, ())
        forms.known(body, ("token", "token_type_hint"))
        token, _ = forms.text(body, "token"), forms.text(body, "token_type_hint")
        if not token:
            raise Refused("token: is missing: send the one to look into")
        asker = call.caller.claims.guid if isinstance(call.caller, ProcessorCaller) else None
        return as_json(self.initiator.tokens.introspected(token, asker))

    async def show_keys(self, call: Call) -> Answer:
        """The public keys (RFC 7517, 5)."""
        call.known()
        now = self.initiator.now().timestamp()
        return as_json({"keys": self.initiator.authority.ring.published(now)})


def asked(body: Mapping[str, Any], caller: Caller) -> tuple[str, frozenset[str]]:
    """For whom a token is asked, and with which scopes.

    :raises GrantRefused: the request is not what it must be.
    """
    texts = {name: _text(body, name) for name in _MEMBERS}
    unknown = next((name for name in body if name not in _MEMBERS), None)
    if unknown is not None:
        raise GrantRefused(f"{unknown[:64]!r} is not known here; there are: {', '.join(_MEMBERS[:6])}")
    if texts["grant_type"] != EXCHANGE:
        raise GrantRefused(f"grant_type: must be {EXCHANGE}", "unsupported_grant_type")
    if texts["resource"] or texts["actor_token"] or texts["actor_token_type"]:
        raise GrantRefused("a token is for one audience, and of who asks: no resource and no actor_token")
    _check_subject(texts["subject_token"], texts["subject_token_type"], caller)
    if texts["requested_token_type"] not in (None, *_TYPES):
        raise GrantRefused(f"requested_token_type: must be {JWT}")
    if not texts["audience"]:
        raise GrantRefused("audience: must be the guid of a processor", "invalid_target")
    return texts["audience"], _scopes(texts["scope"] or "")


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise GrantRefused(f"{name}: must be a text")
    return value


def _check_subject(token: str | None, type_: str | None, caller: Caller) -> None:
    if token is None:
        return
    own = caller.token if isinstance(caller, ProcessorCaller) else ""
    if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), own.encode()):
        raise GrantRefused("subject_token: must be the one of the Authorization header, or none")
    if type_ not in _TYPES:
        raise GrantRefused(f"subject_token_type: must be {JWT}")


def _scopes(text: str) -> frozenset[str]:
    scopes = frozenset(text.split())
    if len(scopes) > _MOST_SCOPES or not all(map(is_scope, scopes)):
        raise GrantRefused(
            f"scope: must be at most {_MOST_SCOPES} words of letters, digits and . _ : / -", "invalid_scope"
        )
    return scopes
