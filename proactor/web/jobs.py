"""``/create`` and ``/job``."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from ..errors import NotReady
from ..initiator import Initiator
from ..jobs.fleet import Order
from ..model import Job
from . import forms
from .answers import Answer, as_json, as_line, nothing
from .app import Handler
from .calls import Call
from .selection import labels, selected
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
        made = await self.initiator.fleet.create(order, call.caller.name)
        location = {"Location": f"/job/{made[0].guid}" if count is None else "/job"}
        if call.wait:
            await self._settled(made, call.wait, location)
        if not call.wants_json:
            return as_line(201, location)
        records = [self.initiator.fleet.record(job) for job in made]
        return as_json(records[0] if count is None else records, 201, location)

    async def _settled(self, made: list[Job], seconds: float, location: Mapping[str, str]) -> None:
        """Wait until what was created is ready.

        :raises NotReady: says of the first that is not why it is not.
        """
        fleet = self.initiator.fleet
        settled = [Deferred.fromCoroutine(fleet.supervised(job.guid).settled()) for job in made]
        await within(self.clock, gatherResults(settled), seconds, "creation")
        for job in made:
            if not job.ready:
                raise NotReady(_why_not(job), location["Location"])

    async def list_jobs(self, call: Call) -> Answer:
        """All jobs, or those of a state, a module, a label."""
        call.known("state", "module", "label")
        jobs = selected(self.initiator, call.one("state"), call.one("module"), call.query.get("label", []))
        return as_json([self.initiator.fleet.record(job) for job in jobs])

    async def show_job(self, call: Call) -> Answer:
        """One job."""
        call.known()
        return as_json(self.initiator.fleet.detailed(self.initiator.fleet.job(call.path["guid"])))

    async def delete_job(self, call: Call) -> Answer:
        """Stop, then forget."""
        call.known()
        guid = call.path["guid"]
        gone = await self.initiator.fleet.delete(guid, call.caller.name)
        if await within(self.clock, gone, call.wait, f"deletion of {guid}"):
            return nothing(204)
        return as_line(202, {"Location": f"/job/{guid}"})


def _why_not(job: Job) -> str:
    if job.exit is None:
        return f"{job.guid} is created, and {job.state.value}: it is not ready yet"
    last = f": {job.exit.last_words}" if job.exit.last_words else ""
    return f"{job.guid} is created, and {job.state.value}: {job.exit.reason}{last}"
