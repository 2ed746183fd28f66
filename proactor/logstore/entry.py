"""One log of the store, and who waits for it."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred, succeed

from .marks import Marks
from .reading import end_of
from .rotation import Rotation

__all__ = ["Entry"]


@define(eq=False)
class Entry:
    """What the store knows of a log.

    :ivar end: the offset behind its last byte, when it was last looked at.
    :ivar news: how often that was another one than before.
    :ivar queued: whether there is something to do for it, ``working`` whether that is being done.
    :ivar told: how much of what was dropped has been told of; complaints: and of what trouble.
    :ivar readers: how many follow it.
    """

    guid: str
    log: Rotation
    end: int = -1
    news: int = 0
    queued: bool = False
    working: bool = False
    closing: bool = False
    told: int = 0
    complaints: set[int | None] = field(factory=set)
    readers: int = 0
    marks: Marks = field(factory=Marks)
    _waiting: list[Deferred[None]] = field(factory=list)
    _leaving: list[Deferred[None]] = field(factory=list)

    def look(self, now: float) -> bool:
        """See whether it was written to, at this moment in seconds since the epoch."""
        end = end_of(self.log)
        changed, self.end = end != self.end, end
        if changed:
            self.news += 1
            self.marks.note(now, end)
        return changed

    def changed(self) -> Deferred[None]:
        """Fire at the next news of it."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def wake(self) -> None:
        """Tell those who wait for news."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def left(self) -> None:
        """One of those who read it is done; the last one is waited for."""
        self.readers -= 1
        if not self.readers:
            leaving, self._leaving = self._leaving, []
            for each in leaving:
                each.callback(None)

    def unread(self) -> Deferred[None]:
        """Fire when nobody reads it any more."""
        if not self.readers:
            return succeed(None)
        leaving: Deferred[None] = Deferred(self._leaving.remove)
        self._leaving.append(leaving)
        return leaving
