"""``/rollout``: how an edit goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from attrs import frozen

from ..initiator import Initiator
from . import sse
from .answers import Answer, as_json, etag, nothing
from .app import Handler
from .calls import Call

_LONGEST_WAIT = 300.0


@frozen
class RolloutRoutes:
    """Handlers over the initiator."""

    initiator: Initiator

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {"show_rollout": self.show_rollout}

    async def show_rollout(self, call: Call) -> Answer:
        """Its record; held until there is news, where that is asked; or its events as they come."""
        call.known()
        id_, rollouts = call.path["id"], self.initiator.rollouts
        rollout = rollouts.rollout(id_)
        if call.wants_events:
            return Answer(200, content_type=sse.TYPE, stream=self._follow(id_, call.last_event or 0))
        known = len(rollout.events)
        if known in call.if_none_match:
            if call.wait and not rollout.over:
                await rollouts.changed(id_, known, min(call.wait, _LONGEST_WAIT))
            if len(rollout.events) == known:
                return nothing(304, etag(known))
        return as_json(rollout.record(), headers=etag(len(rollout.events)))

    async def _follow(self, id_: str, known: int) -> AsyncIterator[bytes]:
        """Server-sent events (WHATWG HTML, 9.2), from the one after ``known`` to the last there will be."""
        rollout = self.initiator.rollouts.rollout(id_)
        if known > len(rollout.events):
            known = 0
        while True:
            for event in rollout.events[known:]:
                told = {name: value for name, value in event.items() if name != "id"}
                yield sse.event(event["event"], told, event["id"])
            known = len(rollout.events)
            if rollout.over:
                return
            await self.initiator.rollouts.changed(id_, known, sse.HEARTBEAT)
            if len(rollout.events) == known:
                yield sse.still_there()
