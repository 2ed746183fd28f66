"""Tokens by which processors know one another."""

from __future__ import annotations

from collections.abc import Mapping

from .parts import Operation, as_json, ref

_TAG = "Peer tokens"

OPERATIONS: Mapping[str, Operation] = {
    "exchange_token": Operation(
        _TAG,
        "A token for a processor",
        {200: as_json("It is good for `expires_in` seconds, for that audience alone.", ref("GrantedToken"))},
        "Token exchange (RFC 8693): by the token one is known to the processor whose guid is the `audience`, and to "
        "nobody else. The section of that says who may have one, `allow_from`, and with which scopes, `allow_scopes`. "
        "An operator may have one for each. The error has an `error` as of RFC 6749.",
        body=ref("TokenRequest"),
        errors={
            403: "it is known who asks, and the audience does not take calls from them, or not with that scope",
            404: "there is no such processor: `invalid_target`",
            422: "the request is not what it must be: `invalid_request`, `invalid_scope`, `unsupported_grant_type`",
        },
        example="curl -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange -d audience=GUID "
        "localhost:8080/token",
    ),
    "introspect": Operation(
        _TAG,
        "Look into a token",
        {200: as_json("`active` is false of whatever does not hold, and then there is nothing else.", ref("Token"))},
        "Introspection (RFC 7662), for who cannot verify one. A processor is told of tokens for it, and of its own.",
        body=ref("TokenToIntrospect"),
        errors={422: "there is no token, or something else"},
        example="curl -d token=TOKEN localhost:8080/introspect",
    ),
    "show_keys": Operation(
        _TAG,
        "The public keys",
        {200: as_json("A JWK set (RFC 7517): the keys that sign, or will, and those whose tokens hold.", ref("Keys"))},
        example="curl localhost:8080/.well-known/jwks.json",
    ),
}
