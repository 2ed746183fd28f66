"""The store in memory: for tests, and of the same behaviour as the one on the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from ..errors import StorageFailed, StorageFull
from ..saved import AddEvent, Saved, SavedEvent, SavedMessage, Write
from .interface import IStore
from .tables import Tables
from .writing import statements

__all__ = ["MemoryStore"]

SOON = 0.05


@implementer(IStore)
@define(eq=False)
class MemoryStore:
    """Keeps all as long as it is there.

    What the next initiator finds when this one is killed: :meth:`reopened`.

    :param clock: for what is noted; without one that is kept at once.
    """

    clock: IReactorTime | None = None
    _tables: Tables = field(factory=Tables)
    _noted: list[Write] = field(factory=list, init=False)
    _late: list[Write] = field(factory=list, init=False)
    _flush: IDelayedCall | None = field(default=None, init=False)
    _waiting: deque[Callable[[], None]] = field(factory=deque, init=False)
    _is_held: bool = field(default=False, init=False)
    _is_working: bool = field(default=False, init=False)
    _failures: list[Exception] = field(factory=list, init=False)
    _broken: Exception | None = field(default=None, init=False)
    _is_closed: bool = field(default=False, init=False)
    #: Every commit that was kept, as it came, without what was noted.
    commits: list[Sequence[Write]] = field(factory=list, init=False)

    # The store.

    def load(self) -> Saved:
        """All that is kept."""
        return self._tables.saved()

    def commit(self, writes: Sequence[Write]) -> Deferred[None]:
        """Keep these, all or none; with them all that was noted before."""
        if self._is_closed:
            return fail(self._over())
        noted, kept = self._taken(), Deferred[None]()
        self._turn(lambda: self._keep(noted, writes, kept))
        return kept

    def note(self, writes: Sequence[Write]) -> None:
        """Keep these with the next commit, or soon."""
        if self._is_closed:
            raise self._over()
        statements(writes)
        self._noted += writes
        if self.clock is None:
            self.flush()
        elif self._noted and self._flush is None:
            self._flush = self.clock.callLater(SOON, self._flush_now)

    def events(self, before: int, count: int, guid: str | None = None) -> Deferred[list[SavedEvent]]:
        """The newest events below a number, oldest first; of one job, or of all."""
        if self._is_closed:
            return fail(self._over())
        self.flush()
        found: Deferred[list[SavedEvent]] = Deferred()
        self._turn(lambda: found.callback(self._newest(before, count, guid)))
        return found

    def _newest(self, before: int, count: int, guid: str | None) -> list[SavedEvent]:
        late = [write.event for write in self._late if isinstance(write, AddEvent)]
        chosen = [each for each in late if each.id < before and guid in (None, each.guid)]
        return [*self._tables.newest(before, count, guid), *chosen][-count:]

    def messages(self, numbers: Sequence[int]) -> Deferred[list[SavedMessage]]:
        """Those messages of these numbers that there are."""
        if self._is_closed:
            return fail(self._over())
        self.flush()
        found: Deferred[list[SavedMessage]] = Deferred()
        self._turn(lambda: found.callback(self._tables.messages_of(numbers)))
        return found

    def close(self) -> Deferred[None]:
        """Keep what was noted."""
        if self._is_closed:
            return succeed(None)
        self.flush()
        self._is_closed = True
        closed: Deferred[None] = Deferred()
        self._turn(lambda: closed.callback(None))
        return closed

    # For tests.

    def reopened(self) -> MemoryStore:
        """What the next initiator finds when this one is killed now: what is noted or held back is lost."""
        return MemoryStore(self.clock, self._tables.copy())

    def fail(self, error: Exception | None = None, times: int | None = None) -> None:
        """Have what is to be kept next fail; as a full disk does, unless another error is given.

        :param times: how many; all until :meth:`recover`, where that is not said.
        """
        error = error or StorageFull("there is no room: nothing of it was done; free some and try again")
        if times is None:
            self._broken = error
        else:
            self._failures += [error] * times

    def recover(self) -> None:
        """Let no commit fail any more."""
        self._broken = None
        self._failures.clear()

    def hold(self) -> None:
        """Have commits wait, until :meth:`release`."""
        self._is_held = True

    def release(self, count: int | None = None) -> None:
        """Let so many commits that wait be done; where no number is given all, and none waits any more."""
        if count is None:
            self._is_held = False
            self._work()
        else:
            for _ in range(min(count, len(self._waiting))):
                self._waiting.popleft()()

    @property
    def waiting(self) -> int:
        """How much waits."""
        return len(self._waiting)

    def flush(self) -> None:
        """Keep what was noted, as is done soon."""
        noted = self._taken()
        if noted:
            self._turn(lambda: self._keep(noted, (), None))

    # Within.

    def _flush_now(self) -> None:
        self._flush = None
        self.flush()

    def _over(self) -> StorageFailed:
        return StorageFailed("the store is closed: nothing of it was done")

    def _taken(self) -> list[Write]:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        noted, self._noted = self._noted, []
        return noted

    def _turn(self, what: Callable[[], None]) -> None:
        """Do it when it is its turn."""
        self._waiting.append(what)
        if not self._is_working:
            self._work()

    def _work(self) -> None:
        self._is_working = True
        try:
            while self._waiting and not self._is_held:
                self._waiting.popleft()()
        finally:
            self._is_working = False

    def _keep(self, noted: Sequence[Write], writes: Sequence[Write], kept: Deferred[None] | None) -> None:
        self._late += noted
        error = self._failures.pop(0) if self._failures else self._broken
        if error is None:
            late, self._late = self._late, []
            for each in late:
                self._tried((each,))
            error = self._tried(writes)
            if error is None and writes:
                self.commits.append(tuple(writes))
        if kept is not None:
            if error is None:
                kept.callback(None)
            else:
                kept.errback(error)

    def _tried(self, writes: Sequence[Write]) -> StorageFailed | None:
        try:
            self._tables.keep(writes)
        except StorageFailed as error:
            return error
        return None
