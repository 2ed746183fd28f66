"""What an operator does to jobs: start, stop, restart, signal."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..changes.rollout import check_sizes
from ..errors import Refused
from ..initiator import Initiator
from . import forms
from .answers import Answer, as_json, as_line, nothing
from .app import Handler
from .calls import Call, flag
from .selection import selected
from .waiting import within


@frozen
class Actions:
    """Handlers over the initiator."""

    clock: IReactorTime
    initiator: Initiator

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {
            "start_job": self.start_job,
            "stop_job": self.stop_job,
            "restart_job": self.restart_job,
            "signal_job": self.signal_job,
            "revoke_job": self.revoke_job,
            "restart_jobs": self.restart_jobs,
            "show_restart": self.show_restart,
        }

    async def start_job(self, call: Call) -> Answer:
        """Have it run; answered when it is ready, or will not be, where that is waited for."""
        call.known()
        supervised = await self.initiator.fleet.start(call.path["guid"], call.caller.name)
        return await self._done(call, Deferred.fromCoroutine(supervised.settled()), "start")

    async def stop_job(self, call: Call) -> Answer:
        """Have it not run."""
        call.known()
        return await self._done(call, await self.initiator.fleet.stop(call.path["guid"], call.caller.name), "stop")

    async def restart_job(self, call: Call) -> Answer:
        """Have another process take the place of the one there is."""
        call.known()
        work = await self.initiator.fleet.restart(call.path["guid"], call.caller.name)
        return await self._done(call, work, "restart")

    async def revoke_job(self, call: Call) -> Answer:
        """Have none of its tokens hold any more, and another process take the place of the one that has them."""
        call.known()
        work = await self.initiator.revocations.revoke(call.path["guid"], call.caller.name)
        return await self._done(call, work, "revocation")

    async def _done(self, call: Call, work: Deferred[None], what: str) -> Answer:
        """202, or the job's record when it is done within the time that the caller is content to wait."""
        guid = call.path["guid"]
        if not await within(self.clock, work, call.wait, f"{what} of {guid}"):
            return as_line(202, {"Location": f"/job/{guid}"})
        if guid not in self.initiator.fleet.jobs:
            return nothing(204)
        return as_json(self.initiator.fleet.record(self.initiator.fleet.job(guid)))

    async def signal_job(self, call: Call) -> Answer:
        """Send its process a signal."""
        call.known()
        body = forms.plain(call, ())
        forms.known(body, ("signal",))
        supervised = self.initiator.fleet.supervised(call.path["guid"])
        supervised.signal(signal_number(body))
        return as_line(202, {"Location": f"/job/{call.path['guid']}"})

    async def restart_jobs(self, call: Call) -> Answer:
        """Restart a module's jobs, those of a label, or all, batch after batch."""
        call.known("module", "label", "all", "batch")
        module, wanted = call.one("module"), call.query.get("label", [])
        if (module is None and not wanted) != flag(call, "all", False):
            raise Refused("say which: ?module=NAME, ?label=NAME or ?label=NAME=VALUE; or ?all=1 alone")
        guids = [job.guid for job in selected(self.initiator, None, module, wanted) if not job.doomed]
        sizes = check_sizes(call.query.get("batch", []))
        restart = self.initiator.restarts.start(guids, sizes, call.caller.name)
        location = {"Location": f"/restart/{restart.id}"}
        over: Deferred[Any] = Deferred()
        restart.over.chainDeferred(over)
        if await within(self.clock, over, call.wait, f"rolling restart {restart.id}"):
            return as_json(restart.record(), headers=location)
        return as_json(restart.record(), 202, location) if call.wants_json else as_line(202, location)

    async def show_restart(self, call: Call) -> Answer:
        """How a rolling restart goes on."""
        call.known()
        return as_json(self.initiator.restarts.restart(call.path["id"]).record())


def signal_number(body: Mapping[str, Any]) -> int:
    """The signal that is meant: ``HUP``, ``SIGHUP`` or its number.

    :raises Refused: there is no such signal.
    """
    value = body.get("signal")
    name = str(value).upper() if value is not None else ""
    try:
        return int(signal.Signals(int(name)) if name.isdigit() else signal.Signals[f"SIG{name.removeprefix('SIG')}"])
    except (KeyError, ValueError):
        raise Refused("signal: must be the name or the number of one, such as HUP or 1") from None
