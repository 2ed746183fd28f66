"""Follows growing files and hands over their lines as they come: what processors write, for the console.

A processor writes to a file and never to a pipe, so that neither its life nor its pace hangs on the initiator. On
Linux inotify(7) tells of growth; a slow look at every file makes up for events that the kernel dropped, and is all
there is elsewhere.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

from .logstore.lines import CONTINUED, LINE_MAX, LineSplitter

if TYPE_CHECKING:
    from twisted.internet.inotify import INotify

__all__ = ["CHUNK", "CONTINUED", "LINE_MAX", "Follower", "LineSplitter"]

CHUNK = 64 << 10
"""Bytes read of one file before it is the next one's turn."""

SLICE = 0.005
"""Seconds of work after which the reactor is let do other things."""

POLL = 0.5
"""Seconds between two looks at every file, without inotify."""

SWEEP = 10.0
"""The same with it: its queue holds ``fs.inotify.max_queued_events`` and drops what comes then."""

_log = Logger()


@define(eq=False)
class _Tail:
    """One file, and how far it was read. It is opened for each read: a fleet has more logs than we descriptors."""

    key: str
    path: str
    offset: int = 0
    limit: int | None = None
    """Where a file that is no longer followed ends for us, though somebody may write on."""
    queued: bool = False
    complained: bool = False
    splitter: LineSplitter = field(factory=LineSplitter)
    _identity: tuple[int, int] | None = None

    def size(self) -> int:
        try:
            return os.path.getsize(self.path)
        except FileNotFoundError:
            return 0

    def read(self) -> tuple[list[bytes], bool]:
        """Give the lines of the next chunk, and whether there is more.

        :raises OSError: it cannot be read.
        """
        if self._unchanged(os.stat(self.path)):
            return [], False
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(fd)
            lines = self._begin_again(status)
            end = status.st_size if self.limit is None else min(self.limit, status.st_size)
            data = os.pread(fd, max(0, min(CHUNK, end - self.offset)), self.offset)
        finally:
            os.close(fd)
        self.offset += len(data)
        return lines + self.splitter.feed(data), bool(data) and self.offset < end

    def _unchanged(self, status: os.stat_result) -> bool:
        return status.st_size == self.offset and (status.st_dev, status.st_ino) == self._identity

    def _begin_again(self, status: os.stat_result) -> list[bytes]:
        """Go back to the start of a file that was truncated, or that is another one than before."""
        before, self._identity = self._identity, (status.st_dev, status.st_ino)
        if status.st_size >= self.offset and before in {None, self._identity}:
            return []
        self.offset = 0
        return self.splitter.flush()


def _make_notifier(reactor: IReactorTime) -> INotify | None:
    """Give an inotify instance, where there is such a thing."""
    if not IReactorFDSet.providedBy(reactor):
        return None
    try:
        from twisted.internet import inotify  # noqa: PLC0415 - it cannot be imported everywhere
    except ImportError:
        return None
    make: Callable[..., INotify] = inotify.INotify
    try:
        notifier = make(reactor)
    except inotify.INotifyError:
        _log.warn("No inotify instance is left (fs.inotify.max_user_instances): files are looked at by and by")
        return None
    notifier.startReading()
    return notifier


