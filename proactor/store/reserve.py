"""Room that is kept back beside the database: on a full disk what gives room back needs a little to be kept itself."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from attrs import define, field

__all__ = ["Reserve"]

#: Bytes of it: at most, and at least, for less would help nobody.
_MOST, _LEAST = 4 << 20, 256 << 10
#: It takes one part in so many of what is free.
_PART = 8


@define(eq=False)
class Reserve:
    """A file that holds nothing, and can be given up. It blocks.

    :param path: where it is.
    """

    path: Path
    _is_there: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._is_there = self.path.exists()

    def fill(self) -> None:
        """Have it, where it is not there and there is plenty of room."""
        if self._is_there:
            return
        with suppress(OSError):
            disk = os.statvfs(self.path.parent)
            size = min(_MOST, disk.f_bavail * disk.f_frsize // _PART)
            if size >= _LEAST:
                self._make(size)

    def _make(self, size: int) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, size)
            self._is_there = True
        except OSError:
            self.path.unlink()
            raise
        finally:
            os.close(file)

    def give(self) -> bool:
        """Give it up; whether there was one."""
        was_there, self._is_there = self._is_there, False
        if was_there:
            with suppress(OSError):
                self.path.unlink()
        return was_there
