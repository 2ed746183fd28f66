"""A lock for each guid: a file locked with flock(2) before the launch, which the process inherits. Held means alive.

::

    HOME/locks/GUID.lock    0600

The kernel frees it when nobody has its descriptor open any more: the process, or one that it started. Who holds it is
found in ``/proc``, where there is one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import Conflict, ProactorError, Unavailable
from ..guardian_main.processes import Process
from ..home.disk import reason, unavailable

__all__ = ["Locks"]

_FILE = re.compile(r"([0-9a-f]{32})\.lock")
_GUID = re.compile("[0-9a-f]{32}")
_NONE_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class Locks:
    """The locks of one home. Nothing in it waits; what looks through ``/proc`` takes its time and says so.

    :param folder: where they are; made where it is not there.
    :raises ProactorError: it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ProactorError(f"{folder}: {reason(error)}; choose another folder with --home") from error
        self._folder = Path(os.path.realpath(folder))

    def path(self, guid: str) -> Path:
        """Tell where the lock of a guid is."""
        if not _GUID.fullmatch(guid):
            raise ValueError(f"{guid!r} is no guid")
        return self._folder / f"{guid}.lock"

    def take(self, guid: str) -> int:
        """Lock, and give the descriptor: for the process to inherit, and for the caller to close once it has.

        :raises Conflict: somebody holds it; says who.
        :raises StorageFull, Unavailable: it cannot be made now.
        """
        path = self.path(guid)
        try:
            while True:
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                if self._lock(fd, path):
                    return fd
        except BlockingIOError:
            raise Conflict(self._held_by(guid)) from None
        except OSError as error:
            raise unavailable(path, error) from error

    def held(self, guid: str) -> bool:
        """Whether somebody holds it. To ask does not disturb, but for a ``take`` at the same time elsewhere.

        :raises Unavailable: it cannot be asked now.
        """
        path = self.path(guid)
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise Unavailable(f"{path}: {reason(error)}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def remove(self, guid: str) -> bool:
        """Delete the file of a lock that nobody holds; tells whether there is none now.

        :raises Unavailable: it cannot be deleted now.
        """
        path = self.path(guid)
        try:
            while True:
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
                if self._lock(fd, path):
                    break
            try:
                path.unlink()
            finally:
                os.close(fd)
        except FileNotFoundError:
            return True
        except BlockingIOError:
            return False
        except OSError as error:
            raise Unavailable(f"{path}: {reason(error)}") from error
        return True

    def sweep(self, known: Collection[str]) -> set[str]:
        """Delete the free locks of guids that are not known; give the others, which something holds that is an orphan.

        :raises Unavailable: it cannot be done now.
        """
        try:
            names = os.listdir(self._folder)
        except OSError as error:
            raise Unavailable(f"{self._folder}: {reason(error)}") from error
        guids = {found[1] for found in map(_FILE.fullmatch, names) if found is not None}
        return {guid for guid in guids.difference(known) if not self.remove(guid)}

    def holders(self, guid: str) -> list[int]:
        """The processes that hold it, save our own and those that we may not look into. Looks through all of them."""
        self.path(guid)
        return sorted({pid for pid, found in self._scan() if found == guid})

    def leader(self, guid: str) -> int | None:
        """That holder which leads a session: what was launched, and not what it started. Of several, the oldest."""
        return next(iter(_leaders(_looked_at(self.holders(guid)))), None)

    def leaders(self) -> Mapping[str, list[int]]:
        """All that is held and, of its holders, those that lead a session, oldest first. One look through ``/proc``."""
        return {guid: _leaders(holders) for guid, holders in self.all_holders().items()}

    def all_holders(self) -> Mapping[str, list[Process]]:
        """All that is held, and the processes that hold it. One look through ``/proc``.

        :raises Unavailable: there is no descriptor left to look by.
        """
        found: dict[str, set[int]] = {}
        for pid, guid in self._scan():
            found.setdefault(guid, set()).add(pid)
        return {guid: _looked_at(pids) for guid, pids in found.items()}

    def _lock(self, fd: int, path: Path) -> bool:
        """Lock an open file, and see that it still is what its name stands for; closed where not.

        :raises BlockingIOError: somebody holds it.
        """
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(fd), os.stat(path)):
                    return True
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return False

    def _held_by(self, guid: str) -> str:
        pids = ", ".join(map(str, self.holders(guid)))
        who = f"held by {pids}; end that first" if pids else "held, by us or by a process that we cannot see"
        return f"{guid} has a process already: {self.path(guid)} is {who}"

    def _scan(self) -> Iterator[tuple[int, str]]:
        """Each process that has a lock open, and whose; not of a file that was deleted, which is no lock any more."""
        prefix = f"{self._folder}{os.sep}"
        for pid in _others():
            for link in _open_files(pid):
                if link.startswith(prefix):
                    found = _FILE.fullmatch(link[len(prefix) :])
                    if found is not None:
                        yield pid, found[1]


def _others() -> list[int]:
    """All processes but this one."""
    return [int(name) for name in _listed("/proc") if name.isdigit() and int(name) != os.getpid()]


def _listed(folder: str) -> list[str]:
    """What is in a folder; nothing where it is gone, or not for us.

    :raises Unavailable: that cannot be told now: who holds a lock and is not seen would be taken for dead.
    """
    try:
        return os.listdir(folder)
    except OSError as error:
        if error.errno in _NONE_LEFT:
            raise Unavailable(f"{folder}: {reason(error)}") from error
        return []


def _open_files(pid: int) -> Iterator[str]:
    """What a process has open, as far as we may see that."""
    folder = f"/proc/{pid}/fd"
    for name in _listed(folder):
        with suppress(OSError):
            yield os.readlink(f"{folder}/{name}")


def _looked_at(pids: Collection[int]) -> list[Process]:
    return [process for process in map(Process.look, pids) if process is not None]


def _leaders(holders: Collection[Process]) -> list[int]:
    leaders = [process for process in holders if process.session == process.pid]
    return [process.pid for process in sorted(leaders, key=lambda process: process.start)]
