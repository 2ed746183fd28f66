"""What can go wrong for a client, in one tree: it was refused, nobody answered, or there is nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ProactorError

__all__ = [
    "ClientError",
    "Conflict",
    "Forbidden",
    "Invalid",
    "NoRoom",
    "NotFound",
    "NotReady",
    "NotRunning",
    "NotServing",
    "Overtaken",
    "Problem",
    "Refused",
    "TimedOut",
    "Unauthenticated",
    "Unavailable",
    "Unintelligible",
    "Unreachable",
    "Unreadable",
    "Untrusted",
    "problem",
]


class ClientError(ProactorError):
    """Anything that keeps a client from what it asked for; ``str()`` of it is fit for people."""


class NotRunning(ClientError):
    """No initiator runs on that home."""


class NotServing(ClientError):
    """An initiator has that home, and does not say where it is reached. Nothing was sent."""


class Unreadable(ClientError):
    """A file of a home, or one that holds a token, cannot be read. Nothing was sent."""


class Unreachable(ClientError):
    """Nobody answered, or the connection broke. What was asked for may have been done."""


class Untrusted(Unreachable):
    """Over TLS the certificate of who answered does not hold. Nothing was sent."""


class TimedOut(Unreachable):
    """There was no answer in time. What was asked for may have been done."""


class Unintelligible(ClientError):
    """There was an answer, and it is none that an initiator gives."""


class Problem(ClientError):
    """The initiator said no, in a problem document (RFC 9457).

    :param status: the HTTP status.
    :param title: the status in words.
    :param detail: what is wrong, and what would be right; may be empty.
    :param retry_after: seconds after which another try makes sense, where that was said.
    :param members: all of the document, such as ``section``, ``option``, ``value``, ``line`` of a wrong value.
    :param location: the path of the record of what was made all the same.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        retry_after: float | None = None,
        members: Mapping[str, Any] | None = None,
        location: str | None = None,
    ) -> None:
        super().__init__(detail or f"{status}: {title}")
        self.status = status
        self.title = title
        self.detail = detail
        self.retry_after = retry_after
        self.members = members or {}
        self.location = location


class Invalid(Problem):
    """400, 413, 415, 431: the request itself cannot be read."""


class Unauthenticated(Problem):
    """401: no token, or one that does not hold."""


class Forbidden(Problem):
    """403: it is known who asks, and it is not theirs."""


class NotFound(Problem):
    """404, 410: there is no such thing, or no more."""


class Conflict(Problem):
    """409: the state that the thing is in does not allow it."""


class Overtaken(Problem):
    """412: somebody else has changed it since."""


class Refused(Problem):
    """422: understood, and not allowed: a value, a module, an edit."""


class Unavailable(Problem):
    """429, 503: not now; see ``retry_after``."""


class NotReady(Problem):
    """504: it was made, and was not ready in time; see ``location``."""


class NoRoom(Problem):
    """507: there is no room to keep it. Nothing of it was done."""


_KINDS: Mapping[int, type[Problem]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    412: Overtaken,
    413: Invalid,
    415: Invalid,
    422: Refused,
    429: Unavailable,
    431: Invalid,
    503: Unavailable,
    504: NotReady,
    507: NoRoom,
}


def problem(
    status: int, document: Mapping[str, Any], retry_after: float | None = None, location: str | None = None
) -> Problem:
    """The exception that a problem document is."""
    title, detail = str(document.get("title", "")), str(document.get("detail", ""))
    return _KINDS.get(status, Problem)(status, title, detail, retry_after, document, location)
