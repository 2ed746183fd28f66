"""JSON as values: each class says by its annotations what a record must have."""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs

from .errors import Unintelligible

__all__ = ["read", "read_many"]

T = TypeVar("T")
_Reader = Callable[[Any, str], Any]

#: The attribute that keeps the whole record as it came, with what this version does not know.
RECORD = "record"


def read(cls: type[T], record: Any, where: str = "the answer") -> T:
    """A record as a value.

    :param where: what it is, for the message.
    :raises Unintelligible: it is none; says which member is at fault.
    """
    if not isinstance(record, Mapping):
        raise Unintelligible(f"{where} is no JSON object")
    values: dict[str, Any] = {}
    for name, key, reader, needed in _members(cast(Hashable, cls)):
        if name == RECORD:
            values[name] = record
        elif key in record:
            values[name] = reader(record[key], f"{key} of {where}")
        elif needed:
            raise Unintelligible(f"{where} has no {key}")
    return cls(**values)


def read_many(cls: type[T], records: Any) -> list[T]:
    """A list of records as values.

    :raises Unintelligible: it is none.
    """
    if not isinstance(records, list):
        raise Unintelligible("the answer is no JSON list")
    return [read(cls, record, f"number {number} of the answer") for number, record in enumerate(records, start=1)]


@cache
def _members(cls: Any) -> Sequence[tuple[str, str, _Reader, bool]]:
    """Of each attribute: its name, the record's, what reads it, whether it must be there."""
    hints = get_type_hints(cls)
    return [
        (each.name, each.name.rstrip("_"), _reader(hints[each.name]), each.default is attrs.NOTHING)
        for each in attrs.fields(cls)
    ]


def _reader(hint: Any) -> _Reader:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (_reader(each) for each in arguments if each is not type(None))
        return lambda value, where: None if value is None else inner(value, where)
    if hint is Any:
        return lambda value, _where: value
    if origin is not None and issubclass(origin, Mapping):
        inner = _reader(arguments[1])
        return lambda value, where: {
            name: inner(each, f"{name} of {where}") for name, each in _checked(value, dict, where).items()
        }
    if origin is not None:
        inner = _reader(arguments[0])
        return lambda value, where: tuple(inner(each, where) for each in _checked(value, list, where))
    if attrs.has(hint):
        return lambda value, where: read(hint, value, where)
    return _time if hint is datetime else lambda value, where: _scalar(value, hint, where)


def _scalar(value: Any, kind: type, where: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    return _checked(value, kind, where)


def _checked(value: Any, kind: type, where: str) -> Any:
    if type(value) is not kind:
        raise Unintelligible(f"{where} is {type(value).__name__}, not {kind.__name__}")
    return value


def _time(value: Any, where: str) -> datetime:
    try:
        return datetime.fromisoformat(_checked(value, str, where).replace("Z", "+00:00"))
    except ValueError:
        raise Unintelligible(f"{where} is no time") from None
