"""The way back of an edit that cannot go on: a change of its own, and the word of all that were reached."""

from __future__ import annotations

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..config.draft import Draft
from ..errors import Conflict, ProactorError
from ..timeline.origin import because
from .configurator import Configurator
from .driven import Driven
from .kept import put_rollout
from .rollout import Stage

__all__ = ["Reverter"]

log = Logger(namespace="proactor.changes.rollouts")


@define(eq=False)
class Reverter:
    """Takes rollouts back."""

    clock: IReactorTime
    configurator: Configurator

    async def take_back(self, driven: Driven) -> Stage:
        """Have all that were reached run what they ran before; goes on with a way back that has begun.

        :return: ``REVERTED`` or, where nothing can be taken back, ``FAILED``.
        """
        rollout = driven.rollout
        try:
            if rollout.reverted_by is None:
                with because(driven.story.at):
                    await self._revert(driven)
            await self._confirmed(driven)
        except ProactorError as e:
            driven.story.tell("not reverted", problem=str(e))
            log.error("Rollout {id} cannot be taken back: {problem}", id=rollout.id, problem=str(e))
            return Stage.FAILED
        return Stage.REVERTED

    async def _revert(self, driven: Driven) -> None:
        rollout, live = driven.rollout, self.configurator.live

        def note(draft: Draft) -> tuple[str, ...]:
            # Here already: the first may answer while others are still to be woken.
            if not draft.empty:
                rollout.reverted_by = draft.revision
            return ()

        try:
            await self.configurator.take(
                lambda: live.draft_revert(rollout.section, rollout.revision),
                f"rollout {rollout.id}",
                note,
                lambda _: [put_rollout(rollout)],
            )
        except BaseException:
            rollout.reverted_by = None
            raise
        if rollout.reverted_by is None:
            raise Conflict("it was edited again since, and nothing of it is left to take back")
        driven.news()

    async def _confirmed(self, driven: Driven) -> None:
        """Wait until all that were reached say that they run what they ran before."""
        rollout = driven.rollout
        until = self.clock.seconds() + rollout.pace.timeout
        while unconfirmed := rollout.unconfirmed():
            if not await driven.wait(self.clock, until) and rollout.unconfirmed():
                driven.story.tell("silent", processors=unconfirmed)
                rollout.problem = f"{rollout.problem}; not known to have taken it back: {len(unconfirmed)}"
                break
