"""Keeps as many processors of a module as its section's ``instances`` says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

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
    """One look at a time; a look that is asked for meanwhile follows."""

    clock: IReactorTime
    configurator: Configurator
    fleet: Fleet
    _looking: bool = False
    _again: bool = False
    #: What was said of each section that cannot be mended now; it is tried again often, and said once.
    _said: dict[str, str] = field(factory=dict)

    def look(self) -> None:
        """See whether there are too few of a module, or too many, and mend it."""
        if self._looking:
            self._again = True
            return
        self._looking = True
        Deferred.fromCoroutine(self._look()).addErrback(lambda failure: log.failure("Keeping instances", failure))

    async def _look(self) -> None:
        try:
            self._again = True
            while self._again and not self.fleet.closing:
                self._again = False
                for section, wanted in list(self._kept()):
                    await self._mend(section, wanted)
        finally:
            self._looking = False

    def _kept(self) -> Iterator[tuple[str, int]]:
        layers = self.configurator.live.layers
        for section in module_sections(layers):
            wanted = instances(layers, section)
            if wanted is not None:
                yield section, wanted

    async def _mend(self, section: str, wanted: int) -> None:
        jobs = self.fleet.of_module(section)
        try:
            if len(jobs) < wanted:
                await self.fleet.create(Order(section, wanted - len(jobs)), "instances")
            for job in _first_to_go(jobs, len(jobs) - wanted):
                await (await self.fleet.delete(job.guid, "instances"))
        except ProactorError as e:
            if self.fleet.closing:
                return
            self._say(section, wanted, str(e))
            self.clock.callLater(_LATER, self.look)
        else:
            self._said.pop(section, None)

    def _say(self, section: str, wanted: int, problem: str) -> None:
        said = f"instances = {wanted}: {problem}"
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


def _first_to_go(jobs: list[Job], count: int) -> list[Job]:
    """So many of those that there are: who does not run and will not by itself, who is not ready, then the youngest."""

    def rank(job: Job) -> tuple[bool, bool, datetime]:
        return job.wanted is Wanted.STOPPED or job.state in _AT_REST, not job.ready, job.created

    return sorted(jobs, key=rank, reverse=True)[: max(0, count)]
