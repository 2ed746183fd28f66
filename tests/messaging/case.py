"""What the tests of durable messages have in common: an initiator in memory, spoken to over HTTP."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proactor.messaging.letters import DELIVERED, Outcome
from proactor.model import Job
from proactor.saved import SavedMessage

from ..support.http import Response
from ..support.rig import CONFIG, Rig

TOPICS = CONFIG.replace("[my.module]\n", "[my.module]\nmessage_queue = 3\n").replace(
    "[other.module]\n", "[other.module]\nsubscribe = orders.* weather\n"
)


class Case(SynchronousTestCase):
    """An initiator whose processors take messages, or do not."""

    def setUp(self) -> None:
        self.rig = Rig(self, TOPICS)

    def send(self, target: str, data: bytes = b"hello", **how: Any) -> Response:
        query = "&".join(f"{name}={how.pop(name)}" for name in ("id", "type", "expires") if name in how)
        return self.rig.ask(f"POST /message/{target}" + (f"?{query}" if query else ""), body=data, **how)

    def accepted(self, target: str, data: bytes = b"hello", **how: Any) -> dict[str, Any]:
        response = self.send(target, data, **how)
        self.assertEqual(response.status, 202, response.text)
        receipt: dict[str, Any] = response.json()
        return receipt

    def dead(self) -> list[tuple[str, str]]:
        return [(each["id"], each["problem"]) for each in self.rig.ask("GET /message?state=dead").json()]

    def came(self, job: Job) -> list[str]:
        return self.rig.deliveries.to(job.guid)

    def stopped(self, module: str = "my.module") -> Job:
        """A processor that is not running: what is sent to it waits."""
        job = self.rig.create(module)
        self.rig.run(self.rig.fleet.stop(job.guid, "test"))
        self.rig.clock.advance(1)
        return job

    def start(self, job: Job) -> None:
        self.rig.run(self.rig.fleet.start(job.guid, "test"))
        self.rig.acknowledge(job)
        self.rig.clock.advance(0)

    def fails(self, times: int, outcome: Outcome) -> None:
        """Have the next tries fail."""
        left = [times]

        def once(_guid: str, _message: SavedMessage) -> Outcome:
            left[0] -= 1
            return outcome if left[0] >= 0 else DELIVERED

        self.rig.deliveries.outcome = once

    def letters(self, *ids: str) -> tuple[Job, list[int]]:
        """A processor that has refused some; their numbers."""
        job = self.rig.create()
        self.rig.deliveries.outcome = lambda _guid, _message: Outcome("422: no", is_final=True)
        numbers = [self.accepted(job.guid, id=id_)["numbers"][0] for id_ in ids]
        self.rig.deliveries.outcome = lambda _guid, _message: DELIVERED
        return job, numbers
