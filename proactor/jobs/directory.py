"""Who is ready, as it changes: fed by the supervision, looked through by nobody.

What is asked costs what the answer holds. What changes is told to those whose answer it changes, all that happens
within some milliseconds at once, and less often the more there are to be told.
"""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..model import Job
from ..reactor.slices import in_slices
from .launch_plan import base_url

#: For how long changes are gathered before those who wait are told, in seconds: at least, and for each who waits.
GATHERED, GATHERED_EACH = 0.02, 0.0005
#: No longer than this.
GATHERED_MOST = 5.0
#: Of how many changes it is known what they were; who was away for longer gets all that there is.
REMEMBERED = 5_000
#: Of how many kinds of processors what they can be chosen by is kept once for all of them.
_KINDS = 1024

log = Logger(namespace="proactor.initiator")


@frozen
class Endpoint:
    """A processor that is ready.

    :param local_url: where it is reached on this machine, whatever the public address is; ``None``: it is not on it.
    """

    guid: str
    module: str
    labels: Mapping[str, str] = field(hash=False)
    url: str
    incarnation: int
    local_url: str | None = None
    #: All that as JSON, for it is told many times.
    text: str = field(init=False, eq=False, repr=False)
    #: What it can be chosen by, but for its guid.
    kind: frozenset[str] = field(init=False, eq=False, repr=False)

    @text.default
    def _text(self) -> str:
        record = {
            "guid": self.guid,
            "module": self.module,
            "labels": dict(self.labels),
            "url": self.url,
            "local_url": self.local_url,
            "incarnation": self.incarnation,
        }
        return json.dumps(record, ensure_ascii=False)

    @kind.default
    def _kind(self) -> frozenset[str]:
        return _kind(self.module, tuple(self.labels.items()))

    @classmethod
    def of(cls, job: Job) -> Endpoint:
        """A job's."""
        local = base_url(job.address, job.port) if job.address else None
        return cls(job.guid, job.module, dict(job.labels), job.url, job.incarnation, local)

    def terms(self) -> Iterator[str]:
        """All that it can be chosen by."""
        yield f"guid:{self.guid}"
        yield from self.kind


@lru_cache(_KINDS)
def _kind(module: str, labels: tuple[tuple[str, str], ...]) -> frozenset[str]:
    terms = (each for name, value in labels for each in (f"label:{name}", f"label:{name}={value}"))
    return frozenset(map(sys.intern, (f"module:{module}", *terms)))


@lru_cache(_KINDS)
def _kinds(before: frozenset[str] | None, after: frozenset[str] | None) -> tuple[frozenset[str], ...]:
    return tuple({each for each in (before, after) if each is not None})


Selection = frozenset[str]


def selection(module: str | None, labels: Iterable[str], guid: str | None = None) -> Selection:
    """That of a guid, those of a module and of some labels, ``NAME`` or ``NAME=VALUE``, each where it is named."""
    named = {"guid": guid, "module": module}
    terms = [f"{name}:{value}" for name, value in named.items() if value is not None]
    return frozenset([*terms, *(f"label:{label}" for label in labels)])


