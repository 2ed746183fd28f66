"""One launch as the fork server is told of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import asdict, frozen

__all__ = ["FILES", "Order"]

FILES = ("stdin", "log", "listening", "lock")
"""The descriptors that go with one, by name; there may be no lock."""


@frozen
class Order:
    """What to start.

    :param arguments: behind the module's name.
    :param fd: where the process finds its socket; its lock is behind that.
    """

    guid: str
    incarnation: int
    module: str
    python: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    fd: int
    nofile: int | None = None
    memory_mib: int | None = None
    nice: int | None = None
    folder: str | None = None
    umask: str | None = None
    user: str | None = None
    open_files: int | None = None

    def text(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Order:
        """From that line."""
        found: dict[str, Any] = json.loads(text)
        return cls(**found)
