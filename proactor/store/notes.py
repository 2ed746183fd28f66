"""What was noted and waits for room: of it only that is kept which will still say something."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ..saved import AddEvent, DropMessage, PutDocument, PutJob, PutMessage, PutRollout, PutValue, Write
from .database import Batch

MOST = 20_000
"""Writes that wait, before they are looked through."""

_EVENTS = 10_000


def thinned(batches: Sequence[Batch], events: int = _EVENTS) -> list[Batch]:
    """Without what is overwritten by a later one, and the newest events alone.

    :param batches: of one write each.
    """
    seen: set[Hashable] = set()
    kept: list[Batch] = []
    for batch in reversed(batches):
        (write,) = batch.writes
        if isinstance(write, AddEvent):
            events -= 1
            if events < 0:
                continue
        key = _key(write)
        if key is None or key not in seen:
            seen.add(key)
            kept.append(batch)
    return kept[::-1]


def _key(write: Write) -> Hashable:
    """What it says something of that a later one of the same kind says anew; ``None`` where there is no such thing."""
    match write:
        case PutJob():
            return PutJob, write.job.guid
        case PutMessage() | DropMessage():
            return PutMessage, write.message.number if isinstance(write, PutMessage) else write.number
        case PutRollout():
            return PutRollout, write.id
        case PutValue():
            return PutValue, write.name
        case PutDocument():
            return PutDocument
        case _:
            return None
