"""``/events`` and ``/job/GUID/events``: the timeline, page by page or as it grows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlencode

from attrs import frozen

from ..errors import Refused
from ..initiator import Initiator
from ..timeline.kinds import check_kinds
from ..timeline.timeline import Selection
from . import forms, sse
from .answers import Answer, as_json
from .app import Handler
from .calls import Call

_USUAL, _MOST = 100, 10_000
_USUAL_OF_JOB = 200


@frozen
class Events:
    """Handlers over the initiator."""

    initiator: Initiator

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {"list_events": self.list_events, "job_events": self.job_events}

    async def list_events(self, call: Call) -> Answer:
        """The last that has happened, oldest first; or what happens."""
        call.known("tail", "before", "guid", "event", "module")
        chosen = Selection(
            call.one("guid"), check_kinds(call.query.get("event", [])), frozenset(call.query.get("module", ()))
        )
        return await self._answer(call, chosen, "/events", _USUAL)

    async def job_events(self, call: Call) -> Answer:
        """The same of one job."""
        call.known("tail", "before", "event")
        guid = call.path["guid"]
        self.initiator.fleet.job(guid)
        chosen = Selection(guid, check_kinds(call.query.get("event", [])))
        return await self._answer(call, chosen, f"/job/{guid}/events", _USUAL_OF_JOB)

    async def _answer(self, call: Call, chosen: Selection, path: str, usual: int) -> Answer:
        tail, before = _number(call, "tail", _MOST), _number(call, "before", 2**53)
        if call.wants_events:
            if before is not None:
                raise Refused("before: what is followed has no end; Last-Event-ID says where it goes on")
            return Answer(
                200, content_type=sse.TYPE, stream=self._follow(await self._start(call, chosen, tail), chosen)
            )
        timeline = self.initiator.fleet.timeline
        part = await timeline.before(before or timeline.last_id + 1, tail or usual, chosen)
        headers = {}
        if part.start > 1:
            query = urlencode({**call.query, "before": part.start}, doseq=True)
            headers["Link"] = f'<{path}?{query}>; rel="prev"'
        return as_json([event.record() for event in part.events], headers=headers)

    async def _start(self, call: Call, chosen: Selection, tail: int | None) -> int:
        """The number after which a stream begins: what is new, or also the last, or where it was left."""
        timeline = self.initiator.fleet.timeline
        if call.last_event is not None:
            return call.last_event
        if tail is None:
            return timeline.last_id
        events = (await timeline.before(timeline.last_id + 1, tail, chosen)).events
        return events[0].id - 1 if events else timeline.last_id

    async def _follow(self, known: int, chosen: Selection) -> AsyncIterator[bytes]:
        # Whoever loses the connection before anything happened comes back to here.
        yield sse.still_there(known)
        async for part in self.initiator.followers.follow(known, chosen, sse.HEARTBEAT):
            pieces = [sse.event("gap", {"lost": part.lost})] if part.lost else []
            pieces += [sse.event(event.kind, event.record(), event.id) for event in part.events]
            yield b"".join(pieces) or sse.still_there(part.end)


def _number(call: Call, name: str, most: int) -> int | None:
    return forms.whole({name: call.one(name)}, name, 1, most)
