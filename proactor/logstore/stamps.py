"""Times: those that an operator asks for, and those at the beginnings of lines."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from ..errors import Malformed

__all__ = ["moment", "since"]

_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")

# A plus sign that was not quoted for a URL arrives as a space.
_RFC_3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|[ +-][0-9]{2}:[0-9]{2})"
)

_STAMP = re.compile(
    rb'^(?:\{"time": ?")?([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})'
    rb"(?:[.,]([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})?",
    re.MULTILINE,
)


def _time(date: str, clock: str, fraction: str, zone: str) -> float:
    """Give the seconds since the epoch; a time without zone is local.

    :raises ValueError: there is no such date, or time.
    """
    when = datetime.fromisoformat(f"{date}T{clock}.{fraction[:6]:0<6}")
    if zone:
        when = when.replace(tzinfo=_zone(zone))
    return when.timestamp()


def _zone(text: str) -> timezone:
    if text in "Zz":
        return timezone.utc
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def moment(text: str, now: float) -> float:
    """Read a time that somebody asks for: RFC 3339 (``2026-11-24T18:04:16Z``), or how many seconds ago.

    :param now: and what is given, in seconds since the epoch.
    :raises Malformed: it is neither.
    """
    if _SECONDS.fullmatch(text):
        return now - float(text)
    found = _RFC_3339.fullmatch(text)
    try:
        if found is not None:
            return _time(found[1], found[2], found[3] or "", found[4])
    except (ValueError, OverflowError):
        found = None
    raise Malformed(f"{text[:64]!r} is no time: give one as in 2026-11-24T18:04:16Z, or how many seconds ago")


def since(text: bytes, when: float) -> bytes | None:
    """Give the lines from the first on that begins with a time not before ``when``; ``None``: no line has a time.

    Times are as in the logs of Proactor: local, or in JSON as in RFC 3339.
    """
    stamped = False
    for found in _STAMP.finditer(text):
        try:
            time = _time(*(part.decode("ascii") for part in found.groups(b"")))
        except (ValueError, OverflowError):
            continue
        if time >= when:
            return text[found.start() :]
        stamped = True
    return b"" if stamped else None
