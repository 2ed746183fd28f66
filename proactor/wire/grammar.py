"""What a request may look like, in a grammar that leaves nothing to guess: RFC 9112 without its leniencies.

Two readers of one request who guess differently are how requests are smuggled.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .problems import Problem

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") (/[!\"$-~]*) (HTTP/1\.[01])")
_HEADER_LINE = re.compile(rb"(" + _TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)")
_HOST = re.compile(rb"[][0-9A-Za-z.:_~%!$&'()*+,;=-]*")
_LENGTH = re.compile(rb"0*([0-9]{1,15})")


class Refused(Exception):
    """What has come is not a request that anybody answers: ends the reading of its connection.

    :ivar problem: what to tell the peer.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(status, detail)


def request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Return method, target and version of a request line (RFC 9112, 3): the target in origin-form alone.

    A method is what it is called to the letter (RFC 9110, 9.1), and there is none with a small one; what routes a
    request might take ``get`` for ``GET``.
    """
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise Refused(400, "the first line is not METHOD /PATH HTTP/1.1")
    method, target, version = match.groups()
    if method != method.upper():
        raise Refused(501, "there is no such method: methods are written in capitals")
    return method, target, version


def header_line(line: bytes) -> tuple[bytes, bytes]:
    """Return name, in lower case, and value of a header (RFC 9112, 5), which is not folded."""
    match = _HEADER_LINE.fullmatch(line)
    if match is None:
        raise Refused(400, "a header line is not NAME: VALUE")
    name, value = match.groups()
    return name.lower(), value.strip(b" \t")


def content_length(value: bytes) -> int:
    """Return the number of a ``Content-Length`` in bytes: digits and nothing else (RFC 9110, 8.6)."""
    if not (value.isdigit() and value.isascii()):
        raise Refused(400, "Content-Length is not a number of bytes")
    if len(value) > 15:
        raise Refused(413, "Content-Length is beyond all bounds")
    return int(value)


def transfer_encoding(value: bytes, version: bytes) -> None:
    """Let ``chunked`` pass alone, and from HTTP/1.1 on (RFC 9112, 6.1)."""
    if version != b"HTTP/1.1" or value.lower() != b"chunked":
        raise Refused(400, "Transfer-Encoding is anything but chunked")


def host(values: Sequence[bytes]) -> None:
    """Let exactly one well-formed ``Host`` pass (RFC 9112, 3.2)."""
    if len(values) != 1:
        raise Refused(400, "there must be exactly one Host")
    if _HOST.fullmatch(values[0]) is None:
        raise Refused(400, "Host is not a name or an address, and a port")
