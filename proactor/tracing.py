"""Trace context (W3C): which requests, changes and log lines belong together."""

from __future__ import annotations

import re
from secrets import token_hex

__all__ = ["HEADER", "trace_of", "traceparent"]

HEADER = "traceparent"

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
#: As one that has a fourth part may have more of them, but not in the version that is known.
_KNOWN = "00"
_LONGEST = 512


def trace_of(text: str | None) -> str | None:
    """The trace that a ``traceparent`` names; ``None`` where that is none, which is no error."""
    found = _FORM.fullmatch(text.strip()) if text is not None and len(text) < _LONGEST else None
    if found is None or (found[2] is not None and found[0].startswith(_KNOWN)):
        return None
    return found[1]


def traceparent(trace: str) -> str:
    """The ``traceparent`` to hand a trace on with."""
    return f"{_KNOWN}-{trace}-{token_hex(8)}-01"
