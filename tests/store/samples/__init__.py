"""A database of each version there was, as SQL, and what it holds.

``python -m tests.store.samples`` writes that of the present version; those of older ones stay as they are.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from twisted.internet.task import Clock

from proactor.saved import (
    AddEvent,
    AddRevision,
    PutDocument,
    PutJob,
    PutMessage,
    PutRollout,
    PutValue,
    Saved,
    SavedEdit,
    Write,
)
from proactor.store.opening import open_store
from proactor.store.schema import APPLICATION_ID
from proactor.store.schema import SCRIPTS as VERSIONS
from proactor.store.threads import Threads

from ..values import GUID, OTHER, event, full_job, job, message, revision

FOLDER = Path(__file__).parent
SCRIPTS: Mapping[int, str] = {int(each.stem): each.read_text("utf-8") for each in sorted(FOLDER.glob("*.sql"))}

EDITS = SavedEdit("my.module", "rate", None, ("2", 2)), SavedEdit(GUID, "colour", None, ("grün", 2))

MESSAGES = message(1), message(2, OTHER, tries=3)
SAVED = Saved(
    jobs={GUID: full_job(), OTHER: job(OTHER)},
    revision=3,
    edits={"my.module": {"rate": ("2", 2)}, GUID: {"colour": ("grün", 2)}},
    history=(revision(2, *EDITS),),
    document=PutDocument("[DEFAULT]\nrate = 1\n", "digest"),
    rollouts={"a": {"state": "done"}},
    events=(event(1), event(2, None, cause_of="it")),
    last_event=2,
    messages=tuple(each.head() for each in MESSAGES),
    last_message=2,
    values={"a": {"b": [1.5, None]}},
)

WRITES: tuple[Write, ...] = (
    *map(PutJob, SAVED.jobs.values()),
    AddRevision(SAVED.history[0]),
    AddRevision(revision(3)),
    *map(AddEvent, SAVED.events),
    *map(PutMessage, MESSAGES),
    PutDocument("[DEFAULT]\nrate = 1\n", "digest"),
    PutRollout("a", {"state": "done"}),
    PutValue("a", {"b": [1.5, None]}),
)


def write_present() -> None:
    """Write the sample of the present version."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "proactor.db"
        store = open_store(path, Threads.none(), Clock())
        store.commit(WRITES)
        store.close()
        with closing(sqlite3.connect(path)) as connection:
            lines = [*connection.iterdump(), f"PRAGMA application_id = {APPLICATION_ID};"]
    lines.append(f"PRAGMA user_version = {len(VERSIONS)};")
    (FOLDER / f"{len(VERSIONS)}.sql").write_text("\n".join(lines) + "\n", "utf-8")
