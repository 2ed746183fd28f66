"""Who is where."""

from __future__ import annotations

from collections.abc import Mapping

from ..calls import MERGE_PATCH
from .parts import (
    GUID,
    IF_NONE_MATCH,
    PREFER,
    Operation,
    Parameter,
    Reply,
    Schema,
    as_json,
    labels,
    listed,
    mapped,
    maybe,
    nothing,
    record,
    ref,
    text,
    whole,
)

_ENDPOINTS = "Endpoints"

_TAG = "What this answer is called."

_DELTA = Parameter(
    "A-IM", "`merge-patch`: what changed will do, where one has the rest (RFC 3229)", text(examples=["merge-patch"])
)

SCHEMAS: Mapping[str, Schema] = {
    "Endpoint": record(
        "A processor that is ready.",
        {
            "guid": GUID,
            "module": text("the section with its defaults"),
            "labels": mapped(text()),
            "url": text("where it is reached, by the public address", format="uri"),
            "local_url": maybe(text("where processors on the same machine reach it", format="uri")),
            "incarnation": whole("how often it was launched", 0),
        },
    ),
}

OPERATIONS: Mapping[str, Operation] = {
    "list_endpoints": Operation(
        _ENDPOINTS,
        "Who is ready",
        {
            200: as_json("All that fit, in no particular order.", listed(ref("Endpoint")), ETag=_TAG),
            226: Reply(
                "With `A-IM: merge-patch`: by guid what changed since the `ETag` that was sent; `null` for one that is "
                "ready no longer.",
                {MERGE_PATCH: mapped(maybe(ref("Endpoint")))},
                {"ETag": _TAG, "IM": "`merge-patch`.", "Delta-Base": "The `ETag` that it is to be laid over."},
            ),
            304: nothing("It is what one has already.", ETag=_TAG),
        },
        "With `If-None-Match` and `Prefer: wait=N` it is held until it is another, N seconds at most.",
        query=(
            Parameter("guid", "only that of this processor", text()),
            Parameter("module", "only those of this module section", text()),
            labels("only those with this label;"),
        ),
        headers=(IF_NONE_MATCH, PREFER, _DELTA),
        errors={422: "an operator names a module that is not declared"},
        example="curl 'localhost:8080/endpoints?module=ticker&label=role=canary'",
    ),
}
