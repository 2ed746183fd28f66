"""Moves what is too much in a live file to older ones, while its process goes on writing to it.

The process keeps its descriptor for life, so the file can neither be renamed nor, without losing lines, be copied
and truncated. Instead a range of it is copied and then given back to the disk (``holes``): the file's size goes on
growing, what it takes does not. At each moment a byte is in one place or another, so that nothing is lost if we die,
and what is on the disk tells how far it was done.

Where we are too slow for that, somebody else (``guardian_main.logs``) gives back what is at the file's beginning. That
is found out by looking at the file, here and by readers, and counts as dropped. No account is kept of what is gone, as
offsets tell it: only where the live file begins is noted, when it is emptied for want of holes that are made in time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from threading import Lock

from attrs import define, field

from ..guardian_main import libc
from .files import WRITE, Files, line_after, line_before, next_data
from .holes import BLOCK, Holes
from .layout import Layout, Limits
from .recovery import Noted, recovered
from .turn import Attended, Turn

__all__ = ["Rotation"]

_ROUNDS = 16


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
    _noted: Noted = field(init=False)
    _emptying: bool = field(default=False, init=False)
    _trouble: OSError | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._holes = Holes(self.punch)
        self._noted = Noted(str(self.files.folder))

    def load(self) -> None:
        """Find out what is there, once."""
        if self.loaded:
            return
        # Apart from the other lock, which is held for long: the reactor's thread may come here too.
        with self._loading:
            if not self.loaded:
                found = recovered(self.files)
                self.layout, self.seen, self._noted.known = found.layout, found.end, found.noted
                self.loaded = True

    @property
    def current(self) -> Layout:
        """The layout as readers see it: without what somebody else gave back."""
        layout = self.layout
        return layout.dropped(self.gone) if self.gone > layout.base else layout

    def end(self, size: int, layout: Layout) -> int | None:
        """The offset behind the last byte, by the size that the live file has now; ``None``: ask again.

        :param layout: as it was before the file was asked for its size.
        """
        if self._emptying:
            return self.seen
        if self.layout.origin != layout.origin:
            return None
        self.seen = max(self.seen, layout.origin + size)
        return layout.origin + size

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
                self._note(self._noted.settle, self.layout.origin)
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
            # What goes now is old, and is not counted as dropped because its writer was too fast.
            self._evict(-1)
            self._leave(fd, self._newest(fd, end))
            return
        target = self._line_before(fd, min(end, self.layout.base + self.limits.max_bytes))
        self._evict(self.limits.backup_bytes - (target - self.layout.base) - self._spare)
        self.layout, self._target, self._spare = self.layout.begun(), target, 0

    def _keep_to_limits(self) -> None:
        """Delete what a limit that was lowered has no room for, and what we left behind when we were killed."""
        if self.layout.base >= self._target:
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
        self._evict(self.limits.backup_bytes - self._spare)
        before, base = self.layout.base, self._newest(fd, end)
        self._drop(base)
        self._leave(fd, base)
        if self._holes.are_late(fd, max(base - before, 2 * self.limits.max_bytes)):
            self._empty(fd)

    def _drop(self, base: int) -> None:
        """What is before an offset is no more, though nobody moved it."""
        self.dropped += base - self.layout.base
        if not self.layout.spans and self._noted.known is None:
            # Where blocks are large there is no hole yet: have the next initiator look for what was given back.
            self._note(self._noted.note, self.layout.origin, self.layout.origin)
        self.layout = self.layout.dropped(base)

    def _newest(self, fd: int, end: int) -> int:
        return self._line_after(fd, max(self.layout.base, end - self.limits.rest))

    def _leave(self, fd: int, base: int) -> None:
        """Have nothing in the live file but what is from ``base`` on or, where there are no holes, nothing."""
        self.layout = self.layout.dropped(base)
        self._target = base
        self._give_back(fd)
        if not self._holes.possible:
            self._empty(fd)

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
        self._empty(fd)

    def _empty(self, fd: int) -> None:
        """Drop all there is in the live file. What is written at that very moment is lost, uncounted."""
        self._note(self._noted.note, self.layout.origin, self._end(fd))
        end = self._end(fd)
        # What is read by another thread meanwhile finds a gap, then the end, and never what has another offset by now.
        self.dropped += end - self.layout.base
        self.layout, self._emptying = self.layout.dropped(end), True
        try:
            os.ftruncate(fd, 0)
            self._truncated(end)
        finally:
            self._emptying = False

    def _truncated(self, end: int) -> None:
        """The live file is empty; what is written next has an offset."""
        self.layout = self.layout.truncated(end)
        self._target = self.seen = end
        self._holes.emptied()
        self._note(self._noted.note, end, end)

    def _note(self, note: Callable[..., None], *offsets: int) -> None:
        """Have the next initiator know where the live file begins; until there is one it is known all the same."""
        try:
            note(*offsets)
        except OSError as error:
            self._trouble = error

    def _line_before(self, fd: int, offset: int) -> int:
        """The last start of a line not after an offset, if there is one near; else the offset."""
        start, origin = max(self.layout.base, offset - self.limits.chunk), self.layout.origin
        return origin + line_before(fd, start - origin, offset - origin)

    def _line_after(self, fd: int, offset: int) -> int:
        """The first start of a line not before an offset, if there is one near; else the offset."""
        origin = self.layout.origin
        return offset if offset == self.layout.base else origin + line_after(fd, offset - origin, self.limits.chunk)
