"""What is asked, in values: a request read once, so that no handler sees it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from attrs import field, frozen
from twisted.web.http_headers import Headers

from ..errors import Malformed, Overtaken, Refused, UnsupportedCoding, UnsupportedType
from ..messaging.cloudevents import STRUCTURED, from_headers, read_object
from .callers import Caller
from .table import Body

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)
_ETAG = re.compile(r'(?:W/)?"([^"]*)"')
#: The tag of a configuration as a processor fetches it: its revision, and what it is told of others' tokens.
_FETCHED = re.compile(r"([0-9]{1,18})(?:\.([0-9a-f]{1,32}))?")
_FIELDS = 1000

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MERGE_PATCH = "application/merge-patch+json"
#: The instance manipulation (RFC 3229) by which what changed is told.
DELTA = "merge-patch"

#: The media types that are read.
TYPES: Mapping[Body, tuple[str, ...]] = {
    Body.NONE: (),
    Body.FORM: (FORM, JSON),
    Body.JSON: (JSON,),
    Body.MERGE_PATCH: (MERGE_PATCH, JSON, FORM),
    Body.EVENT: (STRUCTURED, "*/*"),
}


@frozen
class Sent:
    """A body as it is, with what its headers say of it.

    :param attributes: those of a CloudEvent that are headers, without what they begin with.
    """

    data: bytes = field(repr=False)
    content_type: str | None = None
    attributes: Mapping[str, str | bool | int] = field(factory=dict)


@frozen
class Call:
    """One request.

    :param path: the parameters in its path.
    :param query: name to values.
    :param body: the object that was sent; a form's fields have lists of texts.
    :param is_form: whether a form was sent.
    :param wait: seconds that the caller is content to wait (RFC 7240); ``None`` where it did not say.
    :param if_none_match: revisions that the caller has; if_match: the one that it changes (RFC 9110, 13.1).
    :param wants_json: whether it asked for JSON in so many words.
    """

    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, list[str]] = field(factory=dict)
    body: Mapping[str, Any] = field(factory=dict, repr=False)
    is_form: bool = False
    #: Where any body is read.
    sent: Sent = Sent(b"")
    wait: float | None = None
    if_none_match: frozenset[int] = frozenset()
    #: The newest configuration that a processor has, by revision and trust.
    fetched: tuple[int | None, str | None] = (None, None)
    if_match: int | None = None
    wants_json: bool = False
    #: Whether it asked for server-sent events, and the last that it has.
    wants_events: bool = False
    last_event: int | None = None
    #: Whether what changed will do where it has the rest (RFC 3229).
    wants_delta: bool = False

    def known(self, *names: str) -> None:
        """See that the query has no other names than these.

        :raises Malformed: it has; names it.
        """
        for name in self.query:
            if name not in names:
                there_are = f"there are: {', '.join(names)}" if names else "there are none here"
                raise Malformed(f"unknown query parameter {name[:64]!r}; {there_are}")

    def one(self, name: str) -> str | None:
        """A query parameter that is there once, or not.

        :raises Malformed: it is there more than once.
        """
        values = self.query.get(name, [])
        if len(values) > 1:
            raise Malformed(f"the query parameter {name!r} is there more than once: say it once")
        return values[0] if values else None


def wait(headers: Headers) -> float | None:
    """The ``wait`` of a ``Prefer`` header (RFC 7240), in seconds."""
    found = _WAIT.search(_joined(headers, b"Prefer"))
    return None if found is None else float(found[1])


def if_none_match(headers: Headers) -> frozenset[int]:
    """The revisions of an ``If-None-Match`` header; tags that are not ours match nothing."""
    tags = _ETAG.findall(_joined(headers, b"If-None-Match"))
    return frozenset(int(tag) for tag in tags if _is_revision(tag))


def is_known(headers: Headers, etag: str) -> bool:
    """Whether an ``If-None-Match`` header has that tag; ``*`` is any (RFC 9110, 13.1.2)."""
    text = _joined(headers, b"If-None-Match")
    return text.strip() == "*" or etag.strip('"') in _ETAG.findall(text)


def fetched(headers: Headers) -> tuple[int | None, str | None]:
    """What an ``If-None-Match`` header says of a configuration that was fetched: ``"17.TRUST"``, or ``"17"``."""
    tags = map(_FETCHED.fullmatch, _ETAG.findall(_joined(headers, b"If-None-Match")))
    return max(((int(tag[1]), tag[2]) for tag in tags if tag is not None), key=lambda tag: tag[0], default=(None, None))


def if_match(headers: Headers) -> int | None:
    """The revision of an ``If-Match`` header; ``None`` where there is none, or ``*``.

    :raises Malformed: it is not one entity tag.
    :raises Overtaken: it is one that is not of ours.
    """
    text = _joined(headers, b"If-Match").strip()
    if text in ("", "*"):
        return None
    found = _ETAG.fullmatch(text)
    if found is None:
        raise Malformed('If-Match is not of the form: "REVISION"')
    # A weak tag matches nothing where something is to be changed.
    if text.startswith("W/") or not _is_revision(found[1]):
        raise Overtaken('If-Match holds no revision of ours; it is of the form: "REVISION"')
    return int(found[1])


def wants_events(headers: Headers) -> bool:
    """Whether a stream of events was asked for."""
    return "text/event-stream" in _joined(headers, b"Accept").lower()


def last_event(headers: Headers) -> int | None:
    """The number of a ``Last-Event-ID`` header; one that is not ours is none."""
    text = _joined(headers, b"Last-Event-ID").strip()
    return int(text) if _is_revision(text) else None


def wants_delta(headers: Headers) -> bool:
    """Whether what changed since is taken in place of the whole: as a merge patch (RFC 3229, RFC 7396)."""
    tokens = _joined(headers, b"A-IM").lower().split(",")
    return DELTA in (token.partition(";")[0].strip() for token in tokens)


def _is_revision(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _joined(headers: Headers, name: bytes) -> str:
    values = headers.getRawHeaders(name)
    return "" if values is None else ",".join(value.decode("latin-1") for value in values)


def query(raw: bytes) -> dict[str, list[str]]:
    """The query of a URL, by name."""
    return _fields(raw, "the query")


def _fields(raw: bytes, what: str) -> dict[str, list[str]]:
    if raw.count(b"&") >= _FIELDS:
        raise Malformed(f"{what} has more than {_FIELDS} fields")
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise Malformed(f"{what} is not URL-encoded UTF-8") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def body(kind: Body, headers: Headers, data: bytes) -> tuple[dict[str, Any], bool]:
    """A request's body as an object, and whether a form was sent. No body is an empty object.

    :raises UnsupportedType: it is of a type that is not read here, or in a coding.
    :raises Malformed: it is not what its type says.
    """
    if not data or kind is Body.EVENT:
        return {}, False
    accepted = TYPES[kind]
    if not accepted:
        raise Malformed("no body is read here: send none")
    _check_coding(headers)
    type_, _, parameters = _joined(headers, b"Content-Type").partition(";")
    type_ = type_.strip().lower()
    if type_ not in accepted:
        raise UnsupportedType(f"a body of type {type_[:100] or 'unknown'} is not read here: {_remedy(accepted)}")
    if "charset" in parameters.lower() and "utf-8" not in parameters.lower():
        raise UnsupportedType("a body is read in UTF-8 alone")
    if type_ == FORM:
        if data.lstrip()[:1] in (b"{", b"["):
            raise Malformed(f"this looks like JSON and came as a form: add -H 'Content-Type: {JSON}'")
        return dict(_fields(data, "the form")), True
    return read_object(data), False


def sent(kind: Body, headers: Headers, data: bytes) -> Sent:
    """A request's body as it is, where that is wanted.

    :raises UnsupportedCoding: it is in a coding.
    :raises Malformed: a header of a CloudEvent is there twice, or not what it must be.
    """
    if kind is not Body.EVENT:
        return Sent(b"")
    _check_coding(headers)
    texts = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, values in headers.getAllRawHeaders()
        for value in values
    ]
    return Sent(data, _joined(headers, b"Content-Type").strip() or None, from_headers(texts))


def _check_coding(headers: Headers) -> None:
    """See that a body is as it is (RFC 9110, 8.4).

    :raises UnsupportedCoding: it is compressed, or in another coding.
    """
    codings = {coding.strip().lower() for coding in _joined(headers, b"Content-Encoding").split(",")}
    if other := codings - {"", "identity"}:
        raise UnsupportedCoding(f"a body in the coding {min(other)[:100]} is not read here: send it without any")


def _remedy(accepted: tuple[str, ...]) -> str:
    return "send " + " or ".join(f"Content-Type: {name}" for name in accepted)


def flag(call: Call, name: str, default: bool) -> bool:
    """A query parameter that is a yes or a no.

    :raises Refused: it is something else.
    """
    value = call.one(name)
    words = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}
    if value is None:
        return default
    if value.lower() not in words:
        raise Refused(f"{name}: must be yes or no")
    return words[value.lower()]
