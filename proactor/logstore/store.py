"""The store of what jobs write: kept within limits, shown, read and followed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..errors import NotFound
from .echo import Echo
from .entry import Entry
from .extract import Extract, Stored, extract, last_lines, stored
from .files import GUID, Files
from .layout import Limits
from .reading import CHUNK, Cursor, end_of
from .rotation import Rotation
from .threads import InThread
from .watch import Watch
from .workers import Workers

__all__ = ["LogStore"]

SLICE = 0.005
"""Seconds of work after which the reactor is let do other things."""

PATIENCE = 5.0
"""Seconds for which the end of a log waits for those who still read it."""

_log = Logger()


@define(eq=False)
class LogStore:
    """Keeps the logs of jobs. The processes write to files; nothing here makes one of them wait.

    :param reactor: the clock and, where it is a real reactor, what reads inotify's descriptor.
    :param folder: where the logs are, ``GUID.log`` each.
    :param in_thread: calls a function in one of a few threads, at least 3, that are for this alone: on a bad day the
        disk blocks them.
    :param on_line: shows a line, given a guid and the line without its end; ``None``: nothing is ever shown.
    :param now: the time of day, in seconds since the epoch.
    """

    reactor: IReactorTime
    folder: Path
    in_thread: InThread
    on_line: Callable[[str, bytes], None] | None = None
    now: Callable[[], float] = time.time
    _entries: dict[str, Entry] = field(factory=dict, init=False)
    _echo: Echo | None = field(default=None, init=False)
    _workers: Workers = field(init=False)
    _watch: Watch = field(init=False)
    _unseen: deque[Entry] = field(factory=deque, init=False)  # those that are being looked at, by and by
    _look_call: IDelayedCall | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._workers = Workers(self.in_thread)
        self._watch = Watch(self.reactor, self.folder, self._grown, self._look_at_all)
        self.echo = True

    def start(self) -> None:
        """Begin to watch; logs can be added before."""
        self._watch.start()

    async def stop(self) -> None:
        """End: followers come to their ends, files stay; returns when no thread works for this any more."""
        self._watch.stop()
        if self._look_call is not None:
            self._look_call.cancel()
        self.echo = False
        entries = list(self._entries.values())
        for entry in entries:
            self._close(entry)
        await self._workers.stop()
        await self._patiently(entry.unread() for entry in entries)
        self._entries.clear()

    @property
    def echo(self) -> bool:
        """Whether lines are shown as they come; it can be switched off, and on again."""
        return self._echo is not None

    @echo.setter
    def echo(self, on: bool) -> None:
        if self._echo is not None and not on:
            self._echo.stop()
            self._echo = None
        elif self._echo is None and on and self.on_line is not None:
            self._echo = Echo(self.reactor, self.in_thread, self.on_line)
            for entry in self._entries.values():
                self._echo.add(entry.guid, Cursor(entry.log, end_of(entry.log)))

    def add(self, guid: str, limits: Limits, *, at_end: bool = False) -> None:
        """Keep a log, whose file need not be there yet.

        :param at_end: show what is written from now on, not what it holds.
        :raises ValueError: that is no guid, or the log is kept already.
        """
        if not GUID.fullmatch(guid) or guid in self._entries:
            raise ValueError(f"{guid!r} is no guid, or its log is kept already")
        log = Rotation(Files(self.folder / f"{guid}.log"), limits)
        entry = self._entries[guid] = Entry(guid, log)
        if self._echo is not None:
            self._echo.add(guid, Cursor(log, end_of(log) if at_end else 0))
        if log.files.are_new():
            # There is nothing to attend to, and next to nothing to find out: a thread would cost more than that.
            log.load()
        else:
            self._workers.add(entry)

    def set_limits(self, guid: str, limits: Limits) -> None:
        """Keep another amount of a log from now on.

        :raises NotFound: none of that guid is kept.
        """
        entry = self._entry(guid)
        if limits != entry.log.limits:
            entry.log.limits = limits
            self._workers.add(entry)

    async def remove(self, guid: str) -> None:
        """Keep a log no longer: returns when what it holds was shown, its followers are at the end, its files deleted.

        :raises OSError: a file cannot be deleted.
        """
        entry = await self._end(guid)
        if entry is not None:
            await self.in_thread(entry.log.delete)

    async def forget(self, guid: str) -> None:
        """Keep a log no longer, and leave its files as they are; else as :meth:`remove`."""
        await self._end(guid)

    async def shown(self, guid: str) -> None:
        """Wait until all that a log holds now was shown, with a last line that has no end: its process has ended.

        :raises NotFound: none of that guid is kept.
        """
        entry = self._entry(guid)
        if self._echo is not None:
            await self._echo.drain(guid, end_of(entry.log))

    def stored(self, guid: str) -> Stored:
        """Tell how much there is of a log.

        :raises NotFound: none of that guid is kept.
        """
        return stored(self._entry(guid).log)

    async def tail(self, guid: str, lines: int = 100, since: float | None = None) -> Extract:
        """Give the last lines of a log, at most 10,000 and 1 MiB, with a line for what was dropped among them.

        :param since: in seconds since the epoch: only lines from then on, by the times at their beginnings. Where they
            have none it is those that came then as far as it was seen, and some that came a little earlier.
        :raises NotFound: none of that guid is kept.
        :raises OSError: a file cannot be read.
        """
        entry = self._entry(guid)
        start = 0 if since is None else entry.marks.before(since)
        return await self.in_thread(extract, entry.log, lines, since, start)

    def last_lines(self, guid: str, count: int = 20, start: int = 0) -> tuple[str, ...]:
        """Give the last lines of a log at once, of its last 16 KiB; none where none is kept, or can be read.

        :param start: the offset of the first byte that counts.
        """
        entry = self._entries.get(guid)
        try:
            return () if entry is None else last_lines(entry.log, count, start)
        except OSError as error:
            _log.warn("The log of {guid} cannot be read: {reason}", guid=guid, reason=error.strerror)
            return ()

    def follow(self, guid: str, start: int | None = None, heartbeat: float | None = None) -> AsyncIterator[Extract]:
        """Give what is written to a log, whole lines as they come, until it is kept no longer.

        They come in pieces of up to 64 KiB; so does a line that is longer. A slow reader has from the disk what it has
        not had, and costs no memory; what is there no more when its turn comes is said in a line.

        :param start: the offset to begin at; ``None``, or one that was not reached yet: with what is written from now
            on.
        :param heartbeat: after so many seconds without anything comes a piece that is empty.
        :raises NotFound: none of that guid is kept.
        """
        entry = self._entry(guid)
        end = end_of(entry.log)
        return self._follow(entry, Cursor(entry.log, end if start is None else min(start, end)), heartbeat)

    async def _follow(self, entry: Entry, cursor: Cursor, heartbeat: float | None) -> AsyncIterator[Extract]:
        entry.readers += 1
        try:
            while True:
                closing, news = entry.closing, entry.news
                taken = await self.in_thread(cursor.take, CHUNK, whole=not closing)
                if taken.data:
                    yield Extract(taken.data, cursor.offset)
                elif closing:
                    return
                elif news == entry.news and not entry.closing and not await self._changed(entry, heartbeat):
                    yield Extract(b"", cursor.offset)
        finally:
            entry.left()

    async def _changed(self, entry: Entry, seconds: float | None) -> bool:
        """Wait for news of a log; false when so many seconds were over first."""
        waiting, late = entry.changed(), False

        def enough() -> None:
            nonlocal late
            late = True
            waiting.cancel()

        timer = None if seconds is None else self.reactor.callLater(seconds, enough)
        try:
            await waiting
        except CancelledError:
            if not late:
                raise
        finally:
            if timer is not None and timer.active():
                timer.cancel()
        return not late

    def _entry(self, guid: str) -> Entry:
        entry = self._entries.get(guid)
        if entry is None or entry.closing:
            raise NotFound(f"there is no log of {guid[:64]}")
        return entry

    async def _end(self, guid: str) -> Entry | None:
        entry = self._entries.get(guid)
        if entry is None or entry.closing:
            return None
        self._close(entry)
        waits = [entry.unread()]
        if self._echo is not None:
            waits.append(self._echo.drain(guid, end_of(entry.log)))
        await self._patiently(waits)
        if self._echo is not None:
            self._echo.remove(guid)
        self._entries.pop(guid, None)
        return entry

    def _close(self, entry: Entry) -> None:
        entry.closing = True
        entry.log.close()
        entry.wake()

    async def _patiently(self, waits: Iterable[Deferred[None]]) -> None:
        """Wait for all of these; for so long, and no longer, that a reader who does not read holds nothing up."""
        await DeferredList(list(waits), consumeErrors=True).addTimeout(PATIENCE, self.reactor)

    def _grown(self, guids: set[str]) -> None:
        for guid in guids:
            if guid in self._entries:
                self._look(self._entries[guid])

    def _look_at_all(self) -> None:
        if self._look_call is None:
            self._unseen.extend(self._entries.values())
            self._look_on()

    def _look_on(self) -> None:
        self._look_call = None
        until = self.reactor.seconds() + SLICE
        while self._unseen:
            entry = self._unseen.popleft()
            self._look(entry)
            self._tell(entry)
            if self.reactor.seconds() >= until:
                break
        if self._unseen:
            self._look_call = self.reactor.callLater(0, self._look_on)

    def _look(self, entry: Entry) -> None:
        if entry.look(self.now()):
            entry.wake()
            if self._echo is not None:
                self._echo.grown(entry.guid)
        if entry.log.wanted(entry.end):
            self._workers.add(entry)

    def _tell(self, entry: Entry) -> None:
        dropped, entry.told = entry.log.dropped - entry.told, entry.log.dropped
        if dropped:
            _log.warn(
                "{guid} writes more than can be kept of it: {dropped} bytes of its log were dropped",
                guid=entry.guid,
                dropped=dropped,
            )