class Follower:
    """Follows any number of files.

    :param reactor: the clock and, where it is a real reactor, what watches inotify's descriptor.
    :param on_line: called with the key of a file and a line of it without its end. In each file lines come in order;
        of a line longer than ``LINE_MAX`` come pieces, all but the last with ``CONTINUED`` behind.
    """

    def __init__(self, reactor: IReactorTime, on_line: Callable[[str, bytes], None]) -> None:
        self._reactor = reactor
        self._on_line = on_line
        self._tails: dict[str, _Tail] = {}
        self._by_path: dict[bytes, _Tail] = {}
        self._closing: dict[_Tail, Deferred[None]] = {}
        self._ready: deque[_Tail] = deque()  # files that may hold more
        self._lines: deque[tuple[_Tail, bytes | None]] = deque()  # of one chunk; None: the file is done
        self._turn_call: IDelayedCall | None = None
        self._sweep_call: IDelayedCall | None = None
        self._notifier = _make_notifier(reactor)
        self._folders: set[str] = set()

    def add(self, key: str, path: str | os.PathLike[str], *, offset: int = 0) -> None:
        """Follow a file, which need not be there yet.

        :param offset: bytes at its start to leave out, such as the size of a log before this launch.
        :raises ValueError: the key or the file is followed already.
        """
        tail = _Tail(key, os.path.abspath(path), offset)
        if key in self._tails or os.fsencode(tail.path) in self._by_path:
            raise ValueError(f"{key} or {tail.path} is followed already")
        self._tails[key] = self._by_path[os.fsencode(tail.path)] = tail
        self._watch(os.path.dirname(tail.path))
        self._enqueue(tail)
        if self._sweep_call is None:
            self._sweep_call = self._reactor.callLater(self._interval(), self._sweep)

    def remove(self, key: str) -> Deferred[None]:
        """Follow a file no longer.

        :return: fires when what it holds at this moment was handed over, with a last line that has no end.
        """
        tail = self._tails.pop(key, None)
        if tail is None:
            return succeed(None)
        del self._by_path[os.fsencode(tail.path)]
        tail.limit = tail.size()
        drained = self._closing[tail] = Deferred()
        self._enqueue(tail)
        return drained

    def stop(self) -> None:
        """End at once: nothing more is handed over, and who waits for a file to be drained waits no longer."""
        for call in (self._turn_call, self._sweep_call):
            if call is not None and call.active():
                call.cancel()
        if self._notifier is not None and self._notifier.connected and not self._notifier.disconnecting:
            self._notifier.stopReading()
            self._notifier.connectionLost(Failure(ConnectionDone()))
        for container in (self._tails, self._by_path, self._ready, self._lines):
            container.clear()
        while self._closing:
            self._closing.popitem()[1].callback(None)

    def _interval(self) -> float:
        return SWEEP if self._notifier is not None and self._notifier.connected else POLL

    def _watch(self, folder: str) -> None:
        """Be told of all that grows in a folder, until the end: one watch is enough for a fleet."""
        if self._notifier is None or not self._notifier.connected or folder in self._folders:
            return
        from twisted.internet import inotify  # noqa: PLC0415 - it is there, as there is a notifier

        self._folders.add(folder)
        try:
            self._notifier.watch(FilePath(folder), mask=inotify.IN_MODIFY, callbacks=[self._grown])
        except inotify.INotifyError:
            _log.warn(
                "{folder} cannot be watched: files in it are looked at every {seconds} s", folder=folder, seconds=SWEEP
            )

    def _grown(self, _watch: object, path: FilePath[bytes], _mask: int) -> None:
        tail = self._by_path.get(path.path)
        if tail is not None:
            self._enqueue(tail)

    def _sweep(self) -> None:
        self._sweep_call = self._reactor.callLater(self._interval(), self._sweep) if self._tails else None
        for tail in self._tails.values():
            self._enqueue(tail)

    def _enqueue(self, tail: _Tail) -> None:
        if not tail.queued:
            tail.queued = True
            self._ready.append(tail)
        self._schedule()

    def _schedule(self) -> None:
        if self._turn_call is None and (self._lines or self._ready):
            self._turn_call = self._reactor.callLater(0, self._turn)

    def _turn(self) -> None:
        """Work for a slice of time; an exception of ``on_line`` costs that line and ends up in the reactor's log."""
        self._turn_call = None
        until = self._reactor.seconds() + SLICE
        try:
            while self._lines or self._ready:
                self._step()
                if self._reactor.seconds() >= until:
                    break
        finally:
            self._schedule()

    def _step(self) -> None:
        """Hand over a line or, when there is none, read a chunk."""
        if not self._lines:
            self._read(self._ready.popleft())
            return
        tail, line = self._lines.popleft()
        if line is None:
            self._closing.pop(tail).callback(None)
        else:
            self._on_line(tail.key, line)

    def _read(self, tail: _Tail) -> None:
        tail.queued = False
        try:
            lines, more = tail.read()
        except OSError as error:
            lines, more = [], False
            self._complain(tail, error)
        self._lines.extend((tail, line) for line in lines)
        if more:
            self._enqueue(tail)
        elif tail in self._closing:
            self._lines.extend((tail, line) for line in tail.splitter.flush())
            self._lines.append((tail, None))

    def _complain(self, tail: _Tail, error: OSError) -> None:
        """Say once of each file that it cannot be read; one that is not there yet, or no more, is no trouble."""
        if not isinstance(error, FileNotFoundError) and not tail.complained:
            tail.complained = True
            _log.warn("{path} cannot be followed: {reason}", path=tail.path, reason=error.strerror)
