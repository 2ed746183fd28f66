"""The configuration: read, edited, rolled back, explained."""

from __future__ import annotations

from collections.abc import Mapping

from ...option_types import BY_NAME
from .parts import (
    COUNT,
    GUID,
    IF_MATCH,
    IF_NONE_MATCH,
    NULLABLE_TEXT,
    PREFER,
    REVISION_TAG,
    SCALAR,
    Operation,
    Parameter,
    Schema,
    as_json,
    flag,
    listed,
    mapped,
    maybe,
    nothing,
    number,
    optional_flag,
    record,
    ref,
    said,
    text,
    time,
    whole,
    whole_or_text,
    words,
)

_CONFIGURATION = "Configuration"

_NO_SECTION = "there is no such section"
_APPLIED = "To a processor: `wait`, where it was held, and will be again."

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
    409: "another rollout is under way for some of the processors, and `conflict=refuse`; or there is no room, beside "
    "the others, for as many as `instances` says",
    412: "the section was changed since",
    422: "something would not resolve or hold any more, or a parameter is not what it must be",
}

_VALUE: Schema = {"type": ["string", "number", "boolean", "array", "null"]}

_OVERRIDDEN = record("What the file says.", {"text": NULLABLE_TEXT, "source": text(), "line": maybe(whole(least=1))})

_SETTING = record(
    "Where an option is written.",
    {
        "section": text(),
        "option": text(),
        "text": maybe(text("with references")),
        "source": text(),
        "line": maybe(whole("in the file", 1)),
        "revision": maybe(whole("of the edit", 1)),
        "overrides": _OVERRIDDEN,
    },
    optional=["overrides"],
)

SCHEMAS: Mapping[str, Schema] = {
    "Sections": record(
        "All sections, as they are written.",
        {"revision": COUNT, "sections": mapped(mapped(NULLABLE_TEXT))},
    ),
    "Section": record(
        "One section, as it is written.",
        {
            "section": text(),
            "revision": whole("the one that changed it last", 0),
            "options": mapped(NULLABLE_TEXT, "edits over the file, with references, without secrets"),
            "file": mapped(NULLABLE_TEXT, "of options that are edited, what the file says; `null` where nothing"),
        },
    ),
    "Configuration": {
        "description": "A processor's configuration, resolved; secrets are `***` but for the processor itself.",
        "type": "object",
        "properties": {
            "revision": COUNT,
            "guid": GUID,
            "token": text("the one to use from now on"),
            "secret_options": text("the names that are secret"),
            "trust": said("to the processor itself: what it needs to verify the tokens of others", ref("Trust")),
        },
        "required": ["revision", "guid", "token"],
        "additionalProperties": text(),
    },
    "Patch": mapped(
        {"type": ["string", "number", "boolean", "null"]},
        "A JSON Merge Patch (RFC 7396) of the section's options; `null` takes an earlier edit back.",
        minProperties=1,
    ),
    "Rollback": record("Where to go back to.", {"to": whole_or_text("the revision", 2**53, "^[1-9][0-9]{0,14}$")}),
    "Plan": record(
        "What an edit changes.",
        {
            "section": text(),
            "revision": whole("the one that it is, or would be", 0),
            "changes": mapped(
                mapped(record("", {"from": NULLABLE_TEXT, "to": NULLABLE_TEXT})),
                "for each processor that it touches, what its options were and will be",
            ),
            "overrides": mapped(_OVERRIDDEN, "what the file says of the edited options, where it says something else"),
            "rollout": maybe(text("for `GET /rollout/ID`; `null`: no processor is touched")),
            "outcome": said("how it went, where that was waited for", ref("Rollout")),
        },
        optional=["outcome"],
    ),
    "HistoryEntry": record(
        "One edit of a section.",
        {
            "revision": whole(least=1),
            "time": time(),
            "actor": text("who"),
            "summary": text("what, in words"),
            "changes": mapped(
                record("", {"from": NULLABLE_TEXT, "to": NULLABLE_TEXT}),
                "`null`: there was, or is, no edit of that option",
            ),
        },
    ),
    "Explanation": record(
        "How a processor's options came to their values.",
        {
            "guid": GUID,
            "revision": COUNT,
            "held_at": maybe(whole("the revision that a rollout still keeps it at", 0)),
            "options": mapped(record("", {"value": text(), "chain": listed(_SETTING)})),
        },
    ),
    "Declaration": record(
        "One option that a processor declares.",
        {
            "name": text(pattern="^[a-z][a-z0-9_.-]{0,63}$"),
            "type": words("", *BY_NAME),
            "default": _VALUE,
            "minimum": number(),
            "exclusive_minimum": number(),
            "maximum": number(),
            "exclusive_maximum": number(),
            "choices": {"type": "array", "items": SCALAR},
            "live": flag("whether a change is for the running process"),
            "secret": flag(),
            "help": text(),
        },
        optional=(
            *("type", "default", "minimum", "exclusive_minimum", "maximum", "exclusive_maximum"),
            *("choices", "live", "secret", "help"),
        ),
        more=True,
    ),
    "Acknowledgement": record(
        "A processor's word on a revision.",
        {
            "revision": whole(least=1),
            "status": words("", "applied", "rejected"),
            "option": maybe(text("at fault, where it was rejected for one")),
            "reason": NULLABLE_TEXT,
            "pending": listed(text(), "options that changed and take effect at its next start"),
            "options": listed(ref("Declaration"), "what it declares"),
            "topics": listed(text(), "the topics that it subscribes to; where it does not say so: those that it had"),
        },
        optional=("option", "reason", "pending", "options", "topics"),
    ),
}

OPERATIONS: Mapping[str, Operation] = {
    "list_sections": Operation(
        _CONFIGURATION,
        "All sections",
        {
            200: as_json(
                "As they are written: edits over the file, without secrets.", ref("Sections"), ETag=REVISION_TAG
            ),
            304: nothing("They are what one has already.", ETag=REVISION_TAG),
        },
        headers=(IF_NONE_MATCH,),
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
                Preference_Applied=_APPLIED,
            ),
            304: nothing("It is what one has already.", ETag=REVISION_TAG, Preference_Applied=_APPLIED),
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
}
