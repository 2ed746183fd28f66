"""CloudEvents 1.0: what their attributes may be, and how they go over HTTP (the specification's HTTP and JSON parts).

Of the content modes the binary one and the structured one are known, batches are not.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from math import isfinite
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from attrs import field, frozen

from ..errors import Malformed, Refused

__all__ = [
    "BATCH",
    "BINARY",
    "JSON",
    "STRUCTURED",
    "TEXT",
    "CloudEvent",
    "check",
    "from_headers",
    "from_structured",
    "is_json",
    "is_media_type",
    "is_structured",
    "no_constant",
    "plain_type",
    "read_object",
    "read_time",
    "to_headers",
]

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"

#: How many characters the attributes of one event may have, names and values, as headers.
MOST_ATTRIBUTES = 8 * 1024
_PREFIX = "ce-"
_VERSION = "1.0"
_REQUIRED = ("id", "source", "type")

_NAME = re.compile("[a-z0-9]{1,64}")
_URI_REFERENCE = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:" + _URI_REFERENCE.pattern)
_WORD = r"[A-Za-z0-9!#$&^_.+-]+"
_MEDIA_TYPE = re.compile(rf'{_WORD}/{_WORD}(\s*;\s*{_WORD}=({_WORD}|"[^"\\\x00-\x1f\x7f]*"))*')
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d):(\d\d)(?:\.(\d{1,30}))?(?:[Zz]|([+-]\d\d:\d\d))", re.ASCII)
_MEMBER = re.compile(r"[\x20\x22\x25]|[^\x21-\x7e]")

# What a String may not hold (specification, type system).
_WRONG = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef]")

#: What an attribute may be: a String, a Boolean, an Integer; the other types are texts.
Value = str | bool | int


@frozen
class CloudEvent:
    """One event.

    :param attributes: all that are set, those of the specification and extensions; ``datacontenttype`` among them.
    :param data: as it is; none: there is no difference to empty data.
    """

    attributes: Mapping[str, Value]
    data: bytes = field(default=b"", repr=False)

    def text(self, name: str) -> str | None:
        """One attribute as text, or none."""
        value = self.attributes.get(name)
        return None if value is None else as_text(value)


def as_text(value: Value) -> str:
    """An attribute in its canonical form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def plain_type(content_type: str | None) -> str:
    """A media type without its parameters, in lower case; the empty text where there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def is_media_type(text: str) -> bool:
    """Whether a text is a media type (RFC 2046)."""
    return _MEDIA_TYPE.fullmatch(text) is not None


def is_json(content_type: str | None) -> bool:
    """Whether a media type says that there is JSON."""
    plain = plain_type(content_type)
    return plain in (JSON, "text/json") or plain.endswith("+json")


def is_structured(content_type: str | None) -> bool:
    """Whether a media type says that the body is a whole event."""
    return plain_type(content_type) == STRUCTURED


# What is right.


def read_time(text: str) -> datetime | None:
    """A time of RFC 3339, aware; ``None`` where it is none. What is finer than a microsecond is cut off."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    day, minutes, seconds, fraction, zone = found.groups()
    # A leap second is the last one that there is otherwise.
    seconds = min(seconds, "59") if seconds == "60" else seconds
    micro = (fraction or "")[:6].ljust(6, "0")
    try:
        return datetime.fromisoformat(f"{day}T{minutes}:{seconds}.{micro}{zone or '+00:00'}").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def check(attributes: Mapping[str, Any]) -> None:
    """See that attributes are as CloudEvents 1.0 has them.

    :raises Refused: names the first that is not, and what would be right.
    """
    if attributes.get("specversion") != _VERSION:
        raise Refused(f"specversion: must be {_VERSION!r}")
    for name in _REQUIRED:
        if not attributes.get(name):
            raise Refused(f"{name}: must be there, and not be empty")
    size = 0
    for name, value in attributes.items():
        _check_name(name)
        _check_value(name, value)
        size += len(name) + len(as_text(value))
    for name, (form, right) in _FORMS.items():
        if name in attributes and form.fullmatch(str(attributes[name])) is None:
            raise Refused(f"{name}: must be {right}")
    for name in ("time", "expirytime"):
        if name in attributes and read_time(str(attributes[name])) is None:
            raise Refused(f"{name}: must be a time as of RFC 3339, like 2026-11-24T12:00:00Z")
    if size > MOST_ATTRIBUTES:
        raise Refused(f"the attributes have {size} characters together, and may have {MOST_ATTRIBUTES}")


