"""The initiator's state folder: its lock, its secrets, the logs of its processors.

How files and folders are kept from others is ``private``.

::

    ~/.proactor/        0700
        lock            held with flock(2) while an initiator runs; holds its pid, and nothing when it has ended well
        operator.token  0600
        url             where it is reached from this machine, while it serves; 0600
        trust           over TLS how it is verified there; 0600
        keys/           0700, what signs the tokens
        reserve         nothing, see ``proactor.store.reserve``
        logs/           0700, GUID.log and GUID.old/ of each processor
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import ProactorError, StorageFailed
from .disk import reason, unavailable
from .files import DEFAULT_HOME, LOCK, OPERATOR_TOKEN, TRUST, URL
from .lock import check_free, give_lock_back, take_lock
from .private import LARGEST, close_to_others, open_folder, read_private, write_private

__all__ = ["DEFAULT_HOME", "Home"]

_OURS = {LOCK, OPERATOR_TOKEN, "keys"}
_GUID = re.compile("[0-9a-f]{32}")
_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)?[A-Za-z0-9_-][A-Za-z0-9._-]*")
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]{22,512}=*")
"""A bearer token (RFC 6750, b64token) of 128 bits or more."""


def _place(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ProactorError(f"{os.fspath(path)!r}: no such place; choose a folder with --home") from error


def _check_ours(path: Path) -> None:
    """See that a folder which is open to others is one to close to them: it is empty, or was a home before.

    :raises ProactorError: it serves something else.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        found = set(os.listdir(path))
    except OSError:
        # It is not there, or is no folder, or not ours: that is seen to by who opens it.
        return
    if mode & 0o077 and found and not found & _OURS:
        raise ProactorError(
            f"{path}: holds other things, and is open to others (mode {mode:04o}), which a home must not be; "
            "choose a folder for this alone with --home"
        )


class Home:
    """The folder while an initiator has it to itself; made by ``Home.open``. Nothing in it blocks for long.

    :ivar path: where it is, with no symbolic link in it.
    """

    __slots__ = ("_lock", "path")

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock

    def __repr__(self) -> str:
        return f"Home({str(self.path)!r})"

    @classmethod
    def open(cls, path: str | os.PathLike[str] = DEFAULT_HOME) -> Home:
        """Make the folder if there is none, and lock it; a mode that is too open is changed and logged.

        Called by the process that is to hold it: a daemon's, not that of which it is forked.

        :raises ProactorError: the folder cannot be used, is somebody else's, or another initiator has it.
        """
        folder = _place(path)
        _check_ours(folder)
        open_folder(folder)
        lock = take_lock(folder)
        home = cls(folder, lock)
        try:
            open_folder(folder / "logs")
            home._hide_url()
        except BaseException:
            give_lock_back(lock)
            raise
        return home

    @staticmethod
    def look(path: str | os.PathLike[str]) -> None:
        """See whether the folder could be had, and change nothing.

        :raises ProactorError: it serves something else, or another initiator has it.
        """
        folder = _place(path)
        _check_ours(folder)
        check_free(folder)

    def close(self) -> None:
        """Let another initiator have it."""
        if self._lock is not None:
            self._hide_url()
            give_lock_back(self._lock)
            self._lock = None

    def show_url(self, url: str, trust: tuple[str, str] | None = None) -> None:
        """Tell the programs of the same user where the initiator is reached.

        :param trust: over TLS the name that its certificate is for, and the file of those by which it is verified.
        :raises OSError: it cannot be written now.
        """
        if trust is not None:
            write_private(self.path / TRUST, "".join(f"{line}\n" for line in trust).encode())
        write_private(self.path / URL, f"{url}\n".encode("ascii"))

    def _hide_url(self) -> None:
        # One that stays misleads nobody: who reads it looks whether the lock is held.
        for name in (URL, TRUST):
            with suppress(OSError):
                (self.path / name).unlink(missing_ok=True)

    def read_secret(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Give the content of a secret's file of mode 0600, which is made where there is none.

        :param name: the file, below the folder: ``operator.token``, ``keys/ring.json``.
        :param make: gives what a new one holds, which is not empty.
        :raises ProactorError: it is empty, not a file, not ours, or cannot be read or made.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a secret")
        path = self.path / name
        if path.parent != self.path:
            open_folder(path.parent)
        try:
            data = read_private(path)
            if data is None:
                data = make()
                write_private(path, data)
        except OSError as error:
            raise ProactorError(f"{path}: {reason(error)}; it must be a file that you can read and write") from error
        if not 0 < len(data) <= LARGEST:
            raise ProactorError(f"{path}: is {'too large' if data else 'empty'}; delete it to have a new one made")
        return data

    def find_secret(self, name: str) -> bytes | None:
        """Give the content of a secret's file, None where there is none.

        :raises ProactorError: it is not a file, not ours, or cannot be read.
        """
        path = self.path / name
        try:
            return read_private(path)
        except OSError as error:
            raise ProactorError(f"{path}: {reason(error)}; it must be a file that you can read and write") from error

    def write_secret(self, name: str, data: bytes) -> None:
        """Write a secret's file anew; it blocks until that would outlive a loss of power.

        :raises StorageFailed: it cannot be written; the one that there is stays.
        """
        path = self.path / name
        try:
            write_private(path, data)
        except OSError as error:
            raise StorageFailed(f"{path}: {reason(error)}") from error

    def remove_secret(self, name: str) -> None:
        """Delete a secret's file, if there is one."""
        (self.path / name).unlink(missing_ok=True)

    @property
    def operator_token(self) -> str:
        """The operator's bearer token, made at first use.

        :raises ProactorError: the file holds something else.
        """
        data = self.read_secret(OPERATOR_TOKEN, lambda: secrets.token_urlsafe(32).encode() + b"\n").strip()
        if not _TOKEN.fullmatch(data):
            raise ProactorError(
                f"{self.path / OPERATOR_TOKEN}: holds no token of at least 22 characters (RFC 6750); "
                "delete it to have a new one made"
            )
        return data.decode("ascii")

    def log_path(self, guid: str) -> Path:
        """Tell where the log of a processor is."""
        if not _GUID.fullmatch(guid):
            raise ValueError(f"{guid!r} is no guid")
        return self.path / "logs" / f"{guid}.log"

    def open_log(self, guid: str) -> int:
        """Give a descriptor for a processor to append its log to, of a file of mode 0600; the caller closes it.

        :raises StorageFull, Unavailable: it cannot be opened now.
        """
        path = self.log_path(guid)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise unavailable(path, error) from error
        try:
            close_to_others(fd, path, 0o600)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def remove_log(self, guid: str) -> None:
        """Delete the log of a processor, if there is one."""
        self.log_path(guid).unlink(missing_ok=True)
