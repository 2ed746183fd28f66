"""How much an initiator logs, as its client reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen


@frozen
class LevelOfNamespace:
    """How much is logged below a namespace; ``until`` then it goes back by itself."""

    level: str
    until: datetime | None


@frozen
class LogLevel:
    """How much an initiator logs in general, and below the namespaces that have levels of their own.

    :param default: the general one by its start.
    """

    level: str
    until: datetime | None
    default: str
    namespaces: Mapping[str, LevelOfNamespace]
    record: Mapping[str, Any] = field(repr=False)
