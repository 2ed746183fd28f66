"""A process that keeps numbers, several at a time, and says which are kept: to be killed.

``python -m tests.store.committer PATH``: a line for each, who and what.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from proactor.errors import StorageFailed, StorageFull
from proactor.saved import AddEvent, PutValue
from proactor.store.opening import open_store
from proactor.store.sqlite import SqliteStore
from proactor.store.threads import Threads

from .values import event

WRITERS = 5


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def keep(store: SqliteStore, who: int, number: int) -> None:
    """Keep one number after the other, without end; those that are refused are skipped, and said to be."""
    while True:
        number += 1
        try:
            await store.commit([PutValue(f"{who}", number), AddEvent(event(WRITERS * number + who, text="x" * 300))])
        except (StorageFailed, StorageFull) as error:
            say("refused", who, number, type(error).__name__)
        else:
            say("kept", who, number)


def main() -> None:
    from twisted.internet import reactor  # noqa: PLC0415

    untyped: Any = reactor
    store = open_store(Path(sys.argv[1]), Threads.of(untyped), untyped)
    values = store.load().values
    say("open")
    for who in range(WRITERS):
        Deferred.fromCoroutine(keep(store, who, values.get(f"{who}", 0)))
    untyped.run()


if __name__ == "__main__":
    main()
