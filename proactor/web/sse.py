"""Server-sent events (WHATWG HTML, 9.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

TYPE = "text/event-stream"

#: After so many seconds without an event its readers are told that we are still there.
HEARTBEAT = 15.0


def event(kind: str, data: Mapping[str, Any], id_: int | None = None) -> bytes:
    """One event; its number is where its reader goes on when it comes back."""
    number = "" if id_ is None else f"id: {id_}\n"
    return f"{number}event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def still_there(id_: int | None = None) -> bytes:
    """Nothing happened that its reader is to be told of; it may go on after that number."""
    return b": still there\n\n" if id_ is None else f": still there\nid: {id_}\n\n".encode()
