"""Sockets that are held open, by guid."""

from __future__ import annotations

import os

from .protocol import Line

__all__ = ["Kept"]


class Kept:
    """Descriptors that are this object's."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._files)

    def keep(self, guid: str, file: int) -> None:
        """Hold one, in place of the one that there was."""
        self.drop(guid)
        self._files[guid] = file

    def drop(self, guid: str) -> None:
        """Close one; nothing where there is none."""
        file = self._files.pop(guid, None)
        if file is not None:
            os.close(file)

    def close(self) -> None:
        """Close all."""
        for guid in list(self._files):
            self.drop(guid)

    def lines(self) -> list[Line]:
        """Tell of all, to who is to have them too."""
        return [(f"keep {guid}", file) for guid, file in self._files.items()]
