"""URLs of what listens at an address: for the initiator and processors. Plain."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["in_url", "is_base_url", "local_url", "url"]

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - these are what is not connected to


def in_url(host: str) -> str:
    """A name or an address as it stands before a port: that of IPv6 has colons of its own (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def url(scheme: str, host: str, port: int) -> str:
    """The URL of a port of a host, without a path."""
    return f"{scheme}://{in_url(host)}:{port}"


def local_url(address: str, port: int, scheme: str = "http") -> str:
    """The URL at which what listens at an address, or at all of them, is reached from this machine."""
    return url(scheme, _WILDCARDS.get(address, address), port)


def is_base_url(text: str) -> bool:
    """Whether it can stand before a path: ``http`` or ``https``, a host, and nothing behind its own path."""
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_whole and text.isascii() and not (parts.query or parts.fragment or parts.username or parts.password)
