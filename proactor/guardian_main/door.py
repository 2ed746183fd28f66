"""Where the next initiator finds the guardian: ``HOME/guardian.sock``."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from .protocol import peer

__all__ = ["NAME", "Door", "address"]

NAME = "guardian.sock"
_BACKLOG = 8


def address(folder: int) -> str:
    """Where it is, below an open folder. However deep that lies: a UNIX socket's own path has 107 bytes at most."""
    return f"/proc/self/fd/{folder}/{NAME}"


class Door:
    """Listens there, for processes of our own user alone. Whatever was there before is no more.

    :param path: the folder.
    :raises OSError: it cannot be.
    """

    def __init__(self, path: str) -> None:
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            self._listening.close()
            raise
        try:
            self._bind()
        except OSError:
            self._listening.close()
            os.close(self._folder)
            raise

    def _bind(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(NAME, dir_fd=self._folder)
        before = os.umask(0o177)
        try:
            self._listening.bind(address(self._folder))
        finally:
            os.umask(before)
        self._inode = self._there()
        self._listening.setblocking(False)
        self._listening.listen(_BACKLOG)

    def fileno(self) -> int:
        """The descriptor, to see whether somebody is there."""
        return self._listening.fileno()

    def accept(self) -> socket.socket | None:
        """Let in who is there; nobody where it is a stranger, or has gone."""
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return None
        if peer(connection)[1] != os.geteuid():
            connection.close()
            return None
        connection.setblocking(False)
        return connection

    def is_anothers(self) -> bool:
        """Whether somebody else listens there now: nobody will come to us any more."""
        return self._there() not in {None, self._inode}

    def close(self) -> None:
        """Be found no more."""
        if self._there() == self._inode:
            with suppress(OSError):
                os.unlink(NAME, dir_fd=self._folder)
        self._listening.close()
        os.close(self._folder)

    def _there(self) -> tuple[int, int] | None:
        try:
            found = os.stat(NAME, dir_fd=self._folder, follow_symlinks=False)
        except OSError:
            return None
        return found.st_dev, found.st_ino
