"""``/healthz``, ``/readyz``, ``/shutdown``: of the initiator itself."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..errors import Unavailable
from ..initiator import Initiator
from .answers import Answer, as_json, as_line
from .app import Handler
from .calls import Call, flag


@frozen
class Health:
    """Handlers over the initiator."""

    initiator: Initiator

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {"healthz": self.healthz, "readyz": self.readyz, "shut_down": self.shut_down}

    async def healthz(self, _: Call) -> Answer:
        """Whether it answers at all."""
        return as_json({"status": "ok", "guid": self.initiator.authority.issuer})

    async def readyz(self, _: Call) -> Answer:
        """Whether it takes requests."""
        if self.initiator.fleet.closing:
            raise Unavailable("the initiator is stopping", retry_after=10)
        return as_json({"status": "ready", "revision": self.initiator.configurator.live.revision})

    async def shut_down(self, call: Call) -> Answer:
        """End the initiator, with its processors or without."""
        call.known("keep")
        self.initiator.shut_down(flag(call, "keep", False))
        return as_line(202, {})
