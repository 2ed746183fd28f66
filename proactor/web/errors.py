"""The one table from what went wrong to an HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from .. import errors
from ..wire.problems import Problem

STATUS: Mapping[type[errors.ProactorError], int] = {
    # What this machine keeps us from; its words are for people all the same.
    errors.ProactorError: 500,
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.Overtaken: 412,
    errors.TooLarge: 413,
    errors.UnsupportedType: 415,
    errors.Refused: 422,
    errors.NotGranted: 422,
    errors.Rejected: 422,
    errors.QueueFull: 429,
    errors.StorageFailed: 503,
    errors.StorageFull: 507,
    errors.TooManyAttempts: 429,
    errors.Unavailable: 503,
    errors.NotReady: 504,
}

#: Where one sees which things there are of a kind.
LISTS: Mapping[str, str] = {
    "jobs": "GET /job",
    "sections": "GET /config",
    "rollouts": "GET /events?event=configured",
    "rolling restarts": "GET /events?event=restart.started",
    "messages": "GET /message?state=dead",
    "tokens": "GET /tokens",
    "paths": "GET /openapi.json",
}

log = Logger(namespace="proactor.web")


def problem_of(failure: Failure) -> Problem:
    """What a caller is told of a failure. What nobody foresaw is logged with an id, and the id is what they get."""
    error = failure.value
    if isinstance(error, errors.ProactorError):
        members = _members(error)
        see = f"; see {members['see']}" if "see" in members else ""
        return Problem(_status(error), f"{error}{see}", members, _headers(error))
    if isinstance(error, HTTPException):
        return _of_routing(error)
    if isinstance(error, CancelledError):
        return Problem(503, "the request was given up", headers={"Retry-After": "1"})
    id_ = uuid4().hex
    log.failure("Unforeseen error {id}", failure, id=id_)
    return Problem(500, f"unforeseen error {id_}: the initiator's log has more", {"id": id_})


def status_of(error: BaseException) -> int:
    """The status that a failure is told with."""
    if isinstance(error, errors.ProactorError):
        return _status(error)
    return (error.code or 500) if isinstance(error, HTTPException) else 500


def _status(error: errors.ProactorError) -> int:
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _members(error: errors.ProactorError) -> dict[str, object]:
    """The parts of an error, for programs (RFC 9457, 3.2)."""
    if isinstance(error, errors.NotGranted):
        return {"error": error.code}
    if isinstance(error, errors.NotFound) and error.among:
        return {"see": LISTS[error.among]}
    if isinstance(error, errors.Overtaken) and error.section:
        return {"section": error.section}
    if isinstance(error, errors.UsedUp):
        return {"room": error.room}
    if isinstance(error, errors.ConfigError):
        names = ("section", "option", "value", "source", "line")
        return {name: value for name in names if (value := getattr(error, name)) is not None}
    return {}


def _headers(error: errors.ProactorError) -> dict[str, str]:
    if isinstance(error, errors.Unauthenticated):
        reason = f', error="{error.reason}"' if error.reason else ""
        return {"WWW-Authenticate": f'Bearer realm="proactor"{reason}'}
    if isinstance(error, errors.InsufficientScope):
        # RFC 6750, 3.1; where no scope would do none is named.
        scope = f', scope="{error.scope}"' if error.scope else ""
        return {"WWW-Authenticate": f'Bearer realm="proactor", error="insufficient_scope"{scope}'}
    if isinstance(error, errors.Unavailable | errors.TooManyAttempts | errors.QueueFull):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.NotReady):
        return {"Location": error.location}
    if isinstance(error, errors.UnsupportedCoding):
        # RFC 9110, 12.5.3: that it was the coding, and not the type.
        return {"Accept-Encoding": "identity"}
    return {}


def _of_routing(error: HTTPException) -> Problem:
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return Problem(405, f"here one can: {allowed}", headers={"Allow": allowed})
    if error.code == 404:
        see = LISTS["paths"]
        return Problem(404, f"there is nothing at this path; see {see}", {"see": see})
    return Problem(error.code or 500)
