"""What the guardian says, in the format of the log, as far as somebody hears it."""

from __future__ import annotations

import os
import time
from contextlib import suppress

__all__ = ["hush", "report", "speak_as", "speak_to"]

_NAME = "proactor.guardian"
_PLACES = (1, 2)

_format = "text"


def speak_as(name: str) -> None:
    """Write in a format of the log from now on: ``json``, or text."""
    global _format  # noqa: PLW0603 - of this process, as its standard error is
    _format = name


def report(level: str, message: str) -> None:
    """Write a line to standard error."""
    now = time.time()
    line = (_as_json if _format == "json" else _as_text)(now, int(now % 1 * 1000), level, message)
    with suppress(OSError):
        os.write(2, f"{line}\n".encode())


def _as_text(now: float, milliseconds: int, level: str, message: str) -> str:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    return f"{stamp},{milliseconds:03} {level:7}|{os.getpid()}|{_NAME}|{message}"


def _as_json(now: float, milliseconds: int, level: str, message: str) -> str:
    import json  # noqa: PLC0415 - most guardians never say a word

    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{milliseconds:03}Z"
    return json.dumps({"time": stamp, "level": level, "pid": os.getpid(), "namespace": _NAME, "message": message})


def speak_to(file: int) -> None:
    """Write there from now on, and close the descriptor."""
    for place in _PLACES:
        os.dup2(file, place)
    os.close(file)


def hush() -> None:
    """Let go of where it wrote to: whoever reads that waits for its end."""
    speak_to(os.open(os.devnull, os.O_RDWR))
