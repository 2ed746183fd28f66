from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.model import Wanted

from ..support.http import as_json
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


class StoppingTests(SynchronousTestCase):
    """An initiator that stops."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.job = self.rig.create()
        self.rig.initiator.fleet.close()

    def test_changes(self) -> None:
        """Whatever would begin something is refused, and done by nobody; it is said when the next one may be there."""
        path = f"/job/{self.job.guid}"
        revision = self.rig.configurator.live.revision
        for operation, body in (
            ("POST /create", {}),
            (f"POST {path}/stop", {}),
            (f"POST {path}/start", {}),
            (f"POST {path}/restart", {}),
            (f"DELETE {path}", {}),
            ("POST /restart?module=my.module", {}),
            ("PATCH /config/my.module", as_json({"rate": "7"})),
            ("POST /config/my.module/rollback", as_json({"to": 1})),
            ("POST /tokens", as_json({"name": "ci"})),
            ("POST /message/my.module", as_json({"hello": 1})),
        ):
            answer = self.rig.ask(operation, **body)
            self.assertEqual((answer.status, answer.headers.get("retry-after")), (503, "10"), operation)
            self.assertEqual(answer.json()["detail"], "the initiator is stopping: nothing of it was done")
        self.assertEqual((self.job.wanted, self.job.doomed), (Wanted.RUNNING, False))
        self.assertEqual(self.rig.configurator.live.revision, revision)

    def test_who_may_not(self) -> None:
        """Who may not is told that, and nothing else."""
        self.assertEqual(self.rig.ask("POST /create", token="x" * 40).status, 401)

    def test_reading(self) -> None:
        """What there is can be read, and a process that hangs be sent a signal."""
        for path in ("/job", f"/job/{self.job.guid}", "/config/my.module", "/events", "/endpoints", "/log-level"):
            self.assertEqual(self.rig.ask(f"GET {path}").status, 200, path)
        answer = self.rig.ask(f"POST /job/{self.job.guid}/signal", **as_json({"signal": "USR2"}))
        self.assertEqual(answer.status, 202)


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
