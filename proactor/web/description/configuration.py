"""The configuration: read, edited, rolled out, explained."""

from __future__ import annotations

from collections.abc import Mapping

from .parts import (
    EVENTS,
    IF_MATCH,
    IF_NONE_MATCH,
    JSON,
    LAST_EVENT,
    PREFER,
    REVISION_TAG,
    Operation,
    Parameter,
    Reply,
    as_json,
    listed,
    nothing,
    number,
    optional_flag,
    ref,
    text,
    words,
)

_CONFIGURATION, _ROLLOUTS = "Configuration", "Rollouts"
_NO_SECTION = "there is no such section"

_PACING = (
    optional_flag("plan", "whether only to show what it would do"),
    Parameter("batch", "the size of the batches, `5` or `10%`; the last holds for all that follow", text(), many=True),
    Parameter("watch", "how many seconds a batch must stay well", number(least=0)),
    Parameter("timeout", "how many seconds a processor may take to answer", number(least=0.1)),
    Parameter("first", "who is the first batch: `GUID`, `label:NAME` or `label:NAME=VALUE`", text(), many=True),
    optional_flag("revert", "whether trouble takes the edit back"),
    Parameter("conflict", "what to do while another rollout is under way for the same", words("", "wait", "refuse")),
)
_CHANGED = {
    200: as_json("What it changes; with `Prefer: wait=N` its `outcome` too.", ref("Plan"), ETag=REVISION_TAG),
}
_NOT_CHANGED = {
    404: _NO_SECTION,
    409: "another rollout is under way for some of the processors, and `conflict=refuse`",
    412: "the section was changed since",
    422: "something would not resolve or hold any more, or a parameter is not what it must be",
}

OPERATIONS: Mapping[str, Operation] = {
    "list_sections": Operation(
        _CONFIGURATION,
        "All sections",
        {
            200: as_json(
                "As they are written: edits over the file, without secrets.", ref("Sections"), ETag=REVISION_TAG
            )
        },
        example="curl localhost:8080/config",
    ),
    "show_config": Operation(
        _CONFIGURATION,
        "One section",
        {
            200: as_json(
                "A processor's own is resolved; another section is as it is written.",
                {"anyOf": [ref("Configuration"), ref("Section")]},
                ETag=REVISION_TAG,
                traceparent="To a processor: the trace that the change belongs to, where it came with one.",
            ),
            304: nothing("It is what one has already.", ETag=REVISION_TAG),
        },
        "Of a processor: with `If-None-Match` and `Prefer: wait=N` it is held until it is another, N seconds at most. "
        "The processor itself gets its secrets, and its next `token`. The last that it was given brings it "
        "another once though it has expired, within `token_grace`.",
        headers=(IF_NONE_MATCH, PREFER),
        errors={404: _NO_SECTION},
        stores=True,
        example="curl localhost:8080/config/ticker",
    ),
    "edit_section": Operation(
        _CONFIGURATION,
        "Edit a section",
        _CHANGED,
        "The edit is tried, becomes a revision, and goes out to the processors that it touches. With `plan` nothing "
        "changes.",
        query=_PACING,
        headers=(PREFER, IF_MATCH),
        body=ref("Patch"),
        errors=_NOT_CHANGED,
        stores=True,
        example="curl -X PATCH -d rate=5 'localhost:8080/config/ticker?plan=1'",
    ),
    "show_history": Operation(
        _CONFIGURATION,
        "The edits of a section",
        {200: as_json("Oldest first.", listed(ref("HistoryEntry")))},
        errors={404: _NO_SECTION},
        example="curl localhost:8080/config/ticker/history",
    ),
    "roll_back": Operation(
        _CONFIGURATION,
        "A section's edits as they were at a revision",
        _CHANGED,
        "As a new revision, that goes out as an edit does.",
        query=_PACING,
        headers=(PREFER, IF_MATCH),
        body=ref("Rollback"),
        errors={**_NOT_CHANGED, 404: "there is no such section, or no such revision"},
        stores=True,
        example="curl -d to=3 localhost:8080/config/ticker/rollback",
    ),
    "explain": Operation(
        _CONFIGURATION,
        "How a processor's options came to their values",
        {200: as_json("For each option its value, and where that is written.", ref("Explanation"))},
        errors={404: "there is no such processor"},
        example="curl localhost:8080/config/GUID/explain",
    ),
    "acknowledge": Operation(
        _CONFIGURATION,
        "A processor's word on a revision",
        {204: nothing("It is heard.")},
        "The first of a process says that it serves.",
        body=ref("Acknowledgement"),
        errors={422: "a member is not what it must be, or the revision has never been given"},
    ),
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
