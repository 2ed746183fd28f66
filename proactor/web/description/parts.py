"""What a description is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

Schema = Mapping[str, Any]


@frozen
class Parameter:
    """One parameter of a query, or a header.

    :param many: whether it may be there several times.
    """

    name: str
    text: str
    schema: Schema
    many: bool = False


@frozen
class Reply:
    """One answer.

    :param text: when it comes, and what it says.
    :param content: media types, and what is in them; none: there is no body.
    :param headers: by name, what they say.
    """

    text: str
    content: Mapping[str, Schema] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict)


@frozen
class Operation:
    """What is to be said of one route that its entry in the table does not say.

    :param summary: in a few words; ``text``: in full, Markdown.
    :param replies: by status, when all is well; ``errors``: when what else is there by status for this route comes.
    :param body: what may be sent.
    :param stores: whether it keeps something before it answers.
    """

    tag: str
    summary: str
    replies: Mapping[int, Reply]
    text: str = ""
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: Schema | None = None
    errors: Mapping[int, str] = field(factory=dict)
    stores: bool = False
    example: str = ""


# Schemas (JSON Schema 2020-12), briefly.


def ref(name: str) -> Schema:
    """One of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(says: str = "", **more: Any) -> Schema:
    """A text."""
    return _described({"type": "string", **more}, says)


def time(says: str = "") -> Schema:
    """A time, RFC 3339 in UTC."""
    return text(says, format="date-time")


def whole(says: str = "", least: int | None = None, most: int | None = None) -> Schema:
    """A whole number."""
    bounds = {"minimum": least, "maximum": most}
    return _described({"type": "integer", **{name: at for name, at in bounds.items() if at is not None}}, says)


def number(says: str = "", least: float | None = None) -> Schema:
    """A number."""
    return _described({"type": "number", **({} if least is None else {"minimum": least})}, says)


def flag(says: str = "") -> Schema:
    """True or false."""
    return _described({"type": "boolean"}, says)


def words(says: str, *these: str) -> Schema:
    """One of some words."""
    return text(says, enum=list(these))


def listed(items: Schema, says: str = "") -> Schema:
    """A list of things of one kind."""
    return _described({"type": "array", "items": items}, says)


def mapped(values: Schema, says: str = "", **more: Any) -> Schema:
    """An object of any names whose values are of one kind."""
    return _described({"type": "object", "additionalProperties": values, **more}, says)


def maybe(schema: Schema) -> Schema:
    """The same, or ``null`` where it is not known or there is none."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    either = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*types, "null"], **either}


def record(says: str, members: Mapping[str, Schema], optional: Iterable[str] = (), more: bool = False) -> Schema:
    """An object of these members.

    :param optional: those that may be missing.
    :param more: whether there may be others.
    """
    missing = set(optional)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": dict(members),
        "required": [name for name in members if name not in missing],
    }
    if not schema["required"]:
        del schema["required"]
    return _described({**schema, "additionalProperties": more}, says)


def said(says: str, schema: Schema) -> Schema:
    """A schema, with what it means in this place."""
    return {**schema, "description": says}


def whole_or_text(says: str, most: int, pattern: str) -> Schema:
    """A whole number from 1 on, as such or as a text."""
    return {"description": says, "type": ["integer", "string"], "minimum": 1, "maximum": most, "pattern": pattern}


def _described(schema: Schema, says: str) -> Schema:
    return {"description": says, **schema} if says else schema


# Answers.

JSON = "application/json"
LINE = "text/plain"
EVENTS = "text/event-stream"
PROBLEM = "application/problem+json"


def as_json(says: str, schema: Schema, **headers: str) -> Reply:
    """A JSON document."""
    return Reply(says, {JSON: schema}, _named(headers))


def as_line(says: str, **headers: str) -> Reply:
    """One line of text."""
    return Reply(says, {LINE: text()}, _named(headers))


def nothing(says: str, **headers: str) -> Reply:
    """No body."""
    return Reply(says, {}, _named(headers))


def _named(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


# Parameters that several routes have.

PREFER = Parameter(
    "Prefer", "`wait=N` (RFC 7240): how many seconds one is content to wait, 300 at most", text(examples=["wait=10"])
)
IF_NONE_MATCH = Parameter("If-None-Match", "the `ETag` that one has already; `*` is any", text(examples=['"17"']))
IF_MATCH = Parameter(
    "If-Match", "the `ETag` of what is to be changed", text(pattern=r'^("[0-9]{1,18}"|\*)$', examples=['"17"'])
)
TRACE = Parameter("traceparent", "the trace that what comes of it belongs to (W3C Trace Context)", text())
LAST_EVENT = Parameter("Last-Event-ID", "where a stream goes on: the number of the last event that one has", text())
ACCEPTED = "Where it is to be found."
REVISION_TAG = "Its revision in quotation marks."

SCALAR: Schema = {"type": ["string", "number", "boolean"]}
COUNT = whole(least=0)
NULLABLE_TEXT = maybe(text())
GUID = text("32 lower-case hexadecimal digits", pattern="^[0-9a-f]{32}$")


def optional_flag(name: str, says: str) -> Parameter:
    """A parameter that is a yes or a no."""
    return Parameter(name, says, text(enum=["1", "0", "yes", "no", "true", "false"]))


def labels(says: str) -> Parameter:
    """A parameter that chooses by labels."""
    return Parameter("label", f"{says} `NAME` or `NAME=VALUE`", text(), many=True)
