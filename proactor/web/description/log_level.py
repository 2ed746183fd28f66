"""How much the initiator logs."""

from __future__ import annotations

from collections.abc import Mapping

from ...log.level import DEFAULT, LONGEST, NAMESPACE
from ...log.levels import LEVELS
from .parts import Operation, Schema, as_json, mapped, maybe, record, ref, text, time, whole, words

_TAG = "The initiator"

_UNTIL = maybe(time("when it goes back by itself; `null`: never"))
_NO_LOG = "the log is written by what twistd's own options name, such as `--syslog`"

SCHEMAS: Mapping[str, Schema] = {
    "LogLevelOfNamespace": record(
        "What holds below a namespace.",
        {"level": words("`default`: what is general", *LEVELS, DEFAULT), "until": _UNTIL},
    ),
    "LogLevel": record(
        "What the initiator logs: a level, and those above it.",
        {
            "level": words("what is general", *LEVELS),
            "until": _UNTIL,
            "default": words("what is general by the start", *LEVELS),
            "namespaces": mapped(ref("LogLevelOfNamespace"), "those that have levels of their own"),
        },
    ),
    "LogLevelOrder": record(
        "Another level.",
        {
            "level": words("the level; `default` takes back what was set", *LEVELS, DEFAULT),
            "for": {
                **whole("for how many seconds; not given: for good", 1, LONGEST),
                "type": ["integer", "string", "null"],
                "pattern": "^[1-9][0-9]{0,7}$",
            },
            "namespace": maybe(
                text("whose, and of all below it; not given: what is general", maxLength=200, pattern=NAMESPACE)
            ),
        },
        optional=("for", "namespace"),
    ),
}

OPERATIONS: Mapping[str, Operation] = {
    "show_log_level": Operation(
        _TAG,
        "How much it logs",
        {200: as_json("What holds now.", ref("LogLevel"))},
        errors={409: _NO_LOG},
        example="curl localhost:8080/log-level",
    ),
    "set_log_level": Operation(
        _TAG,
        "Change how much it logs",
        {200: as_json("What holds from now on.", ref("LogLevel"))},
        "Until the initiator ends, or for so many seconds: then what was set before for good holds again. Processors "
        "have levels of their own, by the option `log_level`.",
        body=ref("LogLevelOrder"),
        errors={409: f"{_NO_LOG}, or too many namespaces have levels", 422: "a member is not what it must be"},
        example="curl -X PUT -d level=debug -d for=600 localhost:8080/log-level",
    ),
}
