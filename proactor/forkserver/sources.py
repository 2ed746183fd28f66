"""Whether what is loaded is what stands in the files: code that was changed is never run stale."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import time
from collections.abc import Callable

__all__ = ["Sources"]

#: Installed packages are looked at once in so many seconds; files of one's own, each time.
SELDOM = 1.0

_Mark = tuple[int, int, int]


def _mark(path: str) -> _Mark | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


class Sources:
    """The files of all modules that were loaded when it was made.

    :param now: a clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._looked = now()
        installed = tuple(
            os.path.join(path, "")
            for path in {*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()}
        )
        self._own: dict[str, _Mark | None] = {}
        self._installed: dict[str, _Mark | None] = {}
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str):
                marks = self._installed if path.startswith(installed) else self._own
                marks[path] = _mark(path)

    def changed(self) -> str | None:
        """A file that is not what it was; ``None`` where all are."""
        tables = [self._own]
        if self._now() - self._looked >= SELDOM:
            self._looked = self._now()
            tables.append(self._installed)
        return next((path for table in tables for path, mark in table.items() if _mark(path) != mark), None)
