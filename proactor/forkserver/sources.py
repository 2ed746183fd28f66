"""Whether what is loaded is what stands in the files: code that was changed is never run stale."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable

__all__ = ["Sources"]

#: Installed packages are looked at once in so many seconds; files of one's own, each time.
SELDOM = 1.0
#: How coarse the time is that the kernel gives to a change, in nanoseconds, and more.
_GRAIN = 20_000_000

_Mark = tuple[int, int, int, int]
_OTHER: _Mark = (0, 0, 0, 0)


def _mark(path: str) -> _Mark | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    # Times can be set to anything but that of the change of the status.
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


class Sources:
    """The files of the modules that are loaded, as they were then.

    :param now: a clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._looked = now()
        self._folders = tuple(
            os.path.join(path, "")
            for path in {*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()}
        )
        self._own: dict[str, _Mark | None] = {}
        self._installed: dict[str, _Mark | None] = {}

    def note(self, since: int, more: Iterable[str] = ()) -> None:
        """Take note of what has been loaded since, and of some files besides.

        :param since: when that began, in nanoseconds since 1970. What was changed after that counts as changed: nobody
            knows which of the two is loaded.
        """
        files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        for path in files.union(more):
            if isinstance(path, str) and path not in self._own and path not in self._installed:
                mark = _mark(path)
                if mark is not None and since - _GRAIN <= mark[1] <= time.time_ns():
                    mark = _OTHER
                marks = self._installed if path.startswith(self._folders) else self._own
                marks[path] = mark

    def changed(self) -> str | None:
        """A file that is not what it was; ``None`` where all are."""
        tables = [self._own]
        if self._now() - self._looked >= SELDOM:
            self._looked = self._now()
            tables.append(self._installed)
        return next((path for table in tables for path, mark in table.items() if _mark(path) != mark), None)
