"""Death at the N-th thing that outlives it: a commit, a lock, a launch, an answer; right before or right behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from attrs import define
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from proactor.errors import ProactorError
from proactor.interfaces import Handle, ILauncher, LaunchSpec
from proactor.jobs.launch_record import LaunchRecord
from proactor.jobs.surroundings import Locks
from proactor.model import Exit
from proactor.saved import Saved, SavedEvent, SavedMessage, Write
from proactor.store.interface import IStore


class Died(ProactorError):
    """Nothing more is done."""


@define(eq=False)
class Mortal:
    """Counts the points at which it might die, and dies at one.

    :param at: at which; 0: never.
    :ivar passed: how many there were.
    """

    at: int = 0
    passed: int = 0
    is_dead: bool = False

    def point(self) -> bool:
        """One point; whether it is alive behind it."""
        if not self.is_dead:
            self.passed += 1
            self.is_dead = self.passed == self.at
        return not self.is_dead

    def check(self) -> None:
        """One point, of what cannot just stay away.

        :raises Died: it is dead.
        """
        if not self.point():
            raise Died


@implementer(IStore)
@define(eq=False)
class MortalStore:
    """A store: a commit is kept and told of, or kept, or neither."""

    store: IStore
    mortal: Mortal

    def load(self) -> Saved:
        """All that there is."""
        return self.store.load()

    def commit(self, writes: Sequence[Write]) -> Deferred[None]:
        """Keep these."""
        kept: Deferred[None] = Deferred()
        if self.mortal.point():
            told = self.store.commit(writes)
            told.addCallbacks(lambda _: kept.callback(None) if self.mortal.point() else None, kept.errback)
        return kept

    def note(self, writes: Sequence[Write]) -> None:
        """Keep these, later; what is noted in the moment of death is lost."""
        if self.mortal.point():
            self.store.note(writes)

    def events(self, before: int, count: int, guid: str | None = None) -> Deferred[list[SavedEvent]]:
        """The newest."""
        return self.store.events(before, count, guid)

    def messages(self, numbers: Sequence[int]) -> Deferred[list[SavedMessage]]:
        """Those that there are; a dead one hears nothing of it."""
        return self.store.messages(numbers)

    def close(self) -> Deferred[None]:
        """Nothing to do."""
        return succeed(None)


@implementer(ILauncher)
@define(eq=False)
class MortalLauncher:
    """A launcher: a process is started and told of, or started, or neither."""

    launcher: ILauncher
    mortal: Mortal
    name: str = "spawn"

    def launch(self, spec: LaunchSpec, ended: Callable[[Exit], None]) -> Deferred[Handle]:
        """Start a process."""
        told: Deferred[Handle] = Deferred()
        if self.mortal.point():
            launched = self.launcher.launch(spec, self._while_alive(ended))
            launched.addCallbacks(lambda handle: told.callback(handle) if self.mortal.point() else None, told.errback)
        return told

    def _while_alive(self, ended: Callable[[Exit], None]) -> Callable[[Exit], None]:
        return lambda exit_: None if self.mortal.is_dead else ended(exit_)

    def adopt(self, handle: Handle, ended: Callable[[Exit], None]) -> bool:
        """Take over a process."""
        self.mortal.check()
        return self.launcher.adopt(handle, self._while_alive(ended))

    def stop(self, handle: Handle, grace: float) -> Deferred[None]:
        """End a process."""
        return self.launcher.stop(handle, grace) if self.mortal.point() else Deferred()

    def signal(self, handle: Handle, number: int) -> None:
        """Send a signal."""
        if self.mortal.point():
            self.launcher.signal(handle, number)


@define(eq=False)
class MortalLocks:
    """Locks: one is taken and had, or taken, or neither."""

    locks: Locks
    mortal: Mortal
    leaders: Callable[[], Mapping[str, int]]
    launch: Callable[[str], LaunchRecord]

    def take(self, guid: str, launch: LaunchRecord) -> int:
        """A descriptor."""
        self.mortal.check()
        fd = self.locks.take(guid, launch)
        if not self.mortal.point():
            os.close(fd)
            raise Died
        return fd

    def reserve(self, guid: str) -> None:
        """Make room for one."""
        self.mortal.check()
        self.locks.reserve(guid)
        if not self.mortal.point():
            raise Died

    def remove(self, guid: str) -> None:
        """There is none any more."""
        if self.mortal.point():
            self.locks.remove(guid)
