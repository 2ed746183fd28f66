"""Topics: words with dots between them; and patterns of them, in which ``*`` stands for a word, or for all the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import Refused

__all__ = ["ANY", "PATTERN", "PREFIX", "check_pattern", "check_topic", "matches", "pattern_problem"]

#: What the target of a message to a topic begins with; no section of a module can have it in its name.
PREFIX = "topic:"
ANY = "*"
_TOPIC = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
PATTERN = re.compile(r"(?=.{1,255}$)([A-Za-z0-9_-]+|\*)(\.([A-Za-z0-9_-]+|\*))*")
_LONGEST = 255


def check_topic(name: str) -> str:
    """A topic's name.

    :raises Refused: it is none.
    """
    if len(name) > _LONGEST or _TOPIC.fullmatch(name) is None:
        raise Refused(f"{name[:64]!r} is no topic: words of letters, digits, '_' and '-' with dots between them are")
    return name


def pattern_problem(pattern: str) -> str | None:
    """What is wrong with a pattern, if anything."""
    if PATTERN.fullmatch(pattern) is None:
        return "must be a topic like orders.new, or a pattern like orders.*"
    return None


def check_pattern(pattern: str) -> str:
    """A pattern.

    :raises Refused: it is none.
    """
    problem = pattern_problem(pattern)
    if problem is not None:
        raise Refused(f"{pattern[:64]!r}: {problem}")
    return pattern


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern means a text: word by word; a ``*`` stands for any one, at its end for one or more."""
    return _matches(pattern.split("."), text.split("."))


def _matches(pattern: Sequence[str], words: Sequence[str]) -> bool:
    if pattern[-1] == ANY and len(words) > len(pattern):
        words = words[: len(pattern)]
    return len(pattern) == len(words) and all(each in (ANY, word) for each, word in zip(pattern, words, strict=True))
