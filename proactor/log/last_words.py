"""How a process ended, and what one that failed said of it, found among the last lines that it wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["ENDED_BY_ITSELF", "LINE", "last_words", "told"]

ENDED_BY_ITSELF = "exited with status "
"""With this begins the reason of an end that was the process's own, followed by its exit status."""

LINE = re.compile(
    r"(?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) "
    r"(?P<level>[A-Z]+) *\|(?P<pid>\d{1,10})\|(?P<name>[^|]*)\|(?P<text>.*)"
)
"""A line in our own format, as most processors write it."""

_GRAVE = ("WARNING", "ERROR", "CRITICAL")
_ERROR = re.compile(r"(?:  )?(?:builtins\.)?(?P<error>[A-Za-z_][\w.]*(?:: .*)?)")
"""The end of a traceback, as Python writes it, or as it stands below a line of ours."""
_SYNTAX = re.compile(r"(?:SyntaxError|IndentationError|TabError)\b(?!.*, line \d+\)$).*")
"""Where Python does not say in the same line where it is."""
_FILE = re.compile(r' *File "(?P<file>.+)", line (?P<line>\d+)')
"""Where a syntax error is: in no function yet."""


def told(code: int | None, reason: str, lines: Sequence[str]) -> str:
    """How a process ended and what it said of why, where there is little room; see :func:`last_words`.

    How often it was tried, behind a semicolon, is known of its state and the number of its restarts: the cause is to be
    seen. Of one that ended well and is not started again that is the cause.
    """
    if code == 0:
        return reason
    return ": ".join(filter(None, [reason.partition(";")[0], last_words(code, reason, lines)]))


def last_words(code: int | None, reason: str, lines: Sequence[str]) -> str:
    """Give the line that is most likely the cause of an end; empty where there is none.

    Only who ended by itself, and not well, had something to say. Of a log in our own format that is the last warning or
    worse, or the error at the end of its traceback; of any other program the last line. Of a syntax error it is told
    where it is.

    :param code: the exit status; reason: how it ended, in a sentence.
    :param lines: the last that this process wrote.
    """
    if not code or not reason.startswith(ENDED_BY_ITSELF):
        return ""
    written = [line for line in lines if line.strip()]
    found = list(_grave(written)) if any(map(LINE.fullmatch, written)) else written
    return _placed(found[-1], written) if found else ""


def _placed(words: str, lines: Sequence[str]) -> str:
    if _SYNTAX.fullmatch(words) is None:
        return words
    above = [index for index, line in enumerate(lines) if line.strip().removeprefix("builtins.") == words][-1:]
    places = [place for line in lines[: (above or [0])[0]] if (place := _FILE.fullmatch(line))]
    return f"{words} ({places[-1]['file']}, line {places[-1]['line']})" if places else words


def _grave(lines: Sequence[str]) -> Iterator[str]:
    """Those that tell of a failure, in their order; of what was written past the log only the very last may."""
    before = ""
    for line in lines:
        ours, error = LINE.fullmatch(line), _ERROR.fullmatch(line)
        if ours is not None and ours["level"] in _GRAVE:
            yield ours["text"]
        elif ours is None and error is not None and _depth(line) < _depth(before):
            yield error["error"]
        elif ours is None and line is lines[-1] and not line.startswith("  "):
            yield line
        before = line


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
