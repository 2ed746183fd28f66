"""Keeps as many processors of a module as its section's ``instances`` says."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..changes.configurator import Configurator
from ..config.job_settings import instances
from ..config.settings import module_sections
from ..errors import ProactorError
from ..model import Job
from .fleet import Fleet, Order

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
            for job in _youngest(jobs, len(jobs) - wanted):
                await (await self.fleet.delete(job.guid, "instances"))
        except ProactorError as e:
            if self.fleet.closing:
                return
            log.warn("[{section}] instances = {wanted}: {problem}", section=section, wanted=wanted, problem=str(e))
            self.clock.callLater(_LATER, self.look)


def _youngest(jobs: list[Job], count: int) -> list[Job]:
    return sorted(jobs, key=lambda job: job.created, reverse=True)[: max(0, count)]
