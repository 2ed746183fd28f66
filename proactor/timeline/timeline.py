"""What happened, in order, and what led to what: the last of it in memory, what was before that wherever it is kept."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import dropwhile
from typing import Any

from attrs import define, field, frozen

from ..model import timestamp
from ..saved import SavedEvent

#: How much is in memory.
KEPT = 1_000
#: How far beyond that who was away is led through what happened meanwhile.
REACH = 10_000
#: How many of what was before that are looked at in one piece.
PAGE = 500

#: How many such pieces are looked at for one answer.
_LOOKS = 20

#: Members of an event that are kept among the others where it is stored.
_BECAUSE, _TRACE = "because", "trace"


@frozen
class Event:
    """One thing that happened.

    :param id: grows by one from event to event.
    :param kind: what, in a word.
    :param actor: who had it happen.
    :param because: the number of the event that led to it; ``None`` where it began something.
    :param trace: of the request that it all began with, where that had one (W3C Trace Context).
    """

    id: int
    time: datetime
    kind: str
    guid: str | None
    cause: str
    actor: str
    more: Mapping[str, Any] = field(factory=dict)
    because: int | None = None
    trace: str | None = None

    def record(self) -> dict[str, Any]:
        """As its readers see it."""
        return {
            "id": self.id,
            "time": timestamp(self.time),
            "event": self.kind,
            "guid": self.guid,
            "cause": self.cause,
            "because": self.because,
            "actor": self.actor,
            **({_TRACE: self.trace} if self.trace is not None else {}),
            **self.more,
        }

    def saved(self) -> SavedEvent:
        """As it is stored."""
        links = {name: value for name, value in ((_BECAUSE, self.because), (_TRACE, self.trace)) if value is not None}
        return SavedEvent(self.id, self.time, self.kind, self.guid, self.cause, self.actor, {**self.more, **links})

    @classmethod
    def of(cls, saved: SavedEvent) -> Event:
        """As it was before it was stored."""
        more = dict(saved.more)
        because, trace = more.pop(_BECAUSE, None), more.pop(_TRACE, None)
        return cls(saved.id, saved.time, saved.kind, saved.guid, saved.cause, saved.actor, more, because, trace)


@frozen
class Selection:
    """Which events are meant: those that are of each that is named.

    :param modules: an event that is of no module is of none of them.
    """

    guid: str | None = None
    kinds: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()

    def __contains__(self, event: Event) -> bool:
        return (
            self.guid in (None, event.guid)
            and (not self.kinds or event.kind in self.kinds)
            and (not self.modules or event.more.get("module") in self.modules)
        )


@frozen
class Part:
    """Some of what happened, oldest first.

    :param start: the number below which nothing was looked at; 0 where there is nothing.
    :param end: the number of the last that was looked at, chosen or not.
    :param lost: how many of those that were asked for are not kept any more.
    """

    events: Sequence[Event]
    start: int = 0
    end: int = 0
    lost: int = 0


Older = Callable[[int, int, "str | None"], Awaitable[Sequence[SavedEvent]]]


async def _nothing(_before: int, _count: int, _guid: str | None) -> Sequence[SavedEvent]:
    return ()


@define(eq=False)
class Timeline:
    """The events of one initiator.

    :param recorded: told of each event when it happens.
    :param older: gives the newest events below a number, so many at most, oldest first; of one job, or of all.
    """

    recorded: Callable[[Event], None] = lambda _event: None
    older: Older = _nothing
    _all: deque[Event] = field(factory=lambda: deque(maxlen=KEPT))
    _last: int = 0
    _listeners: dict[object, Callable[[Event], None]] = field(factory=dict)

    # What happens.

    def add(
        self,
        time: datetime,
        kind: str,
        guid: str | None,
        cause: str,
        actor: str,
        *,
        because: Event | None = None,
        trace: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Event:
        """Something happened.

        :param because: what led to it; its trace is handed on.
        :param more: further members of its record.
        """
        if because is not None and trace is None:
            trace = because.trace
        number = None if because is None else because.id
        event = Event(self._last + 1, time, kind, guid, cause, actor, more or {}, number, trace)
        self._put(event)
        self.recorded(event)
        for listener in list(self._listeners.values()):
            listener(event)
        return event

    def restore(self, events: Iterable[SavedEvent], last: int) -> None:
        """Take up what an earlier initiator saw: the newest that is kept, oldest first.

        :param last: the highest number that there ever was.
        """
        for saved in events:
            self._put(Event.of(saved))
        self._last = max(self._last, last)

    def _put(self, event: Event) -> None:
        self._last = event.id
        self._all.append(event)

    def listen(self, key: object, listener: Callable[[Event], None]) -> None:
        """Have something called with each event when it happens."""
        self._listeners[key] = listener

    def unlisten(self, key: object) -> None:
        """Have it called no more."""
        self._listeners.pop(key, None)

    # What happened.

    @property
    def last_id(self) -> int:
        """The number of the last event."""
        return self._last

    def last(self, count: int = KEPT) -> list[Event]:
        """The last that happened, oldest first, as far as it is in memory."""
        return list(self._all)[-count:]

    async def before(self, number: int, count: int, selection: Selection) -> Part:
        """The newest below a number that are chosen, so many at most.

        Where few of many are chosen there may be more below ``start`` although fewer than ``count`` were found.
        """
        found: deque[Event] = deque()
        start = number
        page: Iterable[Event] = dropwhile(lambda event: event.id >= number, reversed(self._all))
        for _ in range(_LOOKS):
            for event in page:
                if len(found) == count:
                    break
                start = event.id
                if event in selection:
                    found.appendleft(event)
            if len(found) == count:
                break
            older = await self.older(start, PAGE, selection.guid) if start > 1 else ()
            if not older:
                return Part(tuple(found))
            page = map(Event.of, reversed(older))
        return Part(tuple(found), start)

    async def after(self, known: int, count: int, selection: Selection) -> Part:
        """What happened after a number: of so many events those that are chosen, and how far that was."""
        known = min(known, self._last)
        first = self._all[0].id if self._all else self._last + 1
        if known + 1 < first:
            return await self._older_after(known, first, selection)
        at = bisect_right(self._all, known, key=lambda event: event.id)
        events = [self._all[number] for number in range(at, min(at + count, len(self._all)))]
        return Part([event for event in events if event in selection], end=events[-1].id if events else known)

    async def _older_after(self, known: int, first: int, selection: Selection) -> Part:
        """What happened after a number of what is not in memory; what is too far back is given up."""
        start = max(known, first - 1 - REACH)
        end = min(start + PAGE, first - 1)
        found = [Event.of(saved) for saved in await self.older(end + 1, end - start, None)]
        events = [event for event in found if event.id > start]
        lost = end - known - len(events)
        return Part([event for event in events if event in selection], end=end, lost=lost)
