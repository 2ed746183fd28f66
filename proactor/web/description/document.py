"""The OpenAPI 3.1 document: the table of routes, and what is said of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ... import __version__
from ...wire.problems import phrase
from ..calls import TYPES
from ..table import ROUTES, Body, Route, Who
from . import (
    configuration,
    endpoints,
    events,
    health,
    jobs,
    log_level,
    messages,
    operator_tokens,
    peer_tokens,
    rollouts,
)
from .parts import LINE, PROBLEM, TRACE, Operation, Parameter, Reply, Schema, ref, text

_RESOURCES = (
    jobs,
    events,
    configuration,
    rollouts,
    operator_tokens,
    peer_tokens,
    endpoints,
    messages,
    log_level,
    health,
)

OPERATIONS: Mapping[str, Operation] = {name: each for one in _RESOURCES for name, each in one.OPERATIONS.items()}
SCHEMAS: Mapping[str, Schema] = {name: each for one in _RESOURCES for name, each in one.SCHEMAS.items()}
"""The records that are sent and received, by name."""

_INTRODUCTION = """\
Proactor launches, configures, supervises and authenticates a fleet of processes.

An error is one line of text; for who accepts `application/json`, a problem document (RFC 9457). Any path may answer
400, 408, 413, 414, 431 or 501 to what is not HTTP as it is spoken here, and 500 for what nobody foresaw. Each has
`Cache-Control: no-store`. What can be asked by GET can be asked by HEAD."""

_SECURITY = {
    "operator": {
        "type": "http",
        "scheme": "bearer",
        "description": "The operator's token, of `operator.token` in the home folder, or one with a name that has the "
        "scope which is asked for: `read`, `launch`, `configure` or `message`; `all` is the operator's own alone. A "
        "program of the same user on the same machine needs none, while `operator_auth = local`.",
    },
    "processor": {"type": "http", "scheme": "bearer", "description": "A processor's own token."},
}

_NOTHING_DONE = "nothing of it was done"
#: When each status comes, where a route says nothing of its own.
ERRORS: Mapping[int, str] = {
    400: "the request cannot be understood",
    401: "no credential, or one that does not hold",
    403: "it is known who asks, and it is not theirs; or a browser or a proxy asks",
    410: "to a processor: its job was deleted, or another incarnation runs",
    413: "the body is too large",
    415: "the body is of a media type that is not read here, or in a coding",
    429: "too many credentials from the same address did not hold; one that does is answered all the same",
    503: f"it cannot be kept: {_NOTHING_DONE}",
    507: f"there is no room to keep it: {_NOTHING_DONE}",
}
_ERROR_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "What is wrong with the credential (RFC 6750)."},
    403: {"WWW-Authenticate": "Where a token lacks a scope: which one it needs (RFC 6750)."},
    415: {"Accept-Encoding": "Where it was the coding: `identity`, which is none (RFC 9110, 12.5.3)."},
    429: {"Retry-After": "After how many seconds another try makes sense."},
    503: {"Retry-After": "After how many seconds another try makes sense."},
    504: {"Location": "Where to look."},
}

_PARAMETER = re.compile(r"<(\w+)>")
_PATH = {
    "guid": "a processor's",
    "section": "of the configuration: `DEFAULT`, a module section's name, or a processor's guid",
    "id": "as it was given",
    "target": "to whom: a processor's guid, a module, or `topic:NAME`",
    "number": "the message's own, as `GET /message?state=dead` has it",
    "name": "of the token",
}


def errors(route: Route, operation: Operation) -> dict[int, str]:
    """When each error comes: what any route has, those that are open to some, those with a body, and its own."""
    statuses = {400}
    if Who.ANYONE not in route.who:
        statuses |= {401, 403, 410, 429}
    if route.body is not Body.NONE:
        statuses |= {413, 415}
    if operation.stores:
        statuses |= {503, 507}
    usual = {status: ERRORS[status] for status in statuses}
    if route.waits:
        usual[503] = f"the initiator is stopping{', or it cannot be kept' if operation.stores else ''}: {_NOTHING_DONE}"
    return dict(sorted({**usual, **operation.errors}.items()))


def described(routes: Iterable[Route] = ROUTES) -> list[tuple[Route, Operation]]:
    """The routes, and what is said of each.

    :raises ValueError: nothing is said of one, or something of none.
    """
    by_name = {route.name: route for route in routes}
    differing = by_name.keys() ^ OPERATIONS.keys()
    if differing:
        raise ValueError(f"not both in the table and described: {', '.join(sorted(differing))}")
    return [(route, OPERATIONS[name]) for name, route in by_name.items()]


def document() -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in described():
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Proactor",
            "version": __version__,
            "description": _INTRODUCTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for _, operation in described())],
        "paths": paths,
        "components": {"schemas": dict(SCHEMAS), "securitySchemes": _SECURITY},
    }


def _operation(route: Route, operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": route.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.text,
        "parameters": [
            *(_path_parameter(name) for name in _PARAMETER.findall(route.path)),
            *(_parameter(each, "query") for each in operation.query),
            *(_parameter(each, "header") for each in [*operation.headers, *([TRACE] if route.changes else [])]),
        ],
        "responses": {
            **{str(status): _reply(reply) for status, reply in operation.replies.items()},
            **{str(status): _error(status, when) for status, when in errors(route, operation).items()},
        },
        "security": _security(route),
        "x-who": sorted(who.value for who in route.who),
    }
    if operation.body is not None:
        described["requestBody"] = {
            "description": f"At most {route.limit} bytes.",
            "required": needs_body(operation),
            "content": {type_: {"schema": _of_body(type_, operation.body)} for type_ in TYPES[route.body]},
        }
    return {name: value for name, value in described.items() if value not in ("", [])}


def _of_body(type_: str, schema: Schema) -> Schema:
    """What a body of a type is: where any type will do, nothing is said of it."""
    return {} if type_ == "*/*" else schema


def needs_body(operation: Operation) -> bool:
    """Whether something must be sent."""
    if operation.body is None:
        return False
    schema = SCHEMAS[operation.body["$ref"].rpartition("/")[2]]
    return bool(schema.get("required") or schema.get("minProperties"))


def _security(route: Route) -> list[dict[str, list[str]]]:
    if Who.ANYONE in route.who:
        return []
    allowed: list[dict[str, list[str]]] = []
    if Who.OPERATOR in route.who:
        # Nothing: on the same machine, as the same user.
        allowed += [{"operator": [route.scope.value]}, {}]
    if route.who & {Who.PROCESSOR, Who.ITSELF}:
        allowed.append({"processor": []})
    return allowed


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": _PATH[name], "schema": {"type": "string"}}


def _parameter(parameter: Parameter, where: str) -> dict[str, Any]:
    schema: Schema = {"type": "array", "items": parameter.schema} if parameter.many else parameter.schema
    return {"name": parameter.name, "in": where, "description": parameter.text, "schema": schema}


def _reply(reply: Reply) -> dict[str, Any]:
    made: dict[str, Any] = {"description": reply.text}
    if reply.content:
        made["content"] = {type_: {"schema": schema} for type_, schema in reply.content.items()}
    if reply.headers:
        made["headers"] = {name: {"description": says, "schema": text()} for name, says in reply.headers.items()}
    return made


def _error(status: int, when: str) -> dict[str, Any]:
    content = {LINE: text(), PROBLEM: ref("Problem")}
    return _reply(Reply(f"{phrase(status)}: {when}.", content, _ERROR_HEADERS.get(status, {})))