_FORMS = {
    "source": (_URI_REFERENCE, "a URI reference (RFC 3986)"),
    "dataschema": (_URI, "a URI (RFC 3986)"),
    "datacontenttype": (_MEDIA_TYPE, "a media type, like application/json"),
    "subject": (re.compile(".+", re.DOTALL), "a text that is not empty"),
}


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None or name == "data":
        raise Refused(f"{name[:64]!r} is no name of an attribute: lower-case letters and digits are right")


def _check_value(name: str, value: object) -> None:
    if isinstance(value, bool):
        right = name not in _TEXTS
    elif isinstance(value, int):
        right = name not in _TEXTS and -(2**31) <= value < 2**31
    else:
        right = isinstance(value, str) and _WRONG.search(value) is None
    if not right:
        kinds = "a text" if name in _TEXTS else "a text, true or false, or a whole number of 32 bits"
        raise Refused(f"{name}: must be {kinds}, without control characters")


_TEXTS = frozenset({*_REQUIRED, *_FORMS, "specversion", "time", "expirytime"})


# Over HTTP.


def from_headers(headers: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """The attributes that headers have in the binary mode, by lower-case names without their prefix.

    :raises Malformed: one is there twice, or is not percent-encoded UTF-8.
    """
    found: dict[str, Value] = {}
    for header, value in headers:
        name = header.lower()
        if name.startswith(_PREFIX):
            name = name[len(_PREFIX) :]
            if name in found:
                raise Malformed(f"the header {_PREFIX}{name[:64]} is there more than once")
            found[name] = _decoded(name, value.strip())
    return found


def _decoded(name: str, value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode("utf-8")
    except UnicodeError:
        raise Malformed(f"the header {_PREFIX}{name[:64]} is not UTF-8, percent-encoded") from None


def to_headers(attributes: Mapping[str, Value]) -> list[tuple[str, str]]:
    """Attributes as headers of the binary mode; ``datacontenttype`` is ``Content-Type`` there."""
    return [
        ("content-type", as_text(value)) if name == "datacontenttype" else (f"{_PREFIX}{name}", _encoded(value))
        for name, value in attributes.items()
    ]


def _encoded(value: Value) -> str:
    return _MEMBER.sub(lambda found: quote(found[0], safe=""), as_text(value))


def from_structured(body: Mapping[str, Any]) -> CloudEvent:
    """An event of the structured mode, of JSON that is read already.

    :raises Refused: a member is not what it must be.
    """
    attributes = {
        name: value for name, value in body.items() if value is not None and name not in ("data", "data_base64")
    }
    kind = attributes.get("datacontenttype")
    if kind is not None and not isinstance(kind, str):
        raise Refused("datacontenttype: must be a text")
    data, base64 = body.get("data"), body.get("data_base64")
    if base64 is not None:
        if data is not None:
            raise Refused("data and data_base64: there can be one of them alone")
        return CloudEvent(attributes, _from_base64(base64))
    if data is None:
        return CloudEvent(attributes)
    if kind is None or is_json(kind):
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return CloudEvent({**attributes, "datacontenttype": kind or JSON}, _utf8(text))
    if not isinstance(data, str):
        raise Refused(f"data: must be a text, as {kind[:100]} is not JSON")
    return CloudEvent(attributes, _utf8(data))


def _from_base64(text: object) -> bytes:
    try:
        return b64decode(text, validate=True) if isinstance(text, str) else b64decode(b"?", validate=True)
    except (NoBase64, ValueError):
        raise Refused("data_base64: must be a text in base64") from None


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused("data: holds half of a surrogate pair") from None


def read_object(data: bytes) -> dict[str, Any]:
    """A JSON object of bytes, read strictly.

    :raises Malformed: it is something else.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise Malformed("the body is not JSON that is read here: it begins with a byte order mark")
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=no_constant, parse_float=_finite, parse_int=_whole
        )
    except json.JSONDecodeError as e:
        raise Malformed(f"the body is not JSON: line {e.lineno}, column {e.colno}: {e.msg}") from None
    except RecursionError:
        raise Malformed("the body is not JSON that is read here: it is nested too deep") from None
    except ValueError as e:
        raise Malformed(f"the body is not JSON that is read here: {e}") from None
    if not isinstance(value, dict):
        raise Malformed("the body is JSON, but not an object: {...}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name is there twice in one object")
    return names


def no_constant(name: str) -> Any:
    """For ``json.loads``: NaN and infinity, which Python reads and writes, are in no JSON (RFC 8259, 6)."""
    raise ValueError(f"{name} is not a JSON value")


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        # Python's own words on its limit are for who runs a program, and not for who sends it a number.
        raise ValueError(f"{text[:20]}... is a number of too many digits, {len(text.lstrip('-'))}") from None


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value
