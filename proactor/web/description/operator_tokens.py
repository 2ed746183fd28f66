"""The tokens of operators that have names."""

from __future__ import annotations

from collections.abc import Mapping

from ...tokens.operators import GRANTABLE, LONGEST_NAME
from .parts import Operation, Schema, as_json, listed, maybe, nothing, record, ref, text, time, whole, words

_TAG = "Tokens of operators"

_NAME = text(
    "whom or what it is for; `local` and `token` are taken",
    pattern=rf"^[a-z0-9][a-z0-9_.-]{{0,{LONGEST_NAME - 1}}}$",
    examples=["ci"],
)
_SCOPES = listed(words("", *(scope.value for scope in GRANTABLE)), "what it opens")
_TOKEN = {
    "name": _NAME,
    "scopes": _SCOPES,
    "created": time(),
    "expires": maybe(time("when it stops to hold; `null`: never")),
    "actor": text("who made it"),
}

SCHEMAS: Mapping[str, Schema] = {
    "OperatorToken": record("A token that has a name. Of the token itself nothing is shown.", _TOKEN),
    "NewOperatorToken": record(
        "The same, with the token: it is shown this once.", {**_TOKEN, "token": text("to be sent as `Bearer`")}
    ),
    "OperatorTokenOrder": record(
        "A token to be made.",
        {
            "name": _NAME,
            "scopes": {
                "description": "what it is to open: a list, or a text of words",
                "anyOf": [{**_SCOPES, "minItems": 1}, text(pattern="^[a-z]+([ ,]+[a-z]+)*$", examples=["read launch"])],
            },
            "expires_in": {
                **whole("after how many seconds it stops to hold; not given: never", 1, 10 * 366 * 24 * 3600),
                "type": ["integer", "string"],
                "pattern": "^[1-9][0-9]{0,8}$",
            },
        },
        optional=("expires_in",),
    ),
}

OPERATIONS: Mapping[str, Operation] = {
    "list_tokens": Operation(
        _TAG,
        "All tokens that have names",
        {200: as_json("By name, without the tokens themselves.", listed(ref("OperatorToken")))},
        example="curl localhost:8080/tokens",
    ),
    "create_token": Operation(
        _TAG,
        "Make a token",
        {201: as_json("It is kept, and shown this once.", ref("NewOperatorToken"))},
        "`scopes` is any of `read`, `launch`, `configure`, `message`. Only a digest of the token is kept.",
        body=ref("OperatorTokenOrder"),
        errors={409: "there is one of that name, or there are too many", 422: "a member is not what it must be"},
        stores=True,
        example="curl -d name=ci -d 'scopes=read launch' -d expires_in=86400 localhost:8080/tokens",
    ),
    "revoke_token": Operation(
        _TAG,
        "Revoke a token",
        {204: nothing("It holds no more.")},
        errors={404: "there is none of that name"},
        stores=True,
        example="curl -X DELETE localhost:8080/tokens/ci",
    ),
}
