"""``/create`` and ``/job``."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from ..errors import NotReady
from ..initiator import Initiator
from ..jobs.fleet import Order
from ..model import Job, Wanted
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
        location = {"Location": "/job" if count is not None or not made else f"/job/{made[0].guid}"}
        if call.wait:
            await self._settled(made, call.wait, location)
        # While it was launched somebody may have deleted one.
        there = [job for job in made if self._is_there(job)]
        if not there:
            raise NotReady(self._why_not(made), location["Location"])
        if not call.wants_json:
            return as_line(201, location)
        records = [self.initiator.fleet.record(job) for job in there]
        return as_json(records[0] if count is None else records, 201, location)

    async def _settled(self, made: list[Job], seconds: float, location: Mapping[str, str]) -> None:
        """Wait until what was created is ready.

        :raises NotReady: says of the first that is not why it is not.
        """
        fleet = self.initiator.fleet
        there = [job for job in made if self._is_there(job)]
        settled = [Deferred.fromCoroutine(fleet.supervised(job.guid).settled()) for job in there]
        await within(self.clock, gatherResults(settled), seconds, "creation")
        if not all(job.ready and self._is_there(job) for job in made):
            raise NotReady(self._why_not(made), location["Location"])

    def _is_there(self, job: Job) -> bool:
        return job.guid in self.initiator.fleet.jobs and not job.doomed

    def _why_not(self, made: list[Job]) -> str:
        """Why some are not ready: of the first that is there, and how many are not."""
        gone = [job for job in made if not self._is_there(job)]
        late = [job for job in made if self._is_there(job) and not job.ready]
        lost = f"{len(gone)} of {len(made)} were deleted meanwhile"
        if not late:
            one = f"{made[0].guid} was created, and deleted meanwhile" if len(made) == 1 else ""
            return one or f"they are created, and {lost}"
        why = _why_not_for_now(late) if self.initiator.fleet.closing else _why_not(late[0])
        return f"{why}; {lost}" if gone else why

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
    created = f"{job.guid} is created, and"
    if job.wanted is Wanted.STOPPED:
        return f"{created} was told to stop meanwhile"
    if job.exit is None:
        return f"{created} {job.state.value}: it is not ready yet"
    last = f": {job.exit.last_words}" if job.exit.last_words else ""
    return f"{created} {job.state.value}: {job.exit.reason}{last}"


def _why_not_for_now(late: list[Job]) -> str:
    kept = "kept: the initiator is stopping, and the next one starts"
    if len(late) == 1:
        return f"{late[0].guid} is created, and {kept} it"
    return f"{late[0].guid} and {len(late) - 1} more are created, and {kept} them"
