"""One job on a test's clock, with processes that are values."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.fleet import Order
from proactor.model import State

from ..support.rig import CONFIG, Rig

TIMES = """
restart_delay = 4
restart_delay_max = 16
restart_attempts = 3
restart_window = 1000
ready_timeout = 20
stop_timeout = 5
"""


def config(more: str = "") -> str:
    return CONFIG.replace("[my.module]\n", f"[my.module]{TIMES}{more}")


class Case(SynchronousTestCase):
    """One job, created and not yet ready."""

    more = ""

    def setUp(self) -> None:
        self.rig = Rig(self, config(self.more))
        (self.job,) = self.rig.run(self.rig.fleet.create(Order("my.module"), "test"))
        self.supervised = self.rig.fleet.supervised(self.job.guid)

    def ready(self) -> None:
        self.rig.acknowledge(self.job)
        self.assertIs(self.job.state, State.RUNNING)

    def finish(self, code: int) -> None:
        self.rig.launcher.finish(self.job.guid, code)
        self.rig.clock.advance(0)

    def kinds(self) -> list[str]:
        return [each.kind for each in self.rig.fleet.timeline.last() if each.guid == self.job.guid]
