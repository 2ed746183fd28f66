"""How large what a processor is told may be: all of it comes in one answer, whenever any of it changes."""

from __future__ import annotations

import json
from collections.abc import Mapping

__all__ = ["MOST_FETCHED", "MOST_SECTION", "extent"]

#: What the options of one processor come to at most, as JSON, in bytes.
MOST_SECTION = 512 * 1024
#: What a processor reads of an answer, in bytes: besides its options there are a token, and whose tokens are revoked,
#: which may be those of many.
MOST_FETCHED = 4 * MOST_SECTION


def extent(values: Mapping[str, str]) -> int:
    """How many bytes options are, with their names, on their way to a processor."""
    return len(json.dumps(dict(values), ensure_ascii=False).encode("utf-8", "surrogatepass"))
