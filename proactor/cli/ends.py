"""How a command ends: its exit code, and what is said of it."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ..errors import ConfigError, ProactorError

__all__ = [
    "BY_SIGNAL",
    "DONE",
    "FAILED",
    "INTERRUPTED",
    "NOT_RUNNING",
    "UNREACHABLE",
    "UNREAD",
    "UNWRITABLE",
    "USAGE",
    "End",
    "Failed",
    "Interrupted",
    "end_of",
]

DONE = 0
#: It was refused, or did not come to what was asked for.
FAILED = 1
USAGE = 2
#: No initiator runs on the home.
NOT_RUNNING = 3
#: Nobody answers, or nobody that is an initiator.
UNREACHABLE = 4
#: Standard output is full, or closed.
UNWRITABLE = 5
#: By a signal: this and its number, as shells have it.
BY_SIGNAL = 128
#: By Ctrl-C.
INTERRUPTED = BY_SIGNAL + signal.SIGINT
#: Whoever read standard output has closed it: the same of SIGPIPE.
UNREAD = BY_SIGNAL + signal.SIGPIPE


class Failed(ProactorError):
    """What was asked for did not come about.

    :param hint: what to do next; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Interrupted(Exception):
    """The user does not want to wait any longer, or somebody does not want it to run.

    :param number: of the signal that said so.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(number)
        self.number = number


@frozen
class End:
    """What is said of an error.

    :param title: what kind it is, in a few words that do not change.
    :param hint: what to do next; may be empty.
    :param members: more of it, for programs.
    """

    code: int
    title: str
    detail: str
    hint: str = ""
    members: Mapping[str, Any] = {}

    def record(self) -> dict[str, Any]:
        """For programs: a problem document (RFC 9457), the exit code, and what to do next."""
        hint = {"hint": self.hint} if self.hint else {}
        return {**self.members, "title": self.title, "detail": self.detail, **hint, "exit": self.code}


#: Where one sees which things there are, by where users of curl do.
_LISTS = {
    "GET /job": "proactor ps",
    "GET /config": "proactor config get",
    "GET /events?event=configured": "proactor events --event configured, or proactor config history SECTION",
    "GET /events?event=restart.started": "proactor events --event restart.started",
    "GET /message?state=dead": "proactor message list --dead",
    "GET /tokens": "proactor token list",
}


def end_of(error: ProactorError) -> End:
    """How a command ends that came to an error."""
    from ..client import errors  # noqa: PLC0415 - a command that needs no initiator loads no client

    kinds = (
        (errors.NotRunning, NOT_RUNNING, "Not running", ""),
        (errors.Unreadable, FAILED, "Cannot read", ""),
        (errors.NotServing, UNREACHABLE, "Not serving", "name the URL with --url"),
        (errors.Untrusted, UNREACHABLE, "Untrusted", "name those by which it is verified with --cafile"),
        (errors.Unreachable, UNREACHABLE, "Cannot reach", "see whether it runs, and what --url or --home says"),
        (errors.Unintelligible, UNREACHABLE, "Unintelligible", "see whether --url is that of an initiator"),
    )
    for kind, code, title, hint in kinds:
        if isinstance(error, kind):
            return End(code, title, str(error), hint)
    if isinstance(error, errors.Problem):
        return End(FAILED, error.title, _said(error), _remedy(error), {"status": error.status, **error.members})
    if isinstance(error, ConfigError):
        return End(FAILED, "Wrong configuration", str(error), members=_place(error))
    return End(FAILED, "Failed", str(error), getattr(error, "hint", ""))


def _said(error: Any) -> str:
    """What the initiator said, without where users of curl look next."""
    detail = error.detail.removesuffix(f"; see {error.members.get('see')}")
    return detail or f"{error.status} {error.title}"


def _remedy(error: Any) -> str:
    """What to do about a refusal, where the initiator's own words are for users of curl."""
    if error.status == 401:
        return "name the home with --home, a file that holds a token with --token-file, or set PROACTOR_TOKEN"
    if error.status == 412 and "section" in error.members:
        return f"look at what it is now: proactor config history {error.members['section']}"
    if error.members.get("see") in _LISTS:
        return f"see which there are: {_LISTS[error.members['see']]}"
    if error.retry_after is not None and "room" not in error.members:
        return f"try again in {error.retry_after:g} s"
    return ""


def _place(error: ConfigError) -> dict[str, Any]:
    names = ("source", "line", "section", "option", "value", "problem")
    return {name: value for name in names if (value := getattr(error, name)) is not None}
