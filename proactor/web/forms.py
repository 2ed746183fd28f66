"""Reading what an object holds, each member of its type: for bodies that came as JSON or as a form."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..errors import Malformed, Refused
from .calls import Call

_LONGEST = 64 * 1024


def known(body: Mapping[str, Any], names: Collection[str]) -> None:
    """See that there are no other members.

    :raises Refused: names the one that there is, and those that there may be.
    """
    for name in body:
        if name not in names:
            raise Refused(f"{name[:64]!r} is not known here; there are: {', '.join(names)}")


def plain(call: Call, groups: Collection[str], several: Collection[str] = ()) -> dict[str, Any]:
    """A call's body; of a form, each field's one text, and the fields ``group.name`` put together as objects.

    :param several: fields that may be there more than once: a list of all their texts.
    :raises Malformed: a field is there twice.
    """
    if not call.is_form:
        return dict(call.body)
    found: dict[str, Any] = {}
    grouped: dict[str, dict[str, str]] = {}
    for name, values in call.body.items():
        if name in several:
            found[name] = values
            continue
        if len(values) != 1:
            raise Malformed(f"the field {name[:64]!r} is there more than once")
        group, dot, member = name.partition(".")
        if dot and group in groups:
            grouped.setdefault(group, {})[member] = values[0]
        else:
            found[name] = values[0]
    # A field that is called like a group stays, as the text that no group is.
    return {**grouped, **found}


def text(body: Mapping[str, Any], name: str) -> str | None:
    """A text, or none.

    :raises Refused: it is something else.
    """
    value = body.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > _LONGEST):
        raise Refused(f"{name}: must be a text")
    return value


def whole(body: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    """A whole number, as such or as a text, or none.

    :raises Refused: it is something else, or out of its range.
    """
    value = body.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Refused(f"{name}: must be a whole number from {least} to {most}")
    return value


def texts(body: Mapping[str, Any], name: str) -> dict[str, str]:
    """An object of texts; numbers are written in the shortest way, flags as yes and no.

    :raises Refused: it is something else.
    """
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(f"{name}: must be an object of texts")
    return {key: as_text(f"{name}.{key}", member) for key, member in value.items()}


def as_text(name: str, value: object) -> str:
    """A JSON scalar as the configuration has it.

    :raises Refused: it is none.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        raise Refused(f"{name[:80]}: must be a text, a number, true or false")
    return value
