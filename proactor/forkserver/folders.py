"""Whether what is found by a name is what was found then: something that comes before it may have appeared since.

Python takes what it finds first (importlib, "The Path Based Finder"): in the folders of ``sys.path``, or a package, in
their order; and in one folder a package before an extension module, that before a source, and that before bytecode. So
nothing that can be imported may be new in any of them, of whatever name: it may have been looked for in vain as well.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from importlib.machinery import all_suffixes

__all__ = ["GRAIN", "OTHER", "Folder", "Mark", "installed", "mark", "searched"]

#: How coarse the time is that the kernel gives to a change, in nanoseconds, and more.
GRAIN = 20_000_000

Mark = tuple[int, int, int, int]
OTHER: Mark = (0, 0, 0, 0)
"""That of nothing there is."""

_SUFFIXES = tuple(all_suffixes())


def mark(path: str) -> Mark | None:
    """What is another when a file or the entries of a folder are; ``None``: there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    # Times can be set to anything but that of the change of the status.
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def installed() -> Iterator[str]:
    """Where Python and what is installed for it stand; each ends with a slash."""
    for path in {*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()}:
        yield os.path.join(path, "")


def searched() -> set[str]:
    """Where modules are looked for now: folders, most of them."""
    found = {os.path.abspath(each) for each in sys.path if isinstance(each, str)}
    for module in list(sys.modules.values()):
        places = getattr(module, "__path__", None)
        if isinstance(places, Iterable) and not isinstance(places, str):
            found.update(os.path.abspath(each) for each in places if isinstance(each, str))
    return found


def _init(folder: str) -> str | None:
    """What makes a folder a package."""
    files = (os.path.join(folder, f"__init__{suffix}") for suffix in _SUFFIXES)
    return next(filter(os.path.exists, files), None)


def _entries(folder: str) -> Iterator[tuple[str, bool]]:
    """The names that are those of modules, or of folders that are packages or could become some."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                stem, dot, _ = entry.name.partition(".")
                if not stem.isidentifier() or stem == "__pycache__":
                    continue
                if entry.name[len(stem) :] in _SUFFIXES:
                    yield entry.name, False
                elif not dot and entry.is_dir():
                    yield entry.name, True
    except OSError:
        return


class Folder:
    """What could be imported of one folder when it was first looked at.

    :param since: what came after that, in nanoseconds since 1970, counts as new.
    """

    __slots__ = ("_bare", "_known", "_mark", "_path")

    def __init__(self, path: str, since: int) -> None:
        self._path = path
        self._mark: Mark | None = OTHER
        #: Folders that are no packages yet.
        self._bare: dict[str, Mark | None] = {}
        self._known = frozenset(self._look(since))

    def new(self) -> str | None:
        """Something that can be imported and could not be; ``None``: nothing."""
        if mark(self._path) == self._mark and all(mark(path) == then for path, then in self._bare.items()):
            return None
        added = self._look() - self._known
        return os.path.join(self._path, min(added)) if added else None

    def _look(self, since: int | None = None) -> set[str]:
        """The names of what can be imported; without what came after some time, or may have."""
        now = mark(self._path)
        self._mark, self._bare = _settled(now), {}
        found: set[str] = set()
        for name, is_folder in _entries(self._path):
            path = os.path.join(self._path, name)
            within = mark(path) if is_folder else now
            file = _init(path) if is_folder else path
            if file is None:
                self._bare[path] = _settled(within)
            # A file can have come later only where its folder was changed later.
            elif since is None or not (_is_later(within, since) and _is_later(mark(file), since)):
                found.add(name)
            else:
                # To be looked at again, whether the folder changes or not.
                self._mark = OTHER
        return found


def _is_later(found: Mark | None, since: int) -> bool:
    return found is not None and since - GRAIN <= found[1] <= time.time_ns()


def _settled(found: Mark | None) -> Mark | None:
    """A mark that was made long enough ago: another change would have another."""
    return OTHER if found is not None and time.time_ns() - found[1] < GRAIN else found
