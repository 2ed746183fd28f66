"""What happened, as an initiator's client reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen


@frozen
class Event:
    """One thing that happened.

    :param guid: to which processor; ``None``: to none in particular.
    :param because: the number of the event that led to it.
    """

    id: int
    time: datetime
    event: str
    guid: str | None
    cause: str
    because: int | None
    actor: str
    module: str | None = None
    trace: str | None = None
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)
