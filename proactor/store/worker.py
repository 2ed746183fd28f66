"""What the store's thread does: one thing after another, and all that waits to be kept at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..saved import AddEvent, SavedEvent
from .database import Batch, Database
from .notes import MOST, thinned
from .threads import Threads
from .trouble import Kept

__all__ = ["Commit", "Task", "Worker"]

_MOST = 500
"""Batches in one transaction."""

_log = Logger()


@frozen(eq=False)
class Commit:
    """Something to keep.

    :param kept: who waits for that; nobody for what was noted.
    """

    batch: Batch
    kept: Deferred[None] | None = None


@frozen(eq=False)
class Task:
    """Something else to do, and who waits for what it gives."""

    do: Callable[[], Any]
    done: Deferred[Any] = field(factory=Deferred)


@define(eq=False)
class Worker:
    """Works a queue off, in its thread.

    :param late: called, in the reactor's thread, when something that was noted could not be kept yet.
    """

    database: Database
    threads: Threads
    late: Callable[[], None]
    #: What was noted and could not be kept yet: it comes before anything else.
    held: list[Batch] = field(factory=list, init=False)
    _queue: deque[Commit | Task] = field(factory=deque, init=False)
    _lock: Lock = field(factory=Lock, init=False)
    _is_working: bool = field(default=False, init=False)

    def put(self, items: Iterable[Commit | Task]) -> None:
        """Have things done, in this order."""
        with self._lock:
            self._queue.extend(items)
            if self._is_working:
                return
            self._is_working = True
        self.threads.there(self._work)

    # In the store's thread from here on.

    def meanwhile(self) -> None:
        """In something that takes long: keep what is to be kept, as far as nothing else comes before it."""
        while self.keep():
            pass

    def events(self, before: int, count: int, guid: str | None) -> list[SavedEvent]:
        """The newest events below a number, oldest first; those that wait for room come after all that are kept."""
        writes = (write for batch in self.held for write in batch.writes if isinstance(write, AddEvent))
        held = [each.event for each in writes if each.event.id < before and guid in (None, each.event.guid)]
        return [*self.database.events(before, count, guid), *held][-count:]

    def _work(self) -> None:
        while self._is_something_left():
            if not self.keep():
                self._do_next()

    def _is_something_left(self) -> bool:
        with self._lock:
            self._is_working = bool(self._queue)
            return self._is_working

    def keep(self) -> bool:
        """Keep what comes before anything else in the queue; false where that is nothing."""
        commits = self._next_commits()
        if not commits:
            return False
        self._report(commits, self._keep(commits))
        self.database.tidy()
        return True

    def _next_commits(self) -> list[Commit]:
        commits: list[Commit] = []
        with self._lock:
            while self._queue and len(commits) < _MOST:
                item = self._queue[0]
                if isinstance(item, Task):
                    break
                commits.append(item)
                self._queue.popleft()
        return commits

    def _keep(self, commits: Sequence[Commit]) -> Sequence[Kept | Failure]:
        """How each of them ended; what was noted may be held."""
        batches = [*self.held, *(each.batch for each in commits)]
        outcomes: Sequence[Kept | Failure]
        try:
            outcomes = self.database.write(batches)
        except Exception:  # noqa: BLE001 - a mistake of ours, told to those who wait
            _log.failure("The store failed")
            outcomes = [Failure()] * len(batches)
        before = len(self.held)
        self.held = [each for each, how in zip(batches, outcomes, strict=True) if each.noted and how is not None]
        if len(self.held) > MOST:
            self.held = thinned(self.held)
        return outcomes[before:]

    def _report(self, commits: Sequence[Commit], outcomes: Sequence[Kept | Failure]) -> None:
        is_late = bool(self.held)

        def tell() -> None:
            for commit, outcome in zip(commits, outcomes, strict=True):
                _answer(commit.kept, outcome)
            if is_late:
                self.late()

        self.threads.back(tell)

    def _do_next(self) -> None:
        with self._lock:
            task = self._queue.popleft()
        assert isinstance(task, Task)
        done, result = task.done, _outcome(task.do)
        self.threads.back(lambda: done.callback(result))


def _answer(kept: Deferred[None] | None, outcome: Kept | Failure) -> None:
    if kept is not None:
        if outcome is None:
            kept.callback(None)
        else:
            kept.errback(outcome)


def _outcome(do: Callable[[], Any]) -> Any:
    """What it gives, or a failure, with which a Deferred fails."""
    try:
        return do()
    except Exception:  # noqa: BLE001 - told to who waits
        return Failure()
