"""Random sequences of writes against a plain model, on every store; what they hold is the same after any restart."""

from __future__ import annotations

import tempfile
from collections import deque
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.model import Exit, Identity, State, Wanted
from proactor.saved import (
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
    SavedEdit,
    SavedEvent,
    SavedJob,
    SavedMessage,
    SavedRevision,
    Write,
)
from proactor.store.codec import from_text, to_text
from proactor.store.memory import MemoryStore
from proactor.store.opening import open_store
from proactor.store.threads import Threads

from ..support.examples import examples
from .test_sqlite import killed
from .values import GUIDS


def as_one(value: list[Any]) -> tuple[Any, ...]:
    return tuple(value)


CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXT = st.text(CHARACTERS, max_size=20)
ANY_TEXT = st.text(max_size=20)
TIME = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(timezone.utc)) | st.datetimes(
    datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(timezone(timedelta(hours=5.5)))
)
NUMBER = st.integers(0, (1 << 63) - 1)
GUID = st.sampled_from(GUIDS)
SECTION = st.sampled_from([*GUIDS, "DEFAULT", "my.module"])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(ANY_TEXT, JSON, max_size=3)

JOBS = st.builds(
    SavedJob,
    guid=GUID,
    module=ANY_TEXT,
    launcher=ANY_TEXT,
    address=ANY_TEXT,
    port=NUMBER,
    created=TIME,
    labels=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2),
    wanted=st.sampled_from(Wanted),
    state=st.sampled_from(State),
    process=st.none() | st.builds(Identity, NUMBER, NUMBER, ANY_TEXT),
    exit=st.none()
    | st.builds(Exit, st.none() | NUMBER, st.none() | NUMBER, ANY_TEXT, st.lists(ANY_TEXT, max_size=3).map(as_one)),
    started=st.none() | TIME,
    next_start=st.none() | TIME,
    failures=st.lists(TIME, max_size=3).map(as_one),
    declared=st.none() | st.lists(OBJECT, max_size=2).map(as_one),
    serial=st.none() | ANY_TEXT,
    serial_expires=st.none() | TIME,
    serial_before=st.none() | ANY_TEXT,
    revoked=st.none() | TIME,
)
MESSAGES = st.builds(
    SavedMessage,
    number=st.integers(1, 9),
    sender=ANY_TEXT,
    receiver=GUID,
    id=ANY_TEXT,
    attributes=OBJECT,
    data=st.binary(max_size=100),
    accepted=TIME,
    expires=st.none() | TIME,
    tries=NUMBER,
    dead=st.none() | ANY_TEXT,
)
SETTING = st.none() | st.tuples(TEXT, NUMBER)
EDITS = st.builds(SavedEdit, section=SECTION, option=st.sampled_from("abc"), before=SETTING, after=SETTING)
REVISIONS = st.builds(
    SavedRevision,
    st.integers(1, 30),
    TIME,
    ANY_TEXT,
    ANY_TEXT,
    st.lists(EDITS, max_size=4, unique_by=lambda each: (each.section, each.option)).map(as_one),
)
EVENTS = st.builds(SavedEvent, st.integers(1, 30), TIME, ANY_TEXT, st.none() | GUID, ANY_TEXT, ANY_TEXT, OBJECT)
NAMES = st.sampled_from("xyz") | TEXT
WRITES: st.SearchStrategy[Write] = st.one_of(
    st.builds(PutJob, JOBS),
    st.builds(DropJob, GUID),
    st.builds(AddRevision, REVISIONS),
    st.builds(PutDocument, TEXT, TEXT),
    st.builds(PutRollout, NAMES, OBJECT),
    st.builds(DropRollout, NAMES),
    st.builds(AddEvent, EVENTS),
    st.builds(PutMessage, MESSAGES),
    st.builds(DropMessage, st.integers(1, 9)),
    st.builds(PutValue, NAMES, JSON),
)
COMMITS = st.lists(st.tuples(st.booleans(), st.lists(WRITES, max_size=4)), max_size=12)


class CodecTests(SynchronousTestCase):
    """Values as text."""

    @given(JOBS | MESSAGES | EVENTS | REVISIONS)
    def test_there_and_back(self, value: Any) -> None:
        """What is written is what is read, in a text that is one line of ASCII."""
        without = {"data": value.data} if isinstance(value, SavedMessage) else {}
        text = to_text(value, *without)
        self.assertTrue(text.isascii() and text.isprintable())
        self.assertEqual(from_text(type(value), text, **without), value)

    def test_kinds_of_values(self) -> None:
        """Any mapping and any sequence will do; what is no JSON will not."""
        value = {"a": MappingProxyType({"b": deque([1])}), "exit": Exit(1, None, "")}
        self.assertEqual(to_text(value), '{"a":{"b":[1]},"exit":{"code":1,"signal":null,"reason":"","lines":[]}}')
        for wrong in (b"bytes", {1, 2}, object()):
            self.assertRaises(TypeError, to_text, {"a": wrong})


class ModelTests(SynchronousTestCase):
    """The store on the disk, beside the plain dicts of the one in memory."""

    @examples(60, suppress_health_check=[HealthCheck.too_slow])
    @given(COMMITS, st.randoms())
    def test_same(self, commits: list[tuple[bool, list[Write]]], random: Any) -> None:
        """After any sequence both hold the same, and have taken and refused the same; so they do after a restart."""
        clock = Clock()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "proactor.db"
            store: Any = open_store(path, Threads.none(), clock)
            memory = MemoryStore(clock)
            for number, (is_noted, writes) in enumerate(commits):
                if is_noted:
                    store.note(writes)
                    memory.note(writes)
                else:
                    self.assertEqual(self.taken(store, writes), self.taken(memory, writes))
                self.assertEqual(store.load(), memory.load())
                if random.random() < 0.2:
                    store.close()
                    path = killed(path, Path(folder) / str(number)) if random.random() < 0.5 else path
                    store = open_store(path, Threads.none(), clock)
                    memory.flush()
            for guid in (None, *GUIDS):
                pages = [self.successResultOf(each.events(20, 5, guid)) for each in (store, memory)]
                self.assertEqual(pages[0], pages[1])
            store.close()
            memory.close()
            self.assertEqual(store_of(path, clock), memory.load())

    def taken(self, store: Any, writes: list[Write]) -> bool:
        kept: list[bool] = []
        store.commit(writes).addCallbacks(lambda _: kept.append(True), lambda _: kept.append(False))
        return kept[0]


def store_of(path: Path, clock: Clock) -> Saved:
    """What is in a file."""
    store = open_store(path, Threads.none(), clock)
    saved = store.load()
    store.close()
    return saved
