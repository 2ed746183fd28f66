"""The types that an option can have: how a value is read from text, written as text, and called."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from attrs import frozen

__all__ = ["BY_NAME", "TYPES", "OptionType", "Value", "is_number", "read_words"]

#: What an option's text becomes, by its type; None where there is no text and no default.
Value = str | int | float | bool | tuple[str, ...] | None

_FLAGS = {word: flag for flag, words in ((True, "yes true on 1"), (False, "no false off 0")) for word in words.split()}
_MOST = 1e308


def read_words(text: str) -> tuple[str, ...]:
    """Part words at white space and commas."""
    return tuple(text.replace(",", " ").split())


def _read_int(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,1000}", text):
        raise ValueError
    return int(text)


def _read_float(text: str) -> float:
    if "_" in text or not text.isascii() or not math.isfinite(float(text)):
        raise ValueError
    return float(text)


def _read_bool(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise ValueError
    return _FLAGS[text.lower()]


def is_number(value: object) -> bool:
    """Whether a value is a number that a float can hold; a flag, NaN and infinity are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -_MOST <= value <= _MOST


@frozen
class OptionType:
    """One type.

    :param name: as in the JSON form of a declaration.
    :param element: of a list, the type of one word; else the type itself.
    :param read: text to value; ``ValueError`` where it is none.
    :param write: value to text.
    :param wanted: what the text should have been, and an example of it.
    """

    name: str
    element: type
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    wanted: str

    def holds(self, word: object) -> bool:
        """Whether a value, or one word of a list, is of this type; a whole number does where a number is wanted."""
        return is_number(word) if self.element is float else type(word) is self.element


TYPES = {
    str: OptionType("str", str, str, str, "text"),
    int: OptionType("int", int, _read_int, str, "a whole number; one like 25 is right"),
    float: OptionType("float", float, _read_float, repr, "a number; a number like 2.5 is right"),
    bool: OptionType("bool", bool, _read_bool, lambda flag: "yes" if flag else "no", f"one of {', '.join(_FLAGS)}"),
    tuple: OptionType("words", str, read_words, " ".join, "words"),
}
BY_NAME = {kind.name: declared for declared, kind in TYPES.items()}
