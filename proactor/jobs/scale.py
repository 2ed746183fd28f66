"""Keeps as many processors of a module as its section's ``instances`` says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from itertools import groupby

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..changes.configurator import Configurator
from ..config.draft import Draft
from ..config.job_settings import instances
from ..config.layers import Layers
from ..config.settings import initiator_settings, module_sections
from ..errors import ConfigError, ProactorError
from ..model import Job, State, Wanted
from .fleet import Fleet, Order
from .room import check_room

#: Where a job stays that does nothing any more.
_AT_REST = (State.STOPPED, State.EXITED, State.FATAL)
#: Before another try, when there was no room or no port for one, in seconds.
_LATER = 5.0

log = Logger()


@define(eq=False)
class Scale:
    """Each section by itself: one look at a time, and one that is asked for meanwhile follows.

    :param is_reached: whether an edit is on its way to some of these processors: it may be taken back.
    """

    clock: IReactorTime
    configurator: Configurator
    fleet: Fleet
    is_reached: Callable[[Collection[str]], bool]
    #: The sections that are being looked at, and whether they are to be again.
    _again: dict[str, bool] = field(factory=dict)
    #: What was said of each section that cannot be mended now; it is tried again often, and said once.
    _said: dict[str, str] = field(factory=dict)

    def look(self) -> None:
        """See whether there are too few of a module, or too many, and mend it."""
        layers = self.configurator.live.layers
        for section in module_sections(layers):
            if section in self._again:
                self._again[section] = True
            elif instances(layers, section) is not None:
                self._begin(section)

    def _begin(self, section: str) -> None:
        self._again[section] = True
        looking = Deferred.fromCoroutine(self._look(section))
        looking.addErrback(partial(log.failure, "Keeping instances of {section}", section=section))

    async def _look(self, section: str) -> None:
        try:
            while self._again[section] and not self.fleet.closing:
                self._again[section] = False
                await self._mend(section)
        finally:
            del self._again[section]

    async def _mend(self, section: str) -> None:
        wanted = self._wanted(section)
        missing = 0 if wanted is None else wanted - len(self.fleet.of_module(section))
        try:
            if missing > 0:
                await self.fleet.create(Order(section, missing), "instances")
            else:
                await self._reduce(section)
        except ProactorError as e:
            self._later(section, str(e), self.look)
        else:
            self._said.pop(section, None)

    async def _reduce(self, section: str) -> None:
        """Have those that are too many go, all at once, for as long as they are: that may change meanwhile."""
        for job in _first_to_go(self.fleet.of_module(section)):
            there, wanted = self.fleet.of_module(section), self._wanted(section)
            if wanted is None or len(there) <= wanted or self.is_reached([each.guid for each in there]):
                return
            if not job.doomed and job.guid in self.fleet.jobs:
                await self._delete(section, job.guid)

    async def _delete(self, section: str, guid: str) -> None:
        self._see_to(section, guid, await self.fleet.delete(guid, "instances"))

    def _see_to(self, section: str, guid: str, work: Deferred[None]) -> None:
        work.addErrback(self._not_gone, section, guid)
        work.addErrback(partial(log.failure, "Removing {guid}", guid=guid))

    def _not_gone(self, failure: Failure, section: str, guid: str) -> None:
        failure.trap(ProactorError)
        self._later(section, failure.getErrorMessage(), partial(self._delete_again, section, guid))

    def _delete_again(self, section: str, guid: str) -> None:
        if guid in self.fleet.jobs and not self.fleet.closing:
            self._see_to(section, guid, Deferred.fromCoroutine(self._delete(section, guid)))

    def _wanted(self, section: str) -> int | None:
        """How many are to be kept; ``None``: there is no such number, or no such section any more."""
        layers = self.configurator.live.layers
        return instances(layers, section) if section in module_sections(layers) else None

    def _later(self, section: str, problem: str, again: Callable[[], None]) -> None:
        if not self.fleet.closing:
            self._say(section, self._wanted(section), problem)
            self.clock.callLater(_LATER, again)

    def _say(self, section: str, wanted: int | None, problem: str) -> None:
        said = f"instances = {'' if wanted is None else wanted}: {problem}"
        if self._said.get(section) != said:
            self._said[section] = said
            log.warn("[{section}] {said}; tried again every {seconds:g} s", section=section, said=said, seconds=_LATER)

    def checked(self, make: Callable[[], Draft]) -> Draft:
        """An operator's edit, where there is room for the processors that it would have kept running.

        :raises ConfigError, Conflict: there is none.
        """
        draft, live = make(), self.configurator.live.layers
        for section, edited in draft.edited.items():
            if "instances" in edited and _is_number(draft.layers, section):
                settings = initiator_settings(draft.layers, self.configurator.settings.guid)
                there = Counter(job.module for job in self.fleet.jobs.values() if not job.doomed)
                check_room(live, draft.layers, section, settings, there)
        return draft


def _is_number(layers: Layers, section: str) -> bool:
    """Whether it is what it must be; where it is not the edit is refused for that."""
    if section not in module_sections(layers):
        return False
    try:
        instances(layers, section)
    except (ValueError, ConfigError):
        return False
    return True


def _first_to_go(jobs: list[Job]) -> list[Job]:
    """In which order they go: who does not run and will not by itself, who is not ready, then the youngest."""

    def rank(job: Job) -> tuple[bool, bool, datetime]:
        return job.wanted is Wanted.STOPPED or job.state in _AT_REST, not job.ready, job.created

    ordered = sorted(jobs, key=rank, reverse=True)
    # Of those that were made at the same moment, the last.
    return [job for _, same in groupby(ordered, rank) for job in reversed(list(same))]
