"""Sees that a file has changed, by looking: that works for every editor, file system and symbolic link."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

#: Between two looks, in seconds.
INTERVAL = 0.5

Signature = tuple[int, int, int]

log = Logger()


def signature(path: Path) -> Signature | None:
    """What is another when a file was written or replaced; ``None`` where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


@define(eq=False)
class FileWatch:
    """Tells of a change once the file has stayed as it is for one interval: it is not read half written.

    :param changed: called then.
    :param look: what tells whether it is another; see :func:`signature`.
    """

    clock: IReactorTime
    path: Path
    changed: Callable[[], object]
    look: Callable[[Path], Signature | None] = signature
    _loop: LoopingCall = field(init=False)
    _told: Signature | None = None
    _last: Signature | None = None

    def start(self) -> None:
        """Begin; the file as it is now is known."""
        self._told = self._last = self.look(self.path)
        self._loop = LoopingCall(self._tick)
        self._loop.clock = self.clock
        self._loop.start(INTERVAL, now=False).addErrback(lambda failure: log.failure("Watching a file", failure))

    def stop(self) -> None:
        """End."""
        self._loop.stop()

    def _tick(self) -> None:
        now, last = self.look(self.path), self._last
        self._last = now
        if now is None or now != last or now == self._told:
            return
        self._told = now
        self.changed()
