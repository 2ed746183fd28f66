"""Every route there is, and who may use it: nobody else, and there is no other.

The checks, the routing and the tests are made from this table.
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import frozen

from ..tokens.operators import Scope

#: How many bytes a body may have, where its route does not say more.
BODY_LIMIT = 64 * 1024
#: The same of an event, of whose data there may be 64 KiB, in base64 and with its attributes.
EVENT_LIMIT = 128 * 1024


class Who(str, Enum):
    """A kind of caller."""

    ANYONE = "anyone"
    OPERATOR = "operator"
    PROCESSOR = "processor"
    #: The processor whose guid is in the path.
    ITSELF = "itself"


class Body(str, Enum):
    """What a request's body may be."""

    NONE = "none"
    #: JSON, or a form as ``curl -d`` sends one.
    FORM = "form"
    JSON = "json"
    #: RFC 7396, plain JSON taken for it, or a form whose fields are set.
    MERGE_PATCH = "merge-patch"
    #: A CloudEvent, or anything else as it is.
    EVENT = "event"


@frozen
class Route:
    """One operation.

    :param name: its handler's.
    :param path: as Klein has it, parameters in angle brackets.
    :param who: who may; an empty set would be nobody.
    :param changes: whether it changes something: it then runs to its end whatever becomes of the caller.
    :param limit: how many bytes its body may have.
    :param late: whether the last token of a processor opens it though it has expired: the way back to another.
    :param to_the_end: of what changes something, whether it is taken also while the initiator stops; the rest would be
        kept and not done, or begun and not ended.
    :param scope: what an operator must be allowed to who may use it.
    """

    name: str
    method: str
    path: str
    who: frozenset[Who]
    body: Body = Body.NONE
    changes: bool = False
    limit: int = BODY_LIMIT
    scope: Scope = Scope.ALL
    late: bool = False
    to_the_end: bool = False

    @property
    def waits(self) -> bool:
        """Whether it has to wait for the next initiator where this one stops."""
        return self.changes and not self.to_the_end


def _route(
    name: str,
    operation: str,
    *who: Who,
    body: Body = Body.NONE,
    changes: bool = False,
    limit: int = BODY_LIMIT,
    scope: Scope | None = None,
    late: bool = False,
    to_the_end: bool = False,
) -> Route:
    """Make a row. Where it names no scope: what changes something is the operator's own, all else for who may read."""
    method, path = operation.split(" ")
    usual = Scope.ALL if changes else Scope.READ
    return Route(name, method, path, frozenset(who), body, changes, limit, scope or usual, late, to_the_end)


