"""Where the live file of a log begins, kept beside it: how much was written before its first byte.

That is nothing until the file is emptied, as it is where there are no holes (see ``logs``). Without it who reads the
log later would take what was written since for what was written first. ``GUID.old/.origin`` has two offsets: that of
the first byte that is there, and that of the first one to come when the file is emptied, which is about to be done, or
has been done.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

__all__ = ["empty", "read", "write"]

_NAME = ".origin"
_TEXT = re.compile(rb"([0-9]{16}) ([0-9]{16})\n")
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def read(folder: str, size: int) -> int | None:
    """Give the offset of a live file's first byte; ``None``: nobody has noted one, and it is 0.

    :param folder: the folder of the log's older files.
    :param size: of the live file. Of one that was about to be emptied it tells whether that has been done; where we
        were killed between the two it was not, as far as can be seen, if as much has been written again by now.
    :raises OSError: it cannot be read.
    """
    try:
        file = os.open(os.path.join(folder, _NAME), os.O_RDONLY | _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        found = _TEXT.fullmatch(os.read(file, 64))
    finally:
        os.close(file)
    if found is None:
        return None
    before, after = int(found[1]), int(found[2])
    return after if size < after - before else before


def write(folder: str, before: int, after: int) -> None:
    """Note the offset of a live file's first byte, ``before`` it is emptied and ``after`` it.

    It is one write of few bytes, which is done or not done.

    :raises OSError: it cannot be noted.
    """
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    file = os.open(os.path.join(folder, _NAME), os.O_WRONLY | os.O_CREAT | _FLAGS, 0o600)
    try:
        os.pwrite(file, b"%016d %016d\n" % (before, after), 0)
    finally:
        os.close(file)


def empty(file: int, folder: str) -> None:
    """Empty a live file, and note how much is gone by that; it is emptied even where that cannot be noted.

    :raises OSError: one of the two could not be done.
    """
    size = os.fstat(file).st_size
    try:
        before = read(folder, size) or 0
        write(folder, before, before + size)
    finally:
        os.ftruncate(file, 0)
    write(folder, before + size, before + size)
