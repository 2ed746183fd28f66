"""Writes as SQL statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from itertools import groupby

from attrs import evolve, frozen

from ..errors import StorageFailed
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
    SavedEdit,
    Write,
)
from .codec import checksum, to_text

Column = str | int | bytes | None
Statement = tuple[str, tuple[Column, ...]]


@frozen
class Counters:
    """What only grows.

    :param transactions: how many there have been: tells whether one has come to be.
    """

    transactions: int = 0
    revision: int = 0
    last_message: int = 0

    def after(self, writes: Sequence[Write]) -> Counters:
        """What they are with these.

        :raises StorageFailed: a revision does not follow those that there are.
        """
        revision, last_message = self.revision, self.last_message
        for write in writes:
            if isinstance(write, AddRevision):
                if write.revision.revision <= revision:
                    raise StorageFailed(f"revision {write.revision.revision} cannot follow revision {revision}")
                revision = write.revision.revision
            elif isinstance(write, PutMessage):
                last_message = max(last_message, write.message.number)
        return evolve(self, revision=revision, last_message=last_message)

    def statement(self) -> Statement:
        """They are as they are here."""
        numbers = (self.transactions, self.revision, self.last_message)
        return (
            "INSERT OR REPLACE INTO meta (id, transactions, revision, last_message, sum) VALUES (1, ?, ?, ?, ?)",
            (*numbers, checksum(*numbers)),
        )


def statements(writes: Sequence[Write]) -> list[Statement]:
    """What does them.

    :raises StorageFailed: a value is none that can be kept.
    """
    try:
        return [each for write in writes for each in _statements(write)]
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise StorageFailed(f"cannot be kept: {error}") from error


@singledispatch
def _statements(write: object) -> Iterator[Statement]:
    raise TypeError(f"{write!r} is no write")


def _put(table: str, key: str, *columns: str) -> str:
    names = [key, *columns, "sum"]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    marks = ", ".join("?" for _ in names)
    # The names are those below.
    return f'INSERT INTO "{table}" ({", ".join(names)}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {changes}'  # noqa: S608


_PUT_JOB = _put("jobs", "guid", "value")
_PUT_EDIT = "INSERT OR REPLACE INTO edits (section, option, text, revision, sum) VALUES (?, ?, ?, ?, ?)"
_ADD_HISTORY = "INSERT OR REPLACE INTO history (section, revision, value, sum) VALUES (?, ?, ?, ?)"
_PUT_DOCUMENT = "INSERT OR REPLACE INTO documents (id, text, digest, sum) VALUES (1, ?, ?, ?)"
_PUT_ROLLOUT = _put("rollouts", "id", "value")
_ADD_EVENT = "INSERT OR REPLACE INTO events (id, guid, value, sum) VALUES (?, ?, ?, ?)"
_PUT_MESSAGE = _put("messages", "number", "receiver", "value", "data")
_PUT_VALUE = _put("values", "name", "value")
_DROP_JOB = (
    "DELETE FROM jobs WHERE guid = ?",
    "DELETE FROM edits WHERE section = ?",
    "DELETE FROM history WHERE section = ?",
)


def _summed(sql: str, *columns: Column) -> Statement:
    return sql, (*columns, checksum(*columns))


@_statements.register
def _(write: PutJob) -> Iterator[Statement]:
    yield _summed(_PUT_JOB, write.job.guid, to_text(write.job, "guid"))


@_statements.register
def _(write: DropJob) -> Iterator[Statement]:
    for sql in _DROP_JOB:
        yield sql, (write.guid,)


@_statements.register
def _(write: AddRevision) -> Iterator[Statement]:
    revision = write.revision
    head = to_text(revision, "revision", "edits")
    placed = sorted(enumerate(revision.edits), key=lambda each: each[1].section)
    for section, edits in groupby(placed, key=lambda each: each[1].section):
        text = to_text([[place, edit.option, edit.before, edit.after] for place, edit in edits])
        yield _summed(_ADD_HISTORY, section, revision.revision, f"[{head},{text}]")
    yield from map(_overlay, revision.edits)


def _overlay(edit: SavedEdit) -> Statement:
    if edit.after is None:
        return "DELETE FROM edits WHERE section = ? AND option = ?", (edit.section, edit.option)
    return _summed(_PUT_EDIT, edit.section, edit.option, *edit.after)


@_statements.register
def _(write: PutDocument) -> Iterator[Statement]:
    yield _summed(_PUT_DOCUMENT, write.text, write.digest)


@_statements.register
def _(write: PutRollout) -> Iterator[Statement]:
    yield _summed(_PUT_ROLLOUT, write.id, to_text(write.record))


@_statements.register
def _(write: DropRollout) -> Iterator[Statement]:
    yield "DELETE FROM rollouts WHERE id = ?", (write.id,)


@_statements.register
def _(write: AddEvent) -> Iterator[Statement]:
    yield _summed(_ADD_EVENT, write.event.id, write.event.guid, to_text(write.event, "id", "guid"))


@_statements.register
def _(write: PutMessage) -> Iterator[Statement]:
    message = write.message
    text = to_text(message, "number", "receiver", "data")
    yield _summed(_PUT_MESSAGE, message.number, message.receiver, text, message.data)


@_statements.register
def _(write: DropMessage) -> Iterator[Statement]:
    yield "DELETE FROM messages WHERE number = ?", (write.number,)


@_statements.register
def _(write: PutValue) -> Iterator[Statement]:
    if write.value is None:
        yield 'DELETE FROM "values" WHERE name = ?', (write.name,)
    else:
        yield _summed(_PUT_VALUE, write.name, to_text(write.value))
