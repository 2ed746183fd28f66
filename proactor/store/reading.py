"""What the tables hold, as values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from sqlite3 import Connection
from typing import Any

from attrs import evolve

from ..saved import (
    MessageHead,
    PutDocument,
    Saved,
    SavedEdit,
    SavedEvent,
    SavedJob,
    SavedMessage,
    SavedRevision,
)
from ..timeline.timeline import KEPT
from .codec import checksum, from_plain, from_text
from .writing import Counters

EVENTS = KEPT
"""How many of the newest are read at the start."""

_EVENT = "SELECT id, guid, value, sum FROM events"
_MESSAGE = "SELECT number, receiver, value, data, sum FROM messages"
_AT_ONCE = 500


class Damaged(Exception):
    """A row does not hold what was written to it."""


def read_all(connection: Connection) -> Saved:
    """All that there is.

    :raises Damaged: something is not as it was written.
    """
    counters = read_counters(connection)
    events = read_events(connection, None, EVENTS)
    try:
        return Saved(
            jobs=_jobs(connection),
            revision=counters.revision,
            edits=_edits(connection),
            history=_history(connection),
            document=_document(connection),
            rollouts=_by_name(connection, "SELECT id, value, sum FROM rollouts ORDER BY place"),
            events=tuple(events),
            last_event=events[-1].id if events else 0,
            messages=_heads(connection),
            last_message=counters.last_message,
            values=_by_name(connection, 'SELECT name, value, sum FROM "values" ORDER BY name'),
        )
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise Damaged(f"it holds a value that is none of this version: {error}") from error


def read_counters(connection: Connection) -> Counters:
    """What only grows.

    :raises Damaged: they are not as they were written.
    """
    rows = list(_rows(connection, "SELECT transactions, revision, last_message, sum FROM meta"))
    if len(rows) != 1:
        raise Damaged("its counters are missing")
    return Counters(*rows[0])


def read_events(connection: Connection, before: int | None, count: int, guid: str | None = None) -> list[SavedEvent]:
    """The newest below a number, so many at most, oldest first; of one job, or of all.

    :raises Damaged: one is not as it was written.
    """
    conditions = [("id < ?", before), ("guid = ?", guid)]
    wanted = [(text, value) for text, value in conditions if value is not None]
    where = f" WHERE {' AND '.join(text for text, _ in wanted)}" if wanted else ""
    rows = _rows(connection, f"{_EVENT}{where} ORDER BY id DESC LIMIT ?", *(value for _, value in wanted), count)
    try:
        return [from_text(SavedEvent, text, id=id_, guid=of) for id_, of, text in rows][::-1]
    except (TypeError, ValueError, KeyError) as error:
        raise Damaged(f"it holds an event that is none of this version: {error}") from error


def _rows(connection: Connection, sql: str, *values: object) -> Iterator[tuple[Any, ...]]:
    """The rows, each without its sum."""
    for *columns, found in connection.execute(sql, values):
        if checksum(*columns) != found:
            raise Damaged(f"a row of {sql.partition('FROM ')[2].split()[0]} is not as it was written")
        yield tuple(columns)


def _jobs(connection: Connection) -> dict[str, SavedJob]:
    rows = _rows(connection, "SELECT guid, value, sum FROM jobs ORDER BY place")
    return {guid: from_text(SavedJob, text, guid=guid) for guid, text in rows}


def _edits(connection: Connection) -> dict[str, dict[str, tuple[str, int]]]:
    found: dict[str, dict[str, tuple[str, int]]] = {}
    rows = _rows(connection, "SELECT section, option, text, revision, sum FROM edits ORDER BY section, option")
    for section, option, text, revision in rows:
        found.setdefault(section, {})[option] = (text, revision)
    return found


def _history(connection: Connection) -> tuple[SavedRevision, ...]:
    revisions: dict[int, SavedRevision] = {}
    edits: dict[int, dict[int, SavedEdit]] = {}
    rows = _rows(connection, "SELECT section, revision, value, sum FROM history ORDER BY revision, section")
    for section, number, text in rows:
        head, edited = json.loads(text)
        revisions[number] = from_plain(SavedRevision, head, revision=number)
        for place, option, before, after in edited:
            edits.setdefault(number, {})[place] = SavedEdit(section, option, _setting(before), _setting(after))
    return tuple(
        evolve(revision, edits=tuple(edit for _, edit in sorted(edits[number].items(), key=lambda each: each[0])))
        for number, revision in revisions.items()
    )


def _setting(plain: list[Any] | None) -> tuple[str, int] | None:
    return None if plain is None else (plain[0], plain[1])


def _document(connection: Connection) -> PutDocument | None:
    return next((PutDocument(*row) for row in _rows(connection, "SELECT text, digest, sum FROM documents")), None)


def _by_name(connection: Connection, sql: str) -> Mapping[str, Any]:
    return {name: json.loads(text) for name, text in _rows(connection, sql)}


def read_messages(connection: Connection, numbers: Sequence[int]) -> list[SavedMessage]:
    """Those messages of some numbers that there are, in the order of their numbers.

    :raises Damaged: one is not as it was written.
    """
    wanted, found = sorted(set(numbers)), list[SavedMessage]()
    try:
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            marks = ", ".join("?" for _ in some)
            found += _messages(connection, f"{_MESSAGE} WHERE number IN ({marks}) ORDER BY number", *some)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise Damaged(f"it holds a message that is none of this version: {error}") from error
    return found


def _messages(connection: Connection, sql: str, *values: object) -> Iterator[SavedMessage]:
    for number, receiver, text, data in _rows(connection, sql, *values):
        yield from_text(SavedMessage, text, number=number, receiver=receiver, data=data)


def _heads(connection: Connection) -> tuple[MessageHead, ...]:
    """Of all messages what is not in them: no more than one of these is in memory."""
    return tuple(message.head() for message in _messages(connection, f"{_MESSAGE} ORDER BY number"))
