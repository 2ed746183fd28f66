"""Tokens by which processors know one another."""

from __future__ import annotations

from collections.abc import Mapping

from .parts import (
    GUID,
    NULLABLE_TEXT,
    Operation,
    Schema,
    as_json,
    flag,
    listed,
    mapped,
    maybe,
    record,
    ref,
    said,
    text,
    whole,
)

_TAG = "Peer tokens"

_TOKEN_TYPES = [f"urn:ietf:params:oauth:token-type:{kind}" for kind in ("jwt", "access_token")]

SCHEMAS: Mapping[str, Schema] = {
    "Key": record(
        "A public key (RFC 7517, RFC 8037).",
        {
            "kty": text(const="OKP"),
            "crv": text(const="Ed25519"),
            "x": text("the key, in base64url"),
            "kid": text("its id (RFC 7638)"),
            "use": text(const="sig"),
            "alg": text(const="EdDSA"),
        },
    ),
    "Keys": record("Public keys.", {"keys": listed(ref("Key"))}),
    "Trust": record(
        "What a processor needs to verify the tokens of others.",
        {
            "issuer": said("whose tokens", GUID),
            "keys": listed(ref("Key"), "that sign, or will, or did not long ago"),
            "revoked": mapped(
                whole(least=0), "by guid: no token of that incarnation holds any more, nor of one before it"
            ),
        },
    ),
    "TokenRequest": record(
        "For whom a token is to be (RFC 8693, 2.1).",
        {
            "grant_type": text(const="urn:ietf:params:oauth:grant-type:token-exchange"),
            "audience": text("the guid of a processor"),
            "scope": maybe(text("what it is to be good for: words with a space between them")),
            "subject_token": maybe(text("the token of the `Authorization` header; it need not be there")),
            "subject_token_type": maybe(text(enum=_TOKEN_TYPES)),
            "requested_token_type": maybe(text(enum=_TOKEN_TYPES)),
        },
        optional=("scope", "subject_token", "subject_token_type", "requested_token_type"),
    ),
    "GrantedToken": record(
        "A token for one audience (RFC 8693, 2.2.1).",
        {
            "access_token": text(),
            "issued_token_type": text(const=_TOKEN_TYPES[0]),
            "token_type": text(const="Bearer"),
            "expires_in": whole("in seconds", 1),
            "scope": text("those that it has"),
        },
    ),
    "TokenToIntrospect": record(
        "A token (RFC 7662, 2.1).",
        {"token": text(minLength=1), "token_type_hint": maybe(text("is not looked at"))},
        optional=["token_type_hint"],
    ),
    "Token": record(
        "What a token says (RFC 7662, 2.2).",
        {
            "active": flag("whether it holds"),
            "token_type": text(const="Bearer"),
            "iss": GUID,
            "sub": text("whose it is: a guid, or an operator"),
            "client_id": text("the same"),
            "aud": GUID,
            "scope": text(),
            "iat": whole("when it was issued, in seconds since 1970"),
            "exp": whole("when it expires"),
            "jti": text(),
            "inc": whole("the incarnation of the processor", 0),
            "module": NULLABLE_TEXT,
            "labels": mapped(text()),
        },
        optional=(
            *("token_type", "iss", "sub", "client_id", "aud", "scope", "iat", "exp", "jti", "inc", "module", "labels"),
        ),
    ),
}

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
