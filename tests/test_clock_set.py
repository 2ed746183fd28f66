from __future__ import annotations

from datetime import timedelta

from twisted.trial.unittest import SynchronousTestCase

from proactor.model import Job, State

from .support.http import as_json
from .support.rig import CONFIG, Rig

DAY = timedelta(days=1)

TIMES = """
restart_delay = 4
restart_delay_max = 16
restart_attempts = 3
restart_window = 1000
stop_timeout = 5
watchdog = 100
"""


class ForwardTests(SynchronousTestCase):
    """Somebody sets the clock forward by a day: what is timed goes on as if nothing were, and nobody is shut out."""

    by = DAY

    def setUp(self) -> None:
        self.rig = Rig(self, CONFIG.replace("[my.module]\n", f"[my.module]{TIMES}"))
        self.job = self.rig.create()
        self.rig.acknowledge(self.job)
        self.token = self.rig.token(self.job)

    def set(self) -> None:
        """Set it."""
        self.rig.set_by += self.by

    def test_token(self) -> None:
        """A processor goes on with the token that it has, or is given another for it, and with that one."""
        self.set()
        answer = self.rig.ask(f"GET /config/{self.job.guid}", token=self.token)
        self.assertEqual(answer.status, 200)
        again = self.rig.ask(f"GET /config/{self.job.guid}", token=answer.json().get("token", self.token))
        self.assertEqual(again.status, 200)

    def test_budget(self) -> None:
        """Waits and the budget of restarts are what they are without that."""
        launches = 0
        for _ in range(4):
            self.set()
            self.rig.launcher.finish(self.job.guid, 1)
            self.rig.clock.advance(0)
            launches += self.job.state is State.BACKOFF
            self.rig.clock.advance(16)
        self.assertEqual((launches, self.job.state), (3, State.FATAL))

    def test_timers(self) -> None:
        """Nobody is taken for silent, and a stop takes as long as it takes."""
        self.set()
        self.rig.clock.advance(90)
        self.assertIs(self.job.state, State.RUNNING)
        self.rig.ask(f"GET /config/{self.job.guid}", token=self.token)
        self.set()
        self.rig.clock.advance(90)
        self.assertIs(self.job.state, State.RUNNING)

    def test_timeline(self) -> None:
        """Events keep their order, which their numbers tell; each has the time that it was then."""
        before = self.rig.now()
        self.set()
        self.rig.ask(f"POST /job/{self.job.guid}/stop")
        events = self.rig.ask("GET /events").json()
        numbers = [event["id"] for event in events]
        self.assertEqual(numbers, sorted(numbers))
        (stopping,) = [event for event in events if event["event"] == "stopping"]
        self.assertEqual(stopping["time"] > before.isoformat(), self.by > timedelta())

    def test_edit(self) -> None:
        """Edits are numbered on."""
        revisions = []
        for colour in ("blue", "green"):
            answer = self.rig.ask("PATCH /config/my.module", **as_json({"colour": colour}))
            revisions.append(answer.json()["revision"])
            self.rig.acknowledge(self.job, revisions[-1])
            self.set()
        self.assertEqual(revisions[1], revisions[0] + 1)
        history = self.rig.ask("GET /config/my.module/history").json()
        self.assertEqual([each["revision"] for each in history], revisions)

    def test_next(self) -> None:
        """The next initiator adopts what lives, and knows what was done."""
        self.rig.die()
        self.set()
        after = Rig(self, CONFIG.replace("[my.module]\n", f"[my.module]{TIMES}"), earlier=self.rig)
        self.rig.successor = after
        after.take_up()
        job: Job = after.fleet.jobs[self.job.guid]
        self.assertEqual((job.incarnation, job.process), (1, self.job.process))
        answer = after.ask(f"GET /config/{job.guid}", token=self.token)
        self.assertEqual(answer.status, 200)


class BackTests(ForwardTests):
    """So it is when somebody sets it back."""

    by = -DAY
