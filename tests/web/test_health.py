from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..support.rig import GUID, Rig


class HealthTests(SynchronousTestCase):
    """``/healthz`` and ``/readyz``, which anyone may ask."""

    def setUp(self) -> None:
        self.rig = Rig(self)

    def test_alive(self) -> None:
        """It says that it is alive, and which initiator it is."""
        answer = self.rig.ask("GET /healthz", token=None)
        self.assertEqual((answer.status, answer.json()), (200, {"status": "ok", "guid": GUID}))

    def test_ready(self) -> None:
        """It says that it takes requests, and the revision of its configuration."""
        self.rig.create()
        answer = self.rig.ask("GET /readyz", token=None)
        self.assertEqual((answer.status, answer.json()), (200, {"status": "ready", "revision": 2}))

    def test_stopping(self) -> None:
        """An initiator that stops is alive and not ready, and says when to come again."""
        self.rig.run(self.rig.initiator.stop())
        answer = self.rig.ask("GET /readyz", token=None)
        self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "10"))
        self.assertEqual(answer.json()["detail"], "the initiator is stopping")
        self.assertEqual(self.rig.ask("GET /healthz", token=None).status, 200)
