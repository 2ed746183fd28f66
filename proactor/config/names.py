"""Names of options that are known, and those that are nearly called so."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from .job_settings import JOB_OPTIONS

__all__ = ["OF_JOBS", "meant"]

#: What processors read by themselves, and what launches them.
_OTHERS = ("command", "log_level", "push", "verbose")
OF_JOBS = frozenset((*(option.name for option in JOB_OPTIONS), *_OTHERS))
"""Options that every processor's section may have."""

#: How alike a name and a known one must be for a slip of the fingers, by difflib's measure.
_ALIKE = 0.86


def meant(name: str, known: Collection[str]) -> str | None:
    """The known name that is most likely meant by one that is not known."""
    if name in known:
        return None
    # Of a short name two letters in the wrong order are much.
    swapped = [each for each in sorted(known) if sorted(each) == sorted(name)]
    return next(iter((*swapped, *get_close_matches(name, sorted(known), 1, _ALIKE))), None)
