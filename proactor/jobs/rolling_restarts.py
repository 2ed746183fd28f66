"""Rolling restarts: batch after batch, each ready before the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import uuid4

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..changes.rollout import Pace, batches
from ..errors import NotFound, ProactorError
from ..model import Wanted, timestamp
from ..timeline.origin import because, origin
from ..timeline.timeline import Event
from .fleet import Fleet

#: How many that are over are remembered.
_KEPT = 100

log = Logger()


class Stage(str, Enum):
    """How far a rolling restart has come."""

    RUNNING = "running"
    DONE = "done"
    #: One did not become ready: those behind it were left alone.
    STOPPED = "stopped"


@define(eq=False)
class RollingRestart:
    """The record of one."""

    id: str
    actor: str
    created: datetime
    batches: Sequence[Sequence[str]]
    stage: Stage = Stage.RUNNING
    batch: int = 0
    ready: int = 0
    problem: str | None = None
    over: Deferred[None] = field(factory=Deferred)

    def record(self) -> dict[str, Any]:
        """As its readers see it."""
        return {
            "id": self.id,
            "actor": self.actor,
            "created": timestamp(self.created),
            "state": self.stage.value,
            "problem": self.problem,
            "batch": self.batch,
            "batches": [len(batch) for batch in self.batches],
            "wanted": sum(map(len, self.batches)),
            "ready": self.ready,
        }


@define(eq=False)
class Restarts:
    """All that are under way, and the last that were."""

    clock: IReactorTime
    now: Callable[[], datetime]
    fleet: Fleet
    _known: dict[str, RollingRestart] = field(factory=dict)

    def start(self, guids: Sequence[str], sizes: tuple[str, ...], actor: str) -> RollingRestart:
        """Begin one; it goes on by itself. What an operator has stopped is left as it is."""
        planned = batches([guid for guid in guids if self._is_wanted(guid)], Pace(sizes=sizes or ("1",)))
        restart = RollingRestart(uuid4().hex[:12], actor, self.now(), planned)
        self._known[restart.id] = restart
        over = [each.id for each in self._known.values() if each.stage is not Stage.RUNNING]
        for id_ in over[: max(0, len(over) - _KEPT)]:
            del self._known[id_]
        Deferred.fromCoroutine(self._drive(restart)).addErrback(
            lambda failure: log.failure("Rolling restart {id}", failure, id=restart.id)
        )
        return restart

    def restart(self, id_: str) -> RollingRestart:
        """One of them.

        :raises NotFound: there is none of that id, or it was long ago.
        """
        try:
            return self._known[id_]
        except KeyError:
            raise NotFound(
                f"there is no rolling restart {id_[:20]}, or it is forgotten, as all are that another initiator began",
                "rolling restarts",
            ) from None

    async def _drive(self, restart: RollingRestart) -> None:
        begun = self._tell(restart, "restart.started", origin().event, origin().trace)
        try:
            with because(begun):
                await self._restart_all(restart)
        finally:
            if restart.stage is Stage.RUNNING:
                restart.stage, restart.problem = Stage.STOPPED, "an unforeseen error, see the log"
            self._tell(restart, f"restart.{restart.stage.value}", begun)
            restart.over.callback(None)

    def _tell(self, restart: RollingRestart, kind: str, led_by: Event | None, trace: str | None = None) -> Event:
        cause = restart.problem or f"rolling restart {restart.id}"
        more = {"restart": restart.id, "processors": sum(map(len, restart.batches))}
        return self.fleet.timeline.add(
            self.now(), kind, None, cause, restart.actor, because=led_by, trace=trace, more=more
        )

    async def _restart_all(self, restart: RollingRestart) -> None:
        for number, batch in enumerate(restart.batches, start=1):
            restart.batch = number
            await gatherResults(
                [Deferred.fromCoroutine(self._one(restart, guid)) for guid in batch], consumeErrors=True
            )
            if restart.problem is not None:
                restart.stage = Stage.STOPPED
                log.warn("Rolling restart {id} stopped: {problem}", id=restart.id, problem=restart.problem)
                return
        restart.stage = Stage.DONE

    def _is_wanted(self, guid: str) -> bool:
        job = self.fleet.jobs.get(guid)
        return job is not None and not job.doomed and job.wanted is Wanted.RUNNING

    async def _one(self, restart: RollingRestart, guid: str) -> None:
        if not self._is_wanted(guid):
            return
        job = self.fleet.job(guid)
        try:
            await (await self.fleet.restart(guid, restart.actor, f"rolling restart {restart.id}"))
        except ProactorError as e:
            restart.problem = restart.problem or f"{guid} is left as it is: {e}"
            return
        if job.ready:
            restart.ready += 1
        elif job.wanted is Wanted.RUNNING:
            reason = job.exit.told if job.exit is not None else "no reason is known"
            restart.problem = restart.problem or f"{guid} did not become ready: {reason}"
