"""``/create`` and ``/job``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..errors import Refused
from ..initiator import Initiator, Order
from ..model import Job, State
from . import forms
from .answers import Answer, as_json, as_line, nothing
from .app import Handler
from .calls import Call
from .selection import has_label, labels
from .waiting import within

_MOST_AT_ONCE = 1000


@frozen
class Jobs:
    """Handlers over the initiator."""

    clock: IReactorTime
    initiator: Initiator

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {
            "create": self.create,
            "list_jobs": self.list_jobs,
            "show_job": self.show_job,
            "delete_job": self.delete_job,
        }

    async def create(self, call: Call) -> Answer:
        """Launch one, or ``count``."""
        call.known()
        body = forms.plain(call, ("options", "labels"))
        forms.known(body, ("module", "count", "options", "labels"))
        count = forms.whole(body, "count", 1, _MOST_AT_ONCE)
        order = Order(
            module=forms.text(body, "module"),
            count=1 if count is None else count,
            options=forms.texts(body, "options"),
            labels=labels(forms.texts(body, "labels")),
        )
        made = await self.initiator.create(order, call.caller.name)
        location = {"Location": f"/job/{made[0].guid}" if count is None else "/job"}
        if not call.wants_json:
            return as_line(201, location)
        records = [self.initiator.record(job) for job in made]
        return as_json(records[0] if count is None else records, 201, location)

    async def list_jobs(self, call: Call) -> Answer:
        """All jobs, or those of a state, a module, a label."""
        call.known("state", "module", "label")
        jobs = self._selected(call.one("state"), call.one("module"), call.query.get("label", []))
        return as_json([self.initiator.record(job) for job in jobs])

    def _selected(self, state: str | None, module: str | None, wanted: Iterable[str]) -> list[Job]:
        if state is not None and state not in [each.value for each in State]:
            raise Refused(f"state: there is no {state[:64]!r}; there are: {', '.join(each.value for each in State)}")
        return [
            job
            for job in self.initiator.jobs.values()
            if state in (None, job.state.value)
            and module in (None, job.module)
            and all(has_label(job, label) for label in wanted)
        ]

    async def show_job(self, call: Call) -> Answer:
        """One job."""
        call.known()
        return as_json(self.initiator.record(self.initiator.job(call.path["guid"])))

    async def delete_job(self, call: Call) -> Answer:
        """Stop, then forget."""
        call.known()
        guid = call.path["guid"]
        self.initiator.job(guid)
        gone = Deferred.fromCoroutine(self.initiator.delete(guid, call.caller.name))
        if await within(self.clock, gone, call.wait, f"deletion of {guid}"):
            return nothing(204)
        return as_line(202, {"Location": f"/job/{guid}"})
