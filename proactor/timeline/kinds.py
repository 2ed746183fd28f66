"""The kinds of events that there are."""

from __future__ import annotations

from ..errors import Refused
from ..model import State
from ..spelling import nearest

__all__ = ["KINDS", "check_kinds"]

_OF_ROLLOUTS = (
    "started",
    "batch",
    "applied",
    "rejected",
    "silent",
    "absent",
    "stopped",
    "resumed",
    "reverting",
    "reverted",
    "not-reverted",
    "done",
    "failed",
)

KINDS = frozenset(
    (
        *(state.value for state in State),
        "deleted",
        "adopted",
        "revoked",
        "dead-letter",
        "configured",
        *(f"rollout.{kind}" for kind in _OF_ROLLOUTS),
        "restart.started",
        "restart.done",
        "restart.stopped",
        "token.created",
        "token.revoked",
        "log-level",
        "shutdown",
    )
)
"""All of them: in docs/http.md it says when each happens."""


def check_kinds(names: list[str]) -> frozenset[str]:
    """Give the kinds that are named.

    :raises Refused: one is none; says which may be meant.
    """
    for name in names:
        if name not in KINDS:
            near = nearest(name, KINDS)
            remedy = f"is {near[0]} meant?" if near else f"there are: {', '.join(sorted(KINDS))}"
            raise Refused(f"event: there is no {name[:64]!r}; {remedy}")
    return frozenset(names)
