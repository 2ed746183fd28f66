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


class ShutdownTests(SynchronousTestCase):
    """``POST /shutdown``."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.heard: list[bool] = []
        self.rig.initiator.heard_shutdown = self.heard.append

    def ask(self, query: str = "") -> int:
        answer = self.rig.ask(f"POST /shutdown{query}").status
        self.rig.clock.advance(0)
        return answer

    def test_with_processors(self) -> None:
        """The whole program is to end, processors and all."""
        self.assertEqual((self.ask(), self.heard), (202, [False]))

    def test_without(self) -> None:
        """Processors live on where that is asked for."""
        self.assertEqual((self.ask("?keep=1"), self.heard), (202, [True]))

    def test_once(self) -> None:
        """It is stopping then: nothing is taken on, and it is not told twice."""
        self.ask()
        self.assertEqual(self.ask(), 503)
        self.assertEqual(self.rig.ask("GET /readyz", token=None).status, 503)
        self.assertEqual(self.heard, [False])

    def test_wrong(self) -> None:
        """What is neither yes nor no is refused, and nothing happens."""
        self.assertEqual((self.ask("?keep=perhaps"), self.heard), (422, []))
