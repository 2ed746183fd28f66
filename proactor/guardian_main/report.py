"""What the guardian says, in the format of the log, as far as somebody hears it."""

from __future__ import annotations

import os
import time
from contextlib import suppress

__all__ = ["hush", "report", "speak_to"]

_PLACES = (1, 2)


def report(level: str, message: str) -> None:
    """Write a line to standard error."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    line = f"{stamp},{int(now % 1 * 1000):03} {level:7}|{os.getpid()}|proactor.guardian|{message}\n"
    with suppress(OSError):
        os.write(2, line.encode())


def speak_to(file: int) -> None:
    """Write there from now on, and close the descriptor."""
    for place in _PLACES:
        os.dup2(file, place)
    os.close(file)


def hush() -> None:
    """Let go of where it wrote to: whoever reads that waits for its end."""
    speak_to(os.open(os.devnull, os.O_RDWR))
