"""The way of an edit: batch after batch, each waited for and watched; back where one has trouble."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..store.interface import IStore
from .configurator import Configurator
from .driven import Driven
from .kept import put_rollout
from .reverting import Reverter
from .rollout import Rollout, Stage

__all__ = ["Driver"]

log = Logger(namespace="proactor.changes.rollouts")


@define(eq=False)
class Driver:
    """Has rollouts go on to their end. What is heard of their processors, somebody else puts down in them."""

    clock: IReactorTime
    configurator: Configurator
    store: IStore
    _reverter: Reverter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._reverter = Reverter(self.clock, self.configurator)

    def send(self, driven: Driven, number: int) -> None:
        """The turn of a batch has come; they are still to be told."""
        rollout = driven.rollout
        if number < len(rollout.batches):
            rollout.batch = number + 1
            rollout.send(rollout.batches[number])
            driven.story.goes_on("batch", batch=rollout.batch, processors=list(rollout.batches[number]))
            driven.news()

    async def drive(self, driven: Driven, first: int = 0) -> Stage:
        """Go on from a batch, which has its turn already, to the end of all of them; or of the way back.

        :return: what the rollout has come to; it is still to be put down.
        """
        rollout = driven.rollout
        if rollout.stage is Stage.REVERTING:
            return await self._reverter.take_back(driven)
        for number, batch in enumerate(rollout.batches[first:], start=first):
            if number > first:
                self.send(driven, number)
                self.store.note([put_rollout(rollout)])
                await self.configurator.waiting.wake(self.configurator.release(batch))
            await self._settled(driven, batch)
            if rollout.problem is not None:
                return await self._stopped(driven)
        return Stage.DONE

    async def _settled(self, driven: Driven, batch: Iterable[str]) -> None:
        """Wait until a batch has answered and stayed well, or there is a problem."""
        rollout = driven.rollout
        until = self.clock.seconds() + rollout.pace.timeout
        unanswered = deque(batch)
        while rollout.problem is None and _drop_answered(rollout, unanswered):
            if not await driven.wait(self.clock, until) and (silent := rollout.silent(batch)):
                rollout.problem = f"{silent[0]} did not answer within {rollout.pace.timeout:g} s"
                driven.story.goes_wrong("silent", processors=silent)
        until = self.clock.seconds() + rollout.pace.watch
        while rollout.problem is None and await driven.wait(self.clock, until):
            pass

    async def _stopped(self, driven: Driven) -> Stage:
        rollout = driven.rollout
        log.warn("Rollout {id} stopped: {problem}", id=rollout.id, problem=rollout.problem)
        driven.story.stops(rollout.problem)
        if not rollout.pace.revert:
            # Those that were not reached go on with what they have, by leaving it with them.
            return Stage.FAILED
        rollout.stage = Stage.REVERTING
        self.store.note([put_rollout(rollout)])
        driven.news()
        return await self._reverter.take_back(driven)


def _drop_answered(rollout: Rollout, left: deque[str]) -> bool:
    """Drop those in front that have answered, or cannot; whether one is left. All in all each is looked at once."""
    while left and rollout.answered([left[0]]):
        left.popleft()
    return bool(left)
