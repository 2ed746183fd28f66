"""Edits on their way."""

from __future__ import annotations

from collections.abc import Mapping

from ...changes.rollout import Progress, Stage
from .parts import (
    COUNT,
    EVENTS,
    GUID,
    IF_NONE_MATCH,
    JSON,
    LAST_EVENT,
    PREFER,
    Operation,
    Reply,
    Schema,
    listed,
    mapped,
    maybe,
    nothing,
    record,
    ref,
    text,
    time,
    whole,
    words,
)

_ROLLOUTS = "Rollouts"

SCHEMAS: Mapping[str, Schema] = {
    "RolloutEvent": record(
        "One thing that happened to a rollout.",
        {
            "id": whole("its number in the rollout", 1),
            "time": time(),
            "event": text(),
            "guid": GUID,
            "reason": text(),
            "problem": text(),
            "revision": whole(least=1),
            "section": text(),
            "batch": whole(least=1),
            "processors": {"type": ["integer", "array"], "items": GUID},
        },
        optional=("guid", "reason", "problem", "revision", "section", "batch", "processors"),
    ),
    "Rollout": record(
        "An edit on its way.",
        {
            "id": text("its revision"),
            "revision": whole(least=1),
            "section": text(),
            "actor": text("who edited"),
            "created": time(),
            "state": words("how far it has come", *(each.value for each in Stage)),
            "problem": maybe(text("why it was stopped")),
            "reverted_by": maybe(whole("the revision that took it back", 1)),
            "batch": whole("the one that is under way, from 1", 0),
            "batches": listed(COUNT, "how many processors there are in each"),
            **dict.fromkeys(("wanted", "applied", "rejected", "waiting", "reverted", "absent"), COUNT),
            "processors": mapped(words("", *(each.value for each in Progress))),
            "events": listed(ref("RolloutEvent")),
        },
    ),
}

OPERATIONS: Mapping[str, Operation] = {
    "show_rollout": Operation(
        _ROLLOUTS,
        "How an edit goes on",
        {
            200: Reply(
                "Its record; or its events as they come, to the last.",
                {JSON: ref("Rollout"), EVENTS: text()},
                {"ETag": "How many events there are, in quotation marks."},
            ),
            304: nothing("Nothing more has happened.", ETag="The same."),
        },
        "`ID` is the edit's revision. With `If-None-Match` and `Prefer: wait=N` it is held until there is news.",
        headers=(IF_NONE_MATCH, PREFER, LAST_EVENT),
        errors={404: "there is no such rollout, or it is forgotten"},
        example="curl -H 'Accept: text/event-stream' localhost:8080/rollout/5",
    ),
}
