"""Who is ready, as it changes: fed by the supervision, looked through by nobody.

What is asked costs what the answer holds. Those who wait for a change are the ``audience``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from ..model import Job
from .audience import Audience
from .endpoint import Change, Endpoint, Selection

#: Of how many changes it is known what they were; who was away for longer gets all that there is.
REMEMBERED = 5_000


@define(eq=False)
class Directory:
    """Those that are ready.

    :param first: a number that no earlier one has come to: what an earlier initiator called by a number is not taken
        for something of this one.
    """

    clock: IReactorTime
    first: int = 0
    #: How many changes there have been, from ``first`` on.
    version: int = field(init=False)
    _ready: dict[str, Endpoint] = field(factory=dict, init=False)
    _by_key: dict[str, dict[str, Endpoint]] = field(factory=dict, init=False)
    #: The version at which those of a key that there is changed last.
    _changed: dict[str, int] = field(factory=dict, init=False)
    _changes: deque[Change] = field(factory=lambda: deque(maxlen=REMEMBERED), init=False)
    _audience: Audience = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.version, self._audience = self.first, Audience(self.clock)

    # What the supervision tells.

    def look(self, job: Job) -> None:
        """A job may have become ready, or no longer be."""
        before = self._ready.get(job.guid)
        after = Endpoint.of(job) if job.ready else None
        if before != after:
            self._change(job.guid, before, after)

    def presume(self, job: Job) -> None:
        """A job that an earlier initiator saw ready, and whose process lives on, is so until the contrary is seen.

        Or all who look would lose all others for as long as their endpoints are asked.
        """
        if job.guid not in self._ready:
            self._change(job.guid, None, Endpoint.of(job))

    def _change(self, guid: str, before: Endpoint | None, after: Endpoint | None) -> None:
        self.version += 1
        change = Change.of(guid, before, after)
        self._changes.append(change)
        if before is not None:
            self._remove(before)
        if after is not None:
            self._add(after)
        for key in change.terms() & self._by_key.keys():
            self._changed[key] = self.version
        self._audience.hear(change)

    def _remove(self, endpoint: Endpoint) -> None:
        del self._ready[endpoint.guid]
        for key in endpoint.terms():
            del self._by_key[key][endpoint.guid]
            if not self._by_key[key]:
                del self._by_key[key]
                self._changed.pop(key, None)

    def _add(self, endpoint: Endpoint) -> None:
        self._ready[endpoint.guid] = endpoint
        for key in endpoint.terms():
            self._by_key.setdefault(key, {})[endpoint.guid] = endpoint

    # What is asked.

    def ready(self, wanted: Selection = frozenset()) -> list[Endpoint]:
        """Those that are ready at this moment, of a selection."""
        if not wanted:
            return list(self._ready.values())
        fewest = min((self._by_key.get(key, {}) for key in wanted), key=len)
        return [each for each in fewest.values() if each.fits(wanted)]

    def changes(self, known: int, wanted: Selection = frozenset()) -> Mapping[str, Endpoint | None] | None:
        """What is different since a version, by guid: as it is now, or ``None`` where it is not ready any more.

        :return: ``None`` where that is not remembered.
        """
        since = self._since(known)
        if since is None:
            return None
        if self._is_quiet(known, wanted):
            return {}
        touched = dict.fromkeys(each.guid for each in since if each.touches(wanted))
        now = ((guid, self._ready.get(guid)) for guid in touched)
        return {guid: each if each is not None and each.fits(wanted) else None for guid, each in now}

    def _since(self, known: int, until: int | None = None) -> Sequence[Change] | None:
        """The changes after a version, up to another; ``None`` where they are not remembered."""
        count, last = self.version - known, len(self._changes)
        if not 0 <= count <= last:
            return None
        end = last if until is None else last - (self.version - until)
        return [self._changes[at] for at in range(last - count, end)]

    def _is_quiet(self, known: int, wanted: Selection) -> bool:
        """Whether it is plain that nothing changed: all of a key are as they were."""
        return known == self.version or any(self._changed.get(key, known + 1) <= known for key in wanted)

    def is_new(self, known: int | None, wanted: Selection = frozenset(), until: int | None = None) -> bool:
        """Whether who has a version does not have what there is now, or was at another."""
        if known is None or known == self.version:
            return known is None
        since = self._since(known, until)
        if since is None:
            return True
        return not self._is_quiet(known, wanted) and any(each.touches(wanted) for each in since)

    async def changed(self, known: int, wanted: Selection, timeout: float) -> None:
        """Wait until there is something else than at a version, or ``timeout`` seconds are over.

        While changes are gathered, who asks again waits for the rest of them as well.
        """
        until = self.clock.seconds() + timeout
        news = self.is_new(known, wanted, self.version - self._audience.untold)
        while not news and not self._audience.closed and (left := until - self.clock.seconds()) > 0:
            await self._audience.wait(wanted, left)
            news = self.is_new(known, wanted)

    def close(self) -> None:
        """Nobody is told any more: let all who wait go."""
        self._audience.close()
