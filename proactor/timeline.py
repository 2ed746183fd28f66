"""What happened, in order: the last of it, for all and for each job."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from attrs import define, field, frozen

from .model import timestamp

#: How much is remembered, of all and of each job.
KEPT = 10_000
KEPT_OF_JOB = 200


@frozen
class Event:
    """One thing that happened.

    :param id: grows by one from event to event.
    :param kind: what, in a word or two.
    :param actor: who had it happen.
    """

    id: int
    time: datetime
    kind: str
    guid: str | None
    cause: str
    actor: str
    more: Mapping[str, Any] = field(factory=dict)

    def record(self) -> dict[str, Any]:
        """As its readers see it."""
        return {
            "id": self.id,
            "time": timestamp(self.time),
            "event": self.kind,
            "guid": self.guid,
            "cause": self.cause,
            "actor": self.actor,
            **self.more,
        }


@define(eq=False)
class Timeline:
    """The events of one initiator."""

    _all: deque[Event] = field(factory=lambda: deque(maxlen=KEPT))
    _of: dict[str, deque[Event]] = field(factory=dict)
    _last: int = 0
    #: Told of each event.
    recorded: Callable[[Event], None] = lambda _: None

    def add(self, time: datetime, kind: str, guid: str | None, cause: str, actor: str, **more: Any) -> Event:
        """Something happened."""
        self._last += 1
        event = Event(self._last, time, kind, guid, cause, actor, more)
        self._remember(event)
        self.recorded(event)
        return event

    def restore(self, events: Iterable[Event], last: int) -> None:
        """Go on behind what an earlier initiator told of.

        :param last: the highest number there was.
        """
        for event in events:
            self._remember(event)
        self._last = max(self._last, last)

    def _remember(self, event: Event) -> None:
        self._all.append(event)
        if event.guid is not None:
            self._of.setdefault(event.guid, deque(maxlen=KEPT_OF_JOB)).append(event)

    def of(self, guid: str) -> list[Event]:
        """What happened to one job, oldest first."""
        return list(self._of.get(guid, ()))

    def forget(self, guid: str) -> None:
        """A job is no more: what happened to it stays among all."""
        self._of.pop(guid, None)

    def last(self, count: int) -> list[Event]:
        """The last that happened, oldest first."""
        return list(self._all)[-count:]
