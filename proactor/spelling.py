"""Which of the words that there are is most likely meant by one that is misspelt. Plain: who asks knows the words."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

__all__ = ["nearest", "slip_of"]

#: How alike two words must be, by difflib's measure: where one of the known words must be meant, and where the other
#: word may be right as well, so that nothing but a slip of the fingers counts.
_LIKELY, _SLIP = 0.6, 0.86
#: How much of a word is looked at: what difflib does takes time with the square of it.
_LONGEST = 100


def nearest(word: str, known: Iterable[str], count: int = 1) -> list[str]:
    """The words that may be meant by one that is none of them, so many at most, the likeliest first."""
    return _alike(word, known, count, _LIKELY)


def slip_of(word: str, known: Collection[str]) -> str | None:
    """The word of which another is a slip of the fingers; ``None`` where it may be meant as it is."""
    return None if word in known else next(iter(_alike(word, known, 1, _SLIP)), None)


def _alike(word: str, known: Iterable[str], count: int, least: float) -> list[str]:
    looked_for = word[:_LONGEST].casefold()
    letters = sorted(looked_for)
    # By the words without their case: whoever writes one in capitals means it.
    words = {each.casefold(): each for each in sorted(known)}
    # Of a short word two letters in the wrong order are much.
    swapped = sorted(each for each in words if len(each) == len(letters) and sorted(each) == letters)
    same = [looked_for] if looked_for in words else []
    found = dict.fromkeys([*same, *swapped, *get_close_matches(looked_for, words, count, least)])
    return [words[each] for each in found][:count]