@frozen
class _Change:
    """One that came, went, or is another than before. Many are remembered, and so no more of each than this.

    :param kinds: what it could be chosen by before, or can be now.
    """

    guid: str
    kinds: tuple[frozenset[str], ...]

    def terms(self) -> set[str]:
        return {f"guid:{self.guid}"}.union(*self.kinds)


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
    #: As far as those who wait have been told.
    _told: int = field(init=False)
    _ready: dict[str, Endpoint] = field(factory=dict, init=False)
    _by_key: dict[str, dict[str, Endpoint]] = field(factory=dict, init=False)
    #: The version at which those of a key that there is changed last.
    _changed: dict[str, int] = field(factory=dict, init=False)
    _changes: deque[_Change] = field(factory=lambda: deque(maxlen=REMEMBERED), init=False)
    #: Who waits, by one of the keys of what each waits for; the empty text where that is any change.
    _waiting: dict[str, dict[Deferred[None], Selection]] = field(factory=dict, init=False)
    _next: IDelayedCall | None = field(default=None, init=False)
    _last_told_at: float = field(default=float("-inf"), init=False)
    _closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.version = self._told = self.first

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
        change = _Change(guid, _kinds(before and before.kind, after and after.kind))
        self._changes.append(change)
        if before is not None:
            self._remove(before)
        if after is not None:
            self._add(after)
        for key in change.terms() & self._by_key.keys():
            self._changed[key] = self.version
        self._tell_later()

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
        return [each for each in fewest.values() if _fits(each, wanted)]

    def changes(self, known: int, wanted: Selection = frozenset()) -> Mapping[str, Endpoint | None] | None:
        """What is different since a version, by guid: as it is now, or ``None`` where it is not ready any more.

        :return: ``None`` where that is not remembered.
        """
        since = self._since(known)
        if since is None:
            return None
        if self._is_quiet(known, wanted):
            return {}
        touched = dict.fromkeys(each.guid for each in since if _touches(each, wanted))
        now = ((guid, self._ready.get(guid)) for guid in touched)
        return {guid: each if each is not None and _fits(each, wanted) else None for guid, each in now}

    def _since(self, known: int, until: int | None = None) -> Sequence[_Change] | None:
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
        return not self._is_quiet(known, wanted) and any(_touches(each, wanted) for each in since)

    async def changed(self, known: int, wanted: Selection, timeout: float) -> None:
        """Wait until there is something else than at a version, or ``timeout`` seconds are over.

        While changes are gathered, who asks again waits for the rest of them as well.
        """
        until = self.clock.seconds() + timeout
        news = self.is_new(known, wanted, self._told)
        while not news and not self._closed and (left := until - self.clock.seconds()) > 0:
            await self._wait(wanted, left)
            news = self.is_new(known, wanted)

    async def _wait(self, wanted: Selection, seconds: float) -> None:
        waiting: Deferred[None] = Deferred()
        key = min(wanted, default="")
        self._waiting.setdefault(key, {})[waiting] = wanted
        over = self.clock.callLater(seconds, _answer, waiting)
        try:
            await waiting
        finally:
            if over.active():
                over.cancel()
            self._waiting[key].pop(waiting, None)
            if not self._waiting[key]:
                del self._waiting[key]

    # Those who wait.

    def _tell_later(self) -> None:
        if self._next is not None or self._closed:
            return
        now, waiting = self.clock.seconds(), sum(map(len, self._waiting.values()))
        pause = min(GATHERED_MOST, GATHERED_EACH * waiting)
        self._next = self.clock.callLater(max(GATHERED, self._last_told_at + pause - now), self._tell)

    def _tell(self) -> None:
        self._next = None
        self._last_told_at = self.clock.seconds()
        since, self._told = self._since(self._told), self.version
        concerned = self._everybody() if since is None else self._concerned(since)
        work = Deferred.fromCoroutine(in_slices(self.clock, map(_answer, concerned)))
        work.addErrback(lambda failure: log.failure("Telling who is ready", failure))

    def _everybody(self) -> list[Deferred[None]]:
        return [waiting for waiters in self._waiting.values() for waiting in waiters]

    def _concerned(self, changes: Iterable[_Change]) -> dict[Deferred[None], None]:
        """Those who wait for one of some changes."""
        found: dict[Deferred[None], None] = {}
        for change in changes:
            for key in change.terms() | {""}:
                waiters = self._waiting.get(key, {})
                found |= dict.fromkeys(each for each, wanted in waiters.items() if _touches(change, wanted))
        return found

    def close(self) -> None:
        """Nobody is told any more: let all go."""
        self._closed = True
        if self._next is not None:
            self._next.cancel()
            self._next = None
        for waiting in self._everybody():
            _answer(waiting)


def _fits(endpoint: Endpoint, wanted: Selection) -> bool:
    return not wanted or wanted <= set(endpoint.terms())


def _touches(change: _Change, wanted: Selection) -> bool:
    rest = wanted - {f"guid:{change.guid}"}
    return any(rest <= kind for kind in change.kinds)


def _answer(waiting: Deferred[None]) -> None:
    if not waiting.called:
        waiting.callback(None)
