"""Whether what is loaded is what stands in the files: code that was changed is never run stale."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable

from .folders import GRAIN, OTHER, Folder, Mark, installed, mark, searched

__all__ = ["Sources"]

#: Installed packages are looked at once in so many seconds; files of one's own, each time.
SELDOM = 1.0


class Sources:
    """The files of the modules that are loaded, as they were then, and the folders where they might be found instead.

    :param now: a clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._looked = now()
        self._folders = tuple(installed())
        self._own: dict[str, Mark | None] = {}
        self._installed: dict[str, Mark | None] = {}
        self._own_folders: dict[str, Folder] = {}
        self._installed_folders: dict[str, Folder] = {}

    def note(self, since: int, more: Iterable[str] = ()) -> None:
        """Take note of what has been loaded since, and of some files besides.

        :param since: when that began, in nanoseconds since 1970. What was changed after that counts as changed: nobody
            knows which of the two is loaded.
        """
        places = searched()
        files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        # A zip archive is a place as well.
        files.update(place for place in places if os.path.isfile(place))
        for path in files.union(more):
            if isinstance(path, str) and path not in self._own and path not in self._installed:
                found = mark(path)
                if found is not None and since - GRAIN <= found[1] <= time.time_ns():
                    found = OTHER
                marks = self._installed if path.startswith(self._folders) else self._own
                marks[path] = found
        for place in places:
            if place not in self._own_folders and place not in self._installed_folders:
                is_installed = os.path.join(place, "").startswith(self._folders)
                folders = self._installed_folders if is_installed else self._own_folders
                folders[place] = Folder(place, since)

    def changed(self) -> str | None:
        """A file that is not what it was, or that could be taken in place of one; ``None`` where all are."""
        found = _changed(self._own, self._own_folders)
        if found is None and self._now() - self._looked >= SELDOM:
            self._looked = self._now()
            found = _changed(self._installed, self._installed_folders)
        return found


def _changed(files: dict[str, Mark | None], folders: dict[str, Folder]) -> str | None:
    changed = (path for path, then in files.items() if mark(path) != then)
    added = (path for folder in folders.values() if (path := folder.new()) is not None)
    return next(changed, None) or next(added, None)
