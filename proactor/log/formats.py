"""What an event looks like in the log: a line of text, or a JSON object a line."""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from twisted.logger import LogEvent, LogLevel, eventAsText, formatEvent
from twisted.python.reflect import safe_str

from .last_words import LINE
from .levels import CONSOLE

__all__ = ["FORMATS"]

_LEVELS = {
    LogLevel.debug: "DEBUG",
    LogLevel.info: "INFO",
    LogLevel.warn: "WARNING",
    LogLevel.error: "ERROR",
    LogLevel.critical: "CRITICAL",
}

_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves a terminal's cursor, ends a line for any reader, reorders text, or is in no encoding; a tab is none."""


def _escape(text: str) -> str:
    """Show what could forge or hide a line (CWE-117) as Python would write it."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def _decode(value: str | bytes) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str.__str__(value)


def _traceback(event: LogEvent) -> list[str]:
    """Give the lines of the event's traceback; ``eventAsText`` copes with a failure that cannot tell its own."""
    if "log_failure" not in event:
        return []
    alone = {"log_format": "", "log_failure": event["log_failure"]}
    return eventAsText(alone, includeTimestamp=False, includeSystem=False).strip().split("\n")


def _says_nothing(event: LogEvent) -> bool:
    return event.get("log_format") is None and "log_failure" not in event


def _as_text(event: LogEvent) -> str:
    """Render an event as its line, or nothing; the traceback's lines are indented, so that none passes for an event."""
    if event.get("verbatim"):
        return _escape(_decode(event["line"]).rstrip("\r\n")) + "\n"
    if _says_nothing(event):
        return ""
    when = event["log_time"]
    asctime = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
    head = f"{asctime},{int(when * 1000) % 1000:03d} {_LEVELS[event['log_level']]:<7}|{os.getpid()}|"
    lines = [f"{head}{_escape(event['log_namespace'])}|{_escape(formatEvent(event))}"]
    lines += [f"  {_escape(line)}" for line in _traceback(event)]
    return "\n".join(lines) + "\n"


def _scalar(value: object) -> str | int | float | bool | None:
    """Give a field's value as JSON can have it: a scalar as it is, anything else as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, int) and abs(value) < 1 << 63:
        return int(value)
    return _decode(value) if isinstance(value, str | bytes) else safe_str(value)


def _fields(event: LogEvent) -> dict[str, Any]:
    """Pick the fields that the event's author gave; those of ``log.msg`` repeat what is in the message."""
    if event["log_namespace"] == "log_legacy":
        return {}
    return {key: _scalar(event[key]) for key in event if not key.startswith("log_")}


def _rfc3339(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _local(text: str) -> datetime | None:
    """Read a line's time, which has the form of one and may be none."""
    try:
        return datetime.fromisoformat(text.replace(",", ".")).astimezone(timezone.utc)
    except (OverflowError, ValueError):
        return None


def _echoed(event: LogEvent) -> dict[str, Any]:
    """Give the record of a line that a processor wrote.

    Time, level, pid and namespace are the line's own where it has our format, else those of its being shown, with
    the pid that the event has. ``echo`` tells it from what this process says itself.
    """
    text = _decode(event["line"]).rstrip("\r\n")
    record: dict[str, Any] = {
        "time": _rfc3339(datetime.fromtimestamp(event["log_time"], timezone.utc)),
        "level": _LEVELS[event["log_level"]],
        "pid": event.get("pid"),
        "namespace": CONSOLE,
        "message": text,
    }
    found = LINE.fullmatch(text)
    when = None if found is None else _local(found["when"])
    if found is not None and when is not None and found["level"] in _LEVELS.values():
        record["time"], record["level"], record["pid"] = _rfc3339(when), found["level"], int(found["pid"])
        record["namespace"], record["message"] = found["name"], found["text"]
    hidden = {"line", "pid", "verbatim"}
    return {**record, "echo": True, **{key: value for key, value in _fields(event).items() if key not in hidden}}


def _as_json(event: LogEvent) -> str:
    """Render an event as one JSON object (RFC 8259) in ASCII, time in RFC 3339.

    A field that is named like one of the record's own gets an underscore behind it: ``pid_`` is whom the event is
    about, ``pid`` who wrote it.
    """
    if event.get("verbatim"):
        return json.dumps(_echoed(event)) + "\n"
    if _says_nothing(event):
        return ""
    record: dict[str, Any] = {
        "time": _rfc3339(datetime.fromtimestamp(event["log_time"], timezone.utc)),
        "level": _LEVELS[event["log_level"]],
        "pid": os.getpid(),
        "namespace": event["log_namespace"],
        "message": formatEvent(event),
    }
    failure = _traceback(event)
    if failure:
        record["failure"] = "\n".join(failure)
    own = set(record)
    record.update({f"{key}_" if key in own else key: value for key, value in _fields(event).items()})
    return json.dumps(record) + "\n"


FORMATS: dict[str, Callable[[LogEvent], str]] = {"text": _as_text, "json": _as_json}
"""The ways to render an event, by the name that an operator gives."""
