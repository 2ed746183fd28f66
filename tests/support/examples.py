"""How many examples Hypothesis tries of each property."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

#: What part of them is tried. ``script/test`` runs the suite twice, and the run that is measured is not for properties.
_SHARE = float(os.environ.get("PROACTOR_TEST_SHARE", "1"))
_LEAST = 5


def examples(count: int, **more: Any) -> settings:
    """Settings of so many examples, which may take what time they take.

    :param more: other settings.
    """
    return settings(deadline=None, max_examples=max(_LEAST, round(count * _SHARE)), **more)
