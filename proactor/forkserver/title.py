"""The command line of a process, as ps(1) shows it: of a forked one it would be that of its parent.

It is written over the one that the kernel reads (proc(5), stat, fields 48 and 49), which has room for as much as there
was. The environment behind it stays, for by that processes are found.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

__all__ = ["PADDING", "set_title"]

PADDING = "-" * 400
"""An argument that makes room."""

_PR_SET_MM, _PR_SET_MM_ARG_END = 35, 9


def set_title(argv: Sequence[str]) -> None:
    """Have a command line shown; nothing where the kernel does not tell where it is kept."""
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
        start, end = int(fields[45]), int(fields[46])
    except (OSError, IndexError, ValueError):
        return
    if not 0 < start < end:
        return
    text = b"\0".join(argument.encode("utf-8", "surrogateescape") for argument in argv) + b"\0"
    text = text[: end - start - 1] + b"\0"
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, text, len(text))
    # Without the right to, what is left of the room is shown as spaces.
    ctypes.CDLL(None).prctl(
        _PR_SET_MM, _PR_SET_MM_ARG_END, ctypes.c_ulong(start + len(text) - 1), ctypes.c_ulong(0), ctypes.c_ulong(0)
    )
