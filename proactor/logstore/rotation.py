"""Moves what is too much in a live file to older ones, while its process goes on writing to it.

The process keeps its descriptor for life, so the file can neither be renamed nor, without losing lines, be copied
and truncated. Instead a range of it is copied and then given back to the disk (``holes``): the file's size goes on
growing, what it takes does not. At each moment a byte is in one place or another, so that nothing is lost if we die,
and what is on the disk tells how far it was done.

Where we are too slow for that, somebody else (``guardian_main.logs``) gives back what is at the file's beginning. That
is found out by looking at the file, here and by readers, and counts as dropped.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from threading import Lock

from attrs import define, field, frozen

from ..guardian_main import libc
from .files import WRITE, Files, line_after, line_before, next_data
from .holes import BLOCK, Holes
from .layout import Layout, Limits
from .recovery import recovered
from .turn import Turn

__all__ = ["Attended", "Rotation"]

_ROUNDS = 16


@frozen
class Attended:
    """What came of an attempt.

    :param more: whether there is more to do.
    :param trouble: what went wrong, if something did; what could not be moved was dropped then.
    """

    more: bool = False
    trouble: OSError | None = None


@define(eq=False)
class Rotation:
    """Keeps the files of one log within their limits. Any thread may use it; one works on it at a time.

    :param punch: gives a range of a file back to the disk.
    :param turn: how long it is worked on at once.
    :ivar layout: where everything is; replaced as a whole, always before bytes disappear from where they were.
    :ivar seen: the highest offset that was ever the end.
    :ivar gone: the offset before which somebody else gave back what was in the live file, as far as that was noticed.
    :ivar dropped: bytes that were dropped because their writer was too fast, or the disk was full.
    """

    files: Files
    limits: Limits = field(factory=Limits)
    punch: Callable[[int, int, int], None] = libc.punch
    turn: Turn = field(factory=Turn)
    layout: Layout = field(factory=Layout, init=False)
    loaded: bool = field(default=False, init=False)
    seen: int = field(default=0, init=False)
    gone: int = field(default=0, init=False)
    dropped: int = field(default=0, init=False)
    _lock: Lock = field(factory=Lock, init=False)
    _loading: Lock = field(factory=Lock, init=False)
    _target: int = field(default=0, init=False)  # what is before it is being moved
    _holes: Holes = field(init=False)
    _spare: int = field(default=0, init=False)  # bytes that the older files leave free of their share
    _trouble: OSError | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._holes = Holes(self.punch)

    def load(self) -> None:
        """Find out what is there, once."""
        if self.loaded:
            return
        # Apart from the other lock, which is held for long: the reactor's thread may come here too.
        with self._loading:
            if not self.loaded:
                layout, self.seen = recovered(self.files)
                # While nobody moved anything, what is gone was given back by somebody else.
                self.layout = layout.cut_before() if self.limits.backups else layout
                self.loaded = True

    @property
    def current(self) -> Layout:
        """The layout as readers see it: without what somebody else gave back."""
        layout = self.layout
        return layout.marked().dropped(self.gone) if self.gone > layout.base else layout

    def notice(self, fd: int, offset: int, origin: int) -> bool:
        """Take note of what somebody else gave back of the live file, if that is so of the byte of an offset.

        :param origin: the offset of the file's first byte.
        """
        found = origin + next_data(fd, offset - origin)
        if found > offset:
            self.gone = max(self.gone, found)
        return found > offset

    def close(self) -> None:
        """Have the one who works on it stop soon, and nobody begin."""
        self.turn.closed = True

    def wanted(self, end: int) -> bool:
        """Whether there is something to do for a log with its end at an offset."""
        return not self.loaded or end < self.seen or end - self.layout.base >= self.limits.full

    def attend(self, others_wait: Callable[[], bool]) -> Attended:
        """Do what there is to do. It blocks on the disk: it is for a thread other than the reactor's.

        :param others_wait: whether other logs are in need of the thread.
        """
        self.load()
        with self._lock:
            self._trouble = None
            try:
                self._keep_to_limits()
                with self.files.open_live(WRITE) as fd:
                    more = self.turn.take(partial(self._step, fd), others_wait)
            except FileNotFoundError:
                return Attended()
            except OSError as error:
                return Attended(trouble=error)
            return Attended(more, self._trouble)

    def delete(self) -> None:
        """Delete all files.

        :raises OSError: one cannot be deleted.
        """
        self.close()
        with self._lock:
            self.files.delete()

    def _step(self, fd: int) -> bool:
        """Do one thing, if there is one."""
        end = self._end(fd)
        live = end - self.layout.base
        if live > self.limits.max_bytes:
            self._outrun(fd, end)
        elif self.layout.base < self._target:
            self._move(fd, end)
        elif live >= self.limits.full:
            self._begin(fd, end)
        else:
            return False
        return True

    def _end(self, fd: int) -> int:
        seen = self.seen  # before the size, as others see it grow meanwhile
        end = self.layout.origin + os.fstat(fd).st_size
        if end < seen:
            # Somebody else has emptied it.
            self._truncated(seen)
            end = self.layout.origin + os.fstat(fd).st_size
        self.seen = max(self.seen, end)
        self._see_what_is_gone(fd, end)
        return end

    def _see_what_is_gone(self, fd: int, end: int) -> None:
        base = self.layout.base
        if os.fstat(fd).st_blocks * 512 + BLOCK < end - base:
            self.notice(fd, base, self.layout.origin)
        if self.gone > base:
            self._holes.found(self.gone - self.layout.origin)
            self._target = self._line_after(fd, self.gone)
            self._drop(self._target)

    def _begin(self, fd: int, end: int) -> None:
        if not self.limits.backups:
            # What goes now is not said to be dropped, nor what was before that.
            self._evict(-1)
            self._leave(fd, self._newest(fd, end), end)
            return
        target = self._line_before(fd, min(end, self.layout.base + self.limits.max_bytes))
        self._evict(self.limits.backup_bytes - (target - self.layout.base) - self._spare)
        self.layout, self._target, self._spare = self.layout.begun(), target, 0

    def _keep_to_limits(self) -> None:
        """Delete what a limit that was lowered has no room for."""
        if self.layout.base >= self._target and self.layout.moved_bytes > self.limits.backup_bytes:
            self._evict(self.limits.backup_bytes)

    def _evict(self, room: int) -> None:
        self.layout, gone = self.layout.evicted(room)
        try:
            self.files.unlink(gone)
        except OSError as error:
            self._trouble = error

    def _move(self, fd: int, end: int) -> None:
        base = self.layout.base
        data = os.pread(fd, min(self.limits.chunk, self._target - base), base - self.layout.origin)
        if b"\0" in data and self.notice(fd, base, self.layout.origin):
            return  # to see what is gone before anything else
        try:
            written = self.files.append(self.layout.spans[-1], data)
        except OSError as error:
            self._trouble = error
            self._outrun(fd, end)
            return
        self.layout = self.layout.moved(written)
        self._give_back(fd)
        if not self._holes.possible and self.layout.base >= self._target:
            self._copy_rest_and_empty(fd)

    def _outrun(self, fd: int, end: int) -> None:
        """Drop the middle: what was not moved yet, but for the newest."""
        # It will write much before we look again, and that has to have room within the limits too.
        self._spare = self.limits.max_bytes
        if self.layout.moved_bytes > max(0, self.limits.backup_bytes - self._spare):
            self._evict(self.limits.backup_bytes - self._spare)
        base = self._newest(fd, end)
        self._drop(base)
        self._leave(fd, base, end)
        end = self._end(fd)
        if end - self.layout.base > 2 * self.limits.max_bytes:
            # A kernel that writes out what is dirty before it gives it back may be slower than the writer.
            self._empty(fd, end)

    def _drop(self, base: int) -> None:
        """What is before an offset is no more, though nobody moved it; where that began is kept, for readers."""
        self.dropped += base - self.layout.base
        if not self.layout.spans:
            self.layout = self.layout.marked()
            try:
                self.files.append(self.layout.spans[-1], b"")
            except OSError as error:
                # Until the next initiator it is known all the same.
                self._trouble = error
        self.layout = self.layout.dropped(base)

    def _newest(self, fd: int, end: int) -> int:
        return self._line_after(fd, max(self.layout.base, end - self.limits.rest))

    def _leave(self, fd: int, base: int, end: int) -> None:
        """Have nothing in the live file but what is from ``base`` on or, where there are no holes, nothing."""
        self.layout = self.layout.dropped(base)
        self._target = base
        self._give_back(fd)
        if not self._holes.possible:
            self._empty(fd, end)

    def _give_back(self, fd: int) -> None:
        try:
            self._holes.give_back(fd, self.layout.base - self.layout.origin)
        except OSError as error:
            self._trouble = error

    def _copy_rest_and_empty(self, fd: int) -> None:
        """Move all and truncate, where there are no holes: what is written between the two is lost, uncounted."""
        for _ in range(_ROUNDS):
            data = os.pread(fd, self.limits.chunk, self.layout.base - self.layout.origin)
            if not data:
                break
            try:
                self.layout = self.layout.moved(self.files.append(self.layout.spans[-1], data))
            except OSError as error:
                self._trouble = error
                break
        self._empty(fd, self._end(fd))

    def _empty(self, fd: int, end: int) -> None:
        """Drop all there is in the live file."""
        self.dropped += end - self.layout.base
        # What is read by another thread meanwhile finds a gap, then the end, and never what has another offset by now.
        self.layout = self.layout.dropped(end)
        os.ftruncate(fd, 0)
        self._truncated(end)

    def _truncated(self, end: int) -> None:
        self.layout = self.layout.truncated(end)
        self._target = self.seen = end
        self._holes.emptied()
        if self.layout.spans and self.layout.spans[-1].end < end:
            # An empty file is named for the offset: without it the next initiator would not know of the gap.
            self.layout = self.layout.begun()
            self.files.append(self.layout.spans[-1], b"")

    def _line_before(self, fd: int, offset: int) -> int:
        """The last start of a line not after an offset, if there is one near; else the offset."""
        start, origin = max(self.layout.base, offset - self.limits.chunk), self.layout.origin
        return origin + line_before(fd, start - origin, offset - origin)

    def _line_after(self, fd: int, offset: int) -> int:
        """The first start of a line not before an offset, if there is one near; else the offset."""
        origin = self.layout.origin
        return offset if offset == self.layout.base else origin + line_after(fd, offset - origin, self.limits.chunk)
