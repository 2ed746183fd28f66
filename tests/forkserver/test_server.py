from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.forkserver.server import Server
from proactor.guardian_main.protocol import connected


class EndTests(SynchronousTestCase):
    """The end of a fork server."""

    def test_initiator_is_gone(self) -> None:
        """What it has to tell when nobody is there any more is for nobody; it ends in order, with nothing written."""
        ours, initiators = connected()
        self.addCleanup(ours.close)
        server = Server(ours)
        initiators.close()
        server._tell("practised")
        self.assertIsNone(server.serve())
