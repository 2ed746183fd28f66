"""The files of one log.

::

    GUID.log                        the live file: what the process appends to
    GUID.old/0000000000000000.log   older files, named for the offset of their first byte,
    GUID.old/0000000010485760.log   so that ``cat GUID.old/*`` has them in order
    GUID.old/.origin                the offset of the live file's first byte, where that is not 0 (``guardian_main``)
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree

from attrs import frozen

from ..guardian_main import libc
from .layout import Span

__all__ = ["GUID", "WRITE", "Files", "first_data", "line_after", "line_before", "next_data", "sweep"]

GUID = re.compile(r"[0-9a-f]{32}")
"""What a log is named for."""

_NAME = re.compile(r"([0-9]{16})\.log")
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
WRITE = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

_PIECES = (4 << 10, 64 << 10, 1 << 20)
_COMPARED = 4 << 10


@frozen
class Files:
    """Where they are, and how they are read and written.

    :param live: the path of the live file.
    """

    live: Path

    @property
    def folder(self) -> Path:
        """Where the older ones are; there is none before it is needed."""
        return self.live.with_suffix(".old")

    def path(self, span: Span | None) -> Path:
        """Where an older file is, or the live one."""
        return self.live if span is None else self.folder / f"{span.start:016}.log"

    @contextmanager
    def open_live(self, flags: int = _READ) -> Iterator[int]:
        """Open the live file.

        :raises OSError: it cannot be opened, or is no file.
        """
        with _opened(self.live, flags) as fd:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "Not a regular file", str(self.live))
            yield fd

    def read(self, span: Span | None, position: int, count: int) -> bytes:
        """Read up to ``count`` bytes at a position of a file.

        :raises OSError: it cannot be read; ``FileNotFoundError``: it is not there.
        """
        with _opened(self.path(span), _READ) as fd:
            return os.pread(fd, count, position)

    def append(self, span: Span, data: bytes) -> int:
        """Write behind an older file, and tell how much of it could be written: all, but on a full disk.

        Of a new one of which nothing could be written nothing stays.

        :raises OSError: nothing could.
        """
        with suppress(FileExistsError):
            os.mkdir(self.folder, 0o700)
        written = 0
        with _opened(self.path(span), _APPEND) as fd:
            try:
                while written < len(data):
                    written += os.write(fd, data[written:])
            except OSError:
                if not written:
                    if not os.fstat(fd).st_size:
                        self.unlink((span,))
                    raise
        return written

    def unlink(self, spans: tuple[Span, ...]) -> None:
        """Delete older files, those of them that are there.

        :raises OSError: one cannot be deleted.
        """
        for span in spans:
            self.path(span).unlink(missing_ok=True)

    def are_new(self) -> bool:
        """Whether nothing has been written yet; asked of the file system, which reads no file for that."""
        try:
            return os.stat(self.live).st_size == 0 and not os.path.lexists(self.folder)
        except OSError:
            return False

    def spans(self) -> tuple[Span, ...]:
        """Tell what the older files hold, oldest first."""
        try:
            with os.scandir(self.folder) as entries:
                found = [(entry, _NAME.fullmatch(entry.name)) for entry in entries]
            starts = {int(name[1]): entry.stat().st_size for entry, name in found if name}
        except (FileNotFoundError, NotADirectoryError):
            return ()
        return tuple(Span(start, start + starts[start]) for start in sorted(starts))

    def holds_copy(self, fd: int, origin: int, span: Span) -> bool:
        """Whether the live file holds what an older one ends with, where that was moved from, or has given it back.

        :param origin: the offset of the live file's first byte.
        """
        count = min(span.size, _COMPARED, span.end - origin)
        there = os.pread(fd, count, span.end - count - origin)
        return len(there) == count and self.read(span, span.size - count, count).endswith(there.lstrip(b"\0"))

    def delete(self) -> None:
        """Delete all of them.

        :raises OSError: one cannot be deleted.
        """
        self.live.unlink(missing_ok=True)
        if self.folder.exists():
            rmtree(self.folder)


def sweep(folder: Path, before: float) -> None:
    """Delete the logs in a folder that were not written to since a time, in seconds since the epoch.

    It is for the start, when none is kept yet.

    :raises OSError: one cannot be deleted.
    """
    for path in [*folder.glob("*.log"), *folder.glob("*.old")]:
        files = Files(path.with_suffix(".log"))
        if GUID.fullmatch(path.stem) and path.exists() and max(map(_modified, (files.live, files.folder))) < before:
            files.delete()


def _modified(path: Path) -> float:
    try:
        return path.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return 0.0


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    fd = os.open(path, flags, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def next_data(fd: int, position: int) -> int:
    """Where a file's first byte is, from a position on, that was not given back; that one where nobody knows of holes.

    The size of the file, where there is none.
    """
    try:
        return libc.next_data(fd, position)
    except OSError:
        return position


def first_data(fd: int, moved: bool) -> int:
    """Where a file's first byte is that was not given back; its size, where all were.

    :param moved: whether some may have been, though there be no hole.
    """
    start = next_data(fd, 0)
    if not start and not moved:
        return 0
    # Of a block that was given back in part, that part reads as NUL.
    for size in _PIECES:
        piece = os.pread(fd, size, start)
        rest = piece.lstrip(b"\0")
        start += len(piece) - len(rest)
        if rest:
            break
    return start


def line_before(fd: int, lowest: int, position: int) -> int:
    """The last start of a line not after a position, if there is one from ``lowest`` on; else the position."""
    data = os.pread(fd, position - lowest, lowest)
    return lowest + data.rfind(b"\n") + 1 if b"\n" in data else position


def line_after(fd: int, position: int, count: int) -> int:
    """The first start of a line not before a position, if one is within ``count`` bytes; else the position."""
    data = os.pread(fd, count, position - 1)
    return position + data.find(b"\n") if b"\n" in data else position
