"""Tests of a rolling restart whose initiator goes."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from proactor.cli.ends import Failed
from proactor.cli.lookout import Lookout
from proactor.cli.output import Output
from proactor.cli.restarting import looked

from ..client.support import Memory


class LookedTests(SynchronousTestCase):
    """How far it is."""

    def test_forgotten(self) -> None:
        """One that the initiator of before has taken with it is told of, with how far it came and what to do."""
        memory = Memory(self)
        job = memory.rig.create()
        record = memory.run(memory.client.jobs.restart_all(module=job.module))
        lookout = Lookout(Output())
        self.assertEqual(memory.run(looked(memory.client, record, lookout)).id, record.id)
        error = memory.fail(looked(memory.client, evolve(record, id="0" * 12), lookout), Failed)
        self.assertIn("0 of 1 were restarted when the initiator ended", str(error))
        self.assertIn("proactor restart", error.hint)
