"""The initiator itself."""

from __future__ import annotations

from collections.abc import Mapping

from .parts import (
    COUNT,
    LINE,
    Operation,
    Reply,
    Schema,
    as_json,
    as_line,
    optional_flag,
    record,
    ref,
    text,
    whole,
)

_TAG = "The initiator"

SCHEMAS: Mapping[str, Schema] = {
    "Problem": record(
        "What went wrong (RFC 9457).",
        {
            "type": text("always `about:blank`: the status says what kind it is"),
            "title": text("the status in words"),
            "status": whole("the status", 400, 599),
            "detail": text("what is wrong here, and what would be right"),
            "error": text("why a token is not given out (RFC 6749, 5.2)"),
            "id": text("of an unforeseen error: the log has more under it"),
            "section": text("of the configuration, where that is what is wrong"),
            "option": text(),
            "value": text(),
            "source": text(),
            "line": whole(),
            "see": text("where one sees which there are, such as `GET /job`"),
            "room": whole("how many more there can be, where more are wanted: it takes somebody to make room", 0),
        },
        optional=("detail", "error", "id", "section", "option", "value", "source", "line", "see", "room"),
    ),
    "Health": record("", {"status": text(const="ok"), "guid": text("the initiator's own")}),
    "Readiness": record("", {"status": text(const="ready"), "revision": COUNT}),
}

OPERATIONS: Mapping[str, Operation] = {
    "healthz": Operation(
        _TAG,
        "Whether it answers at all",
        {200: as_json("It does.", ref("Health"))},
        example="curl localhost:8080/healthz",
    ),
    "readyz": Operation(
        _TAG,
        "Whether it takes requests",
        {200: as_json("It does.", ref("Readiness"))},
        errors={503: "it is stopping"},
        example="curl localhost:8080/readyz",
    ),
    "shut_down": Operation(
        _TAG,
        "End the initiator",
        {202: as_line("It is under way.")},
        "As SIGTERM does: the processors are stopped, it leaves last. With `keep` they live on, for the next initiator "
        "on the same home to adopt.",
        query=(optional_flag("keep", "whether the processors live on"),),
        errors={422: "a parameter is not what it must be", 503: "it is stopping already"},
        example="curl -X POST 'localhost:8080/shutdown?keep=1'",
    ),
    "show_metrics": Operation(
        _TAG,
        "What is counted and timed",
        {200: Reply("In the text format of Prometheus.", {LINE: text()})},
        example="curl localhost:8080/metrics",
    ),
    "show_description": Operation(
        _TAG,
        "This description",
        {200: as_json("OpenAPI 3.1.", {"type": "object"})},
        example="curl localhost:8080/openapi.json",
    ),
}
