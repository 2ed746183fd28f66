"""Tells which logs in a folder have grown: by inotify(7) on Linux, and else by looking."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..guardian_main import libc

__all__ = ["PAUSE", "POLL", "SWEEP", "Watch"]

PAUSE = 0.003
"""Seconds in which events may gather: of a process that writes much there are 100,000 in one."""

POLL = 0.5
"""Seconds between two looks at every log, without inotify."""

SWEEP = 10.0
"""The same with it; its queue is bounded, and drops what comes then."""

_READ = 16 << 10
_GROWN = re.compile(rb"([0-9a-f]{32})\.log\0")

_log = Logger()


@implementer(IReadDescriptor)
class _Events:
    """An inotify instance that watches one folder, read by the reactor."""

    def __init__(self, folder: Path, came: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._fd = libc.inotify_init()
        self._came = came
        self._lost = lost
        try:
            libc.inotify_add_watch(self._fd, str(folder), libc.IN_MODIFY)
        except OSError:
            os.close(self._fd)
            raise

    def fileno(self) -> int:
        """Give the descriptor."""
        return self._fd

    def logPrefix(self) -> str:
        """Say who this is, in the reactor's messages."""
        return "inotify"

    def doRead(self) -> None:
        """Hand over what events there are."""
        try:
            data = os.read(self._fd, _READ)
        except BlockingIOError:
            return
        self._came(data)

    def connectionLost(self, _reason: Failure) -> None:
        """Go without it from now on: the reactor could not read it."""
        self._lost()

    def close(self) -> None:
        """Be done with it."""
        os.close(self._fd)


@define(eq=False)
class Watch:
    """Watches a folder.

    :param reactor: the clock and, where it is a real reactor, what reads inotify's descriptor.
    :param grown: called with the names of logs that were written to: guids, each once, a few hundred at most.
    :param anything: called when any of them may have been, now and then.
    """

    reactor: IReactorTime
    folder: Path
    grown: Callable[[set[str]], None]
    anything: Callable[[], None]
    _events: _Events | None = field(default=None, init=False)
    _resume: IDelayedCall | None = field(default=None, init=False)
    _sweep: IDelayedCall | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin."""
        if IReactorFDSet.providedBy(self.reactor):
            try:
                self._events = _Events(self.folder, self._came, self._lost)
            except OSError as error:
                self._complain(error)
            else:
                self.reactor.addReader(self._events)
        self._sweep = self.reactor.callLater(self._interval(), self._look)

    def stop(self) -> None:
        """End."""
        for call in (self._resume, self._sweep):
            if call is not None and call.active():
                call.cancel()
        self._lost()

    def _complain(self, error: OSError) -> None:
        if error.errno != errno.ENOSYS:
            _log.warn(
                "{folder} cannot be watched ({reason}; see fs.inotify in sysctl): logs are looked at every {seconds} s",
                folder=str(self.folder),
                reason=error.strerror,
                seconds=POLL,
            )

    def _interval(self) -> float:
        return POLL if self._events is None else SWEEP

    def _look(self) -> None:
        self._sweep = self.reactor.callLater(self._interval(), self._look)
        self.anything()

    def _came(self, data: bytes) -> None:
        assert self._events is not None
        IReactorFDSet(self.reactor).removeReader(self._events)
        self._resume = self.reactor.callLater(PAUSE, self._read_on)
        self.grown({name.decode("ascii") for name in _GROWN.findall(data)})
        if libc.OVERFLOW in data:
            self.anything()

    def _read_on(self) -> None:
        if self._events is not None:
            IReactorFDSet(self.reactor).addReader(self._events)

    def _lost(self) -> None:
        events, self._events = self._events, None
        if events is not None:
            IReactorFDSet(self.reactor).removeReader(events)
            events.close()
