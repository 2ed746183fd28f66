"""What a store holds, in plain dicts: what the one in memory keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from functools import singledispatchmethod
from typing import Any, TypeVar

from attrs import define, evolve, field

from ..saved import (
    AddEvent,
    AddRevision,
    DropJob,
    DropMessage,
    DropRollout,
    PutDocument,
    PutJob,
    PutMessage,
    PutRollout,
    PutValue,
    Saved,
    SavedEvent,
    SavedJob,
    SavedMessage,
    SavedRevision,
    Write,
)
from .codec import from_text, to_text
from .reading import EVENTS
from .writing import Counters, statements

T = TypeVar("T")


def _as_read(value: T, **more: object) -> T:
    """A value as one that was written and read again: of its own, and with tuples for lists."""
    return from_text(type(value), to_text(value, *more), **more)


@define(eq=False)
class Tables:
    """All of it."""

    counters: Counters = field(factory=Counters)
    jobs: dict[str, SavedJob] = field(factory=dict)
    edits: dict[str, dict[str, tuple[str, int]]] = field(factory=dict)
    history: dict[int, SavedRevision] = field(factory=dict)
    document: PutDocument | None = None
    rollouts: dict[str, Any] = field(factory=dict)
    events: dict[int, SavedEvent] = field(factory=dict)
    messages: dict[int, SavedMessage] = field(factory=dict)
    values: dict[str, Any] = field(factory=dict)

    def copy(self) -> Tables:
        """The same, of its own."""
        return deepcopy(self)

    def keep(self, writes: Sequence[Write]) -> None:
        """Keep these, all or none.

        :raises StorageFailed: they cannot be kept.
        """
        statements(writes)
        self.counters = self.counters.after(writes)
        for write in writes:
            self._apply(write)

    def saved(self) -> Saved:
        """All that there is."""
        mine = self.copy()
        events = tuple(each for _, each in sorted(mine.events.items()))
        return Saved(
            jobs=mine.jobs,
            revision=mine.counters.revision,
            edits={section: edits for section, edits in mine.edits.items() if edits},
            history=tuple(mine.history.values()),
            document=mine.document,
            rollouts=mine.rollouts,
            events=events[-EVENTS:],
            last_event=events[-1].id if events else 0,
            messages=tuple(each.head() for _, each in sorted(mine.messages.items())),
            last_message=mine.counters.last_message,
            values=mine.values,
        )

    def newest(self, before: int, count: int, guid: str | None) -> list[SavedEvent]:
        """The newest events below a number, oldest first; of one job, or of all."""
        found = [each for _, each in sorted(self.events.items()) if each.id < before and guid in (None, each.guid)]
        return deepcopy(found[max(0, len(found) - count) :])

    def messages_of(self, numbers: Sequence[int]) -> list[SavedMessage]:
        """Those messages of these numbers that there are."""
        return [deepcopy(self.messages[number]) for number in sorted(set(numbers)) if number in self.messages]

    @singledispatchmethod
    def _apply(self, write: object) -> None:
        raise TypeError(f"{write!r} is no write")

    @_apply.register
    def _(self, write: PutJob) -> None:
        self.jobs[write.job.guid] = _as_read(write.job)

    @_apply.register
    def _(self, write: DropJob) -> None:
        self.jobs.pop(write.guid, None)
        self.edits.pop(write.guid, None)
        left = {
            number: evolve(each, edits=tuple(edit for edit in each.edits if edit.section != write.guid))
            for number, each in self.history.items()
        }
        self.history = {number: each for number, each in left.items() if each.edits}

    @_apply.register
    def _(self, write: AddRevision) -> None:
        revision = _as_read(write.revision)
        if revision.edits:
            self.history[revision.revision] = revision
        for edit in revision.edits:
            section = self.edits.setdefault(edit.section, {})
            if edit.after is None:
                section.pop(edit.option, None)
            else:
                section[edit.option] = edit.after

    @_apply.register
    def _(self, write: PutDocument) -> None:
        self.document = write

    @_apply.register
    def _(self, write: PutRollout) -> None:
        self.rollouts[write.id] = json.loads(to_text(write.record))

    @_apply.register
    def _(self, write: DropRollout) -> None:
        self.rollouts.pop(write.id, None)

    @_apply.register
    def _(self, write: AddEvent) -> None:
        self.events[write.event.id] = _as_read(write.event)

    @_apply.register
    def _(self, write: PutMessage) -> None:
        self.messages[write.message.number] = _as_read(write.message, data=bytes(write.message.data))

    @_apply.register
    def _(self, write: DropMessage) -> None:
        self.messages.pop(write.number, None)

    @_apply.register
    def _(self, write: PutValue) -> None:
        if write.value is None:
            self.values.pop(write.name, None)
        else:
            self.values[write.name] = json.loads(to_text(write.value))
