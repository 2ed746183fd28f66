"""What a bearer token may look like, whatever it says (RFC 6750, 2.1)."""

from __future__ import annotations

import re

__all__ = ["is_token"]

_TOKEN = re.compile(r"(?=.{1,8192}\Z)[A-Za-z0-9._~+/-]+=*")


def is_token(text: str) -> bool:
    """Whether a text can be one; anything else has no place in a request."""
    return _TOKEN.fullmatch(text) is not None
