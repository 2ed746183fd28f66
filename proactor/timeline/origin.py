"""What leads to what is done at this moment: it comes along with the work, through everything that waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from attrs import frozen

from .timeline import Event


@frozen
class Origin:
    """Where some work comes from.

    :param event: that led to it; ``None`` where somebody asked for it.
    :param trace: of the request that it all began with, where that had one (W3C Trace Context).
    """

    event: Event | None = None
    trace: str | None = None


_NONE = Origin()
_ORIGIN: ContextVar[Origin] = ContextVar("origin")


def origin() -> Origin:
    """Where what is done now comes from."""
    return _ORIGIN.get(_NONE)


@contextmanager
def because(event: Event | None, trace: str | None = None) -> Iterator[None]:
    """Have what is done, and what that begins, come from an event."""
    before = origin()
    _ORIGIN.set(Origin(event, event.trace if event is not None and trace is None else trace))
    try:
        yield
    finally:
        # Not reset by a token: what is dropped while it waits is closed elsewhere.
        _ORIGIN.set(before)
