"""Values as JSON text, and back by the annotations of their classes; sums by which a row is known to be whole."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime, timezone
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from attrs import fields, has

T = TypeVar("T")


def to_text(value: object, *without: str) -> str:
    """JSON on one line, in ASCII.

    :param without: fields that are kept elsewhere.
    :raises TypeError: there is something in it that JSON does not know.
    :raises ValueError: a time has no time zone, or a number is none.
    """
    plain = _fields(value, without) if has(type(value)) else value
    return json.dumps(plain, default=_plain, separators=(",", ":"))


def _fields(value: Any, without: Sequence[str] = ()) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in fields(type(value)) if each.name not in without}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} is in no time zone")
        return value.astimezone(timezone.utc).isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    if has(type(value)):
        return _fields(value)
    raise TypeError(f"a {type(value).__name__} is not JSON")


def from_text(kind: type[T], text: str, **more: object) -> T:
    """A value of a class, of what :func:`to_text` wrote; sequences come back as tuples.

    :param more: the fields that were kept elsewhere.
    :raises TypeError, ValueError, KeyError: it is no such value.
    """
    return from_plain(kind, json.loads(text), **more)


def from_plain(kind: type[T], plain: Mapping[str, Any], **more: object) -> T:
    """The same of what that text is in Python."""
    readers = _readers(cast(Hashable, kind))
    return kind(**{name: readers[name](value) for name, value in plain.items()}, **more)


@cache
def _readers(kind: Hashable) -> Mapping[str, Callable[[Any], Any]]:
    hints = get_type_hints(kind)
    return {each.name: _reader(hints[each.name]) for each in fields(cast(type[Any], kind))}


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """What makes a value of a type of what JSON has in its place."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (inner,) = (each for each in arguments if each is not NoneType)
        return partial(_optional, _reader(inner))
    if origin is tuple and Ellipsis not in arguments:
        return tuple
    if origin in (Sequence, tuple):
        return partial(_sequence, _reader(arguments[0]))
    if kind is datetime:
        return datetime.fromisoformat
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return partial(from_plain, kind) if has(kind) else _same


def _optional(read: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else read(value)


def _sequence(read: Callable[[Any], Any], values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(map(read, values))


def _same(value: Any) -> Any:
    return value


def checksum(*columns: str | int | bytes | None) -> int:
    """Of the columns of a row, in order.

    :raises UnicodeError: one is no text.
    """
    found = 0
    for each in columns:
        data = each if isinstance(each, bytes) else str(each).encode("utf-8")
        found = zlib.crc32(b"\0" + data, found)
    return found
