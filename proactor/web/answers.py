"""What a handler gives back, in values."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from attrs import field, frozen

from ..wire.problems import phrase


@frozen
class Answer:
    """An answer.

    :param body: of type ``content_type``.
    """

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = field(factory=dict)
    #: What comes piece by piece, in place of a body.
    stream: AsyncIterator[bytes] | None = None
    #: Whether it is news also for who has what its ``ETag`` is of.
    is_news: bool = False


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A JSON document, with a line feed at its end for those who read it in a terminal."""
    return as_json_text(json_text(value), status, headers)


def json_text(value: Any) -> str:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def as_json_text(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A JSON document that is text already."""
    return Answer(status, f"{text}\n".encode("utf-8", "surrogatepass"), "application/json", headers or {})


def as_line(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    """One line, such as ``201: Created``."""
    return Answer(status, f"{status}: {phrase(status)}\n".encode(), "text/plain; charset=utf-8", headers or {})


def nothing(status: int = 204, headers: Mapping[str, str] | None = None) -> Answer:
    """No body."""
    return Answer(status, headers=headers or {})


def etag(revision: int) -> dict[str, str]:
    """The header that names a revision (RFC 9110, 8.8.3)."""
    return {"ETag": f'"{revision}"'}