ROUTES = (
    _route("create", "POST /create", Who.OPERATOR, body=Body.FORM, changes=True, scope=Scope.LAUNCH),
    _route("list_jobs", "GET /job", Who.OPERATOR),
    _route("show_job", "GET /job/<guid>", Who.OPERATOR, Who.ITSELF),
    _route("delete_job", "DELETE /job/<guid>", Who.OPERATOR, changes=True, scope=Scope.LAUNCH),
    _route("start_job", "POST /job/<guid>/start", Who.OPERATOR, changes=True, scope=Scope.LAUNCH),
    _route("stop_job", "POST /job/<guid>/stop", Who.OPERATOR, changes=True, scope=Scope.LAUNCH),
    _route("restart_job", "POST /job/<guid>/restart", Who.OPERATOR, changes=True, scope=Scope.LAUNCH),
    _route(
        "signal_job",
        "POST /job/<guid>/signal",
        Who.OPERATOR,
        body=Body.FORM,
        changes=True,
        scope=Scope.LAUNCH,
        to_the_end=True,
    ),
    _route("revoke_job", "POST /job/<guid>/revoke", Who.OPERATOR, changes=True, scope=Scope.LAUNCH),
    _route("show_log", "GET /job/<guid>/log", Who.OPERATOR),
    _route("job_events", "GET /job/<guid>/events", Who.OPERATOR),
    _route("list_events", "GET /events", Who.OPERATOR),
    _route("restart_jobs", "POST /restart", Who.OPERATOR, changes=True, scope=Scope.LAUNCH),
    _route("show_restart", "GET /restart/<id>", Who.OPERATOR),
    _route("show_config", "GET /config/<section>", Who.OPERATOR, Who.ITSELF, late=True),
    _route(
        "acknowledge",
        "POST /config/<section>/ack",
        Who.ITSELF,
        body=Body.JSON,
        changes=True,
        limit=1 << 20,
        to_the_end=True,
    ),
    _route("list_sections", "GET /config", Who.OPERATOR),
    _route(
        "edit_section",
        "PATCH /config/<section>",
        Who.OPERATOR,
        body=Body.MERGE_PATCH,
        changes=True,
        scope=Scope.CONFIGURE,
    ),
    _route("show_history", "GET /config/<section>/history", Who.OPERATOR),
    _route(
        "roll_back",
        "POST /config/<section>/rollback",
        Who.OPERATOR,
        body=Body.FORM,
        changes=True,
        scope=Scope.CONFIGURE,
    ),
    _route("explain", "GET /config/<section>/explain", Who.OPERATOR),
    _route("show_rollout", "GET /rollout/<id>", Who.OPERATOR),
    _route("list_tokens", "GET /tokens", Who.OPERATOR, scope=Scope.ALL),
    _route("create_token", "POST /tokens", Who.OPERATOR, body=Body.FORM, changes=True),
    _route("revoke_token", "DELETE /tokens/<name>", Who.OPERATOR, changes=True),
    _route("show_log_level", "GET /log-level", Who.OPERATOR),
    _route(
        "set_log_level",
        "PUT /log-level",
        Who.OPERATOR,
        body=Body.FORM,
        changes=True,
        scope=Scope.CONFIGURE,
        to_the_end=True,
    ),
    _route("list_endpoints", "GET /endpoints", Who.OPERATOR, Who.PROCESSOR),
    _route("list_messages", "GET /message", Who.OPERATOR),
    _route(
        "send_message",
        "POST /message/<target>",
        Who.OPERATOR,
        Who.PROCESSOR,
        body=Body.EVENT,
        changes=True,
        limit=EVENT_LIMIT,
        scope=Scope.MESSAGE,
    ),
    _route("show_message", "GET /message/kept/<number>", Who.OPERATOR, scope=Scope.MESSAGE),
    _route("drop_message", "DELETE /message/kept/<number>", Who.OPERATOR, changes=True, scope=Scope.MESSAGE),
    _route("resend_message", "POST /message/kept/<number>/resend", Who.OPERATOR, changes=True, scope=Scope.MESSAGE),
    _route(
        "exchange_token",
        "POST /token",
        Who.PROCESSOR,
        Who.OPERATOR,
        body=Body.FORM,
        changes=True,
        scope=Scope.MESSAGE,
        to_the_end=True,
    ),
    _route(
        "introspect",
        "POST /introspect",
        Who.PROCESSOR,
        Who.OPERATOR,
        body=Body.FORM,
        changes=True,
        scope=Scope.READ,
        to_the_end=True,
    ),
    _route("show_keys", "GET /.well-known/jwks.json", Who.ANYONE),
    _route("shut_down", "POST /shutdown", Who.OPERATOR, changes=True, to_the_end=True),
    _route("healthz", "GET /healthz", Who.ANYONE),
    _route("readyz", "GET /readyz", Who.ANYONE),
    _route("show_metrics", "GET /metrics", Who.OPERATOR),
    _route("show_description", "GET /openapi.json", Who.ANYONE),
)

_LARGER = [
    (route.method.encode(), re.compile(re.sub(rb"<[a-z]+>", rb"[^/]+", route.path.encode())), route.limit)
    for route in ROUTES
    if route.limit != BODY_LIMIT
]


def body_limit(method: bytes, path: bytes) -> int:
    """How many bytes the body of a request may have, before it is routed."""
    return next((limit for verb, pattern, limit in _LARGER if verb == method and pattern.fullmatch(path)), BODY_LIMIT)
