"""Who is ready, and who may ask, as an initiator's client reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen


@frozen
class Endpoint:
    """A processor that is ready."""

    guid: str
    module: str
    labels: Mapping[str, str]
    url: str
    incarnation: int
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class Token:
    """A token of operators that has a name; ``expires`` is ``None`` for never."""

    name: str
    scopes: Sequence[str]
    created: datetime
    expires: datetime | None
    actor: str
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class NewToken(Token):
    """The same, with the token itself: it is told once."""

    token: str = field(default="", repr=False)
