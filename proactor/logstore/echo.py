"""Shows on the console what processes write, as far as the console keeps up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from .lines import LINE_MAX, LineSplitter
from .reading import Cursor, Taken
from .threads import InThread

__all__ = ["LAG", "REST", "SLICE", "Echo"]

LAG = 256 << 10
"""Bytes of a log that may wait to be shown; older ones are skipped, and that is shown."""

SLICE = 0.005
"""Seconds of work after which the reactor is let do other things,"""

REST = 0.015
"""and for how long."""

CHUNK = LINE_MAX
"""Bytes of one log that are read before it is another's turn,"""

BATCH = 4 * CHUNK
"""and of all of them before they are shown: what it takes to split that is all we hold the reactor up for."""

_log = Logger()


@define(eq=False)
class _Tap:
    """One log that is shown."""

    key: str
    cursor: Cursor
    splitter: LineSplitter = field(factory=LineSplitter)
    queued: bool = False
    until: int | None = None
    """Where it ends for those who wait, though somebody may write on."""
    waiting: list[Deferred[None]] = field(factory=list)
    complained: bool = False


def _take(taps: list[_Tap], lag: int) -> list[tuple[_Tap, Taken | OSError]]:
    """Read on in some logs, up to a batch; in a thread."""
    took: list[tuple[_Tap, Taken | OSError]] = []
    size = 0
    for tap in taps:
        if size >= BATCH:
            break
        try:
            taken = tap.cursor.take(CHUNK, until=tap.until, lag=lag)
        except OSError as error:
            took.append((tap, error))
        else:
            took.append((tap, taken))
            size += len(taken.data)
    return took


@define(eq=False)
class Echo:
    """Hands over lines of any number of logs, each log's in order.

    :param on_line: called with the key of a log and a line of it without its end; of a line longer than ``LINE_MAX``
        come pieces, all but the last with ``CONTINUED`` behind.
    """

    clock: IReactorTime
    in_thread: InThread
    on_line: Callable[[str, bytes], None]
    lag: int = LAG
    _taps: dict[str, _Tap] = field(factory=dict, init=False)
    _ready: deque[_Tap] = field(factory=deque, init=False)  # those that may have more
    _lines: deque[tuple[_Tap, bytes | None]] = field(factory=deque, init=False)  # None: all is shown that was to be
    _turn_call: IDelayedCall | None = field(default=None, init=False)
    _reading: bool = field(default=False, init=False)
    _stopped: bool = field(default=False, init=False)

    def add(self, key: str, cursor: Cursor) -> None:
        """Show a log, from where the cursor is."""
        self._taps[key] = tap = _Tap(key, cursor)
        self._enqueue(tap)

    def grown(self, key: str) -> None:
        """There may be more in it."""
        if key in self._taps:
            self._enqueue(self._taps[key])

    def drain(self, key: str, until: int) -> Deferred[None]:
        """Fire when all was shown up to an offset, with a last line that has no end yet."""
        tap = self._taps.get(key)
        if tap is None:
            return succeed(None)
        over: Deferred[None] = Deferred()
        tap.until = until if tap.until is None else max(until, tap.until)
        tap.waiting.append(over)
        self._enqueue(tap)
        return over

    def remove(self, key: str) -> None:
        """Show it no longer; what was read of it is still handed over, who waits for that waits no longer."""
        tap = self._taps.pop(key, None)
        if tap is not None:
            self._release(tap)

    def stop(self) -> None:
        """End at once, and for good."""
        self._stopped = True
        if self._turn_call is not None:
            self._turn_call.cancel()
            self._turn_call = None
        self._lines.clear()
        self._ready.clear()
        for key in list(self._taps):
            self.remove(key)

    def _enqueue(self, tap: _Tap) -> None:
        if not tap.queued:
            tap.queued = True
            self._ready.append(tap)
        self._schedule(0)

    def _schedule(self, wait: float) -> None:
        if self._turn_call is None and not self._stopped and (self._lines or (self._ready and not self._reading)):
            self._turn_call = self.clock.callLater(wait, self._turn)

    def _turn(self) -> None:
        """Work for a slice of time; an exception of ``on_line`` costs that line and ends up in the reactor's log."""
        self._turn_call = None
        until = self.clock.seconds() + SLICE
        try:
            while self._lines:
                self._hand_over(*self._lines.popleft())
                if self.clock.seconds() >= until:
                    break
            if not self._lines and self._ready and not self._reading:
                self._read()
        finally:
            self._schedule(REST)

    def _hand_over(self, tap: _Tap, line: bytes | None) -> None:
        if line is not None:
            self.on_line(tap.key, line)
        elif not tap.queued:
            self._release(tap)

    def _release(self, tap: _Tap) -> None:
        tap.until = None
        waiting, tap.waiting = tap.waiting, []
        for each in waiting:
            each.callback(None)

    def _read(self) -> None:
        taps, self._ready = list(self._ready), deque()
        for tap in taps:
            tap.queued = False
        self._reading = True
        self.in_thread(_take, taps, self.lag).addCallback(self._took, taps).addErrback(self._failed)

    def _took(self, took: list[tuple[_Tap, Taken | OSError]], taps: list[_Tap]) -> None:
        self._reading = False
        for tap in taps[len(took) :]:
            self._requeue(tap)
        for tap, taken in took:
            self._complain(tap, taken) if isinstance(taken, OSError) else self._split(tap, taken)
        self._schedule(0)

    def _requeue(self, tap: _Tap) -> None:
        if self._taps.get(tap.key) is tap:
            self._enqueue(tap)

    def _split(self, tap: _Tap, taken: Taken) -> None:
        self._lines.extend((tap, line) for line in tap.splitter.feed(taken.data))
        if taken.more:
            self._requeue(tap)
        elif tap.waiting and not tap.queued:
            self._end(tap)

    def _end(self, tap: _Tap) -> None:
        self._lines.extend((tap, line) for line in tap.splitter.flush())
        self._lines.append((tap, None))

    def _complain(self, tap: _Tap, error: OSError) -> None:
        """Say once of each log that it cannot be read."""
        if not tap.complained:
            tap.complained = True
            _log.warn("The log of {guid} cannot be shown: {reason}", guid=tap.key, reason=error.strerror)
        self._end(tap)

    def _failed(self, failure: Failure) -> None:
        self._reading = False
        _log.failure("Reading logs for the console", failure)
        self._schedule(REST)
