from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.config.document import parse
from proactor.errors import ConfigError, Unavailable
from proactor.jobs.fleet import Order

from .support.http import as_json
from .support.rig import CONFIG, GUID, Rig


def said(events: list[LogEvent]) -> list[str]:
    """What the initiator itself said."""
    return [formatEvent(event) for event in events if event["log_namespace"] == "proactor.initiator"]


class ReloadTests(SynchronousTestCase):
    """The configuration file, read again."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.job, self.other = self.rig.create(), self.rig.create("other.module")

    def reload(self, old: str, new: str) -> tuple[int, list[str]]:
        """The revision, and what was said."""
        self.assertIn(old, CONFIG)
        with capturedLogs() as events:
            revision = self.rig.run(
                self.rig.initiator.reload(parse(CONFIG.replace(old, new), "proactor.cfg"), "SIGHUP")
            )
        return revision, said(list(events))

    def test_changed(self) -> None:
        """A change reaches those whose section it changes, as a new revision, and is told."""
        revision, said_ = self.reload("colour = red", "colour = blue")
        self.assertEqual(said_, ["Read config again: revision 4, with changes for 1 of 2 processors"])
        self.assertEqual((revision, self.rig.values(self.job)["colour"]), (4, "blue"))
        live = self.rig.configurator.live
        self.assertEqual((live.offered(self.job.guid), live.offered(self.other.guid)), (4, 3))

    def test_unchanged(self) -> None:
        """The same again is no revision."""
        revision, said_ = self.reload("colour = red", "colour = red")
        self.assertEqual((revision, said_), (3, ["Read config again: revision 3, with changes for 0 of 2 processors"]))

    def test_held_request(self) -> None:
        """Who waits for a change has it at once."""
        token = self.rig.token(self.job)
        exchange = self.rig.begin(
            f"GET /config/{self.job.guid}", token=token, headers=[("If-None-Match", '"2"')], wait=60
        )
        self.reload("colour = red", "colour = blue")
        self.assertEqual(exchange.response.json()["colour"], "blue")

    def test_broken(self) -> None:
        """A file that does not hold changes nothing: not for one processor, not for the initiator."""
        for old, new in (
            ("colour = red", "colour = ${nothing}"),
            ("colour = red", "refresh = often"),
            ("listen_port = 8080", "listen_port = 8080\nmax_jobs = many"),
            (f"[{GUID}]", "[another]"),
        ):
            document = parse(CONFIG.replace("rate = 2", "rate = 9").replace(old, new), "proactor.cfg")
            reloading = Deferred.fromCoroutine(self.rig.initiator.reload(document, "SIGHUP"))
            self.failureResultOf(reloading, ConfigError)
            self.assertEqual((self.rig.values(self.job)["rate"], self.rig.configurator.live.revision), ("2", 3))

    def test_own_options(self) -> None:
        """The initiator's own options take effect at once."""
        self.reload("listen_port = 8080", "listen_port = 8080\nmax_jobs = 2")
        creating = Deferred.fromCoroutine(self.rig.fleet.create(Order("my.module"), "test"))
        self.failureResultOf(creating, Unavailable)

    def test_needs_a_start(self) -> None:
        """Those that take effect at the next start are named."""
        _, said_ = self.reload("child_port_min = 20000", "child_port_min = 20001")
        self.assertIn("child_port_min: takes effect when the initiator is started again", said_)
        _, said_ = self.reload("listen_port = 8080", "listen_port = 8081\nlaunch_concurrency = 3")
        self.assertIn("listen_port, child_port_min, launch_concurrency: takes effect when", said_[-1])

    def test_hidden_by_an_edit(self) -> None:
        """Who changes in the file what an edit hides is told where, and by which revision."""
        self.rig.ask("PATCH /config/other.module", **as_json({"db_password": "x"}))
        self.rig.acknowledge(self.other)
        _, said_ = self.reload("db_password = hunter2", "db_password = hunter3")
        where = "proactor.cfg:15: [other.module] db_password"
        self.assertIn(f"{where}: revision 4, an edit, holds until it is unset", said_)
        self.assertNotIn("hunter", "".join(said_))
        _, said_ = self.reload("db_password = hunter2", "db_password = hunter3")
        self.assertEqual(len(said_), 1)

    def test_told(self) -> None:
        """The timeline tells of it, and of every edit, by whom."""
        self.reload("colour = red", "colour = blue")
        self.rig.ask("PATCH /config/my.module", **as_json({"rate": 3}))
        events = [event.record() for event in self.rig.fleet.timeline.last(10)]
        configured = [event for event in events if event["event"] == "configured"]
        self.assertEqual(
            [(event["actor"], event["cause"], event["revision"]) for event in configured],
            [("SIGHUP", "proactor.cfg read again", 4), ("operator (token)", "edit of [my.module]", 5)],
        )


class StopTests(SynchronousTestCase):
    """The end of the initiator."""

    def setUp(self) -> None:
        self.rig = Rig(self)

    def stop(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.rig.initiator.stop())

    def test_all(self) -> None:
        """It ends all processors at once, and is over when the last has ended."""
        self.rig.create_many(2)
        self.rig.launcher.stubborn = True
        with capturedLogs() as events:
            stopped = self.stop()
        self.assertEqual([text for text in map(formatEvent, events) if "Stopping" in text], ["Stopping 2 processors"])
        self.rig.clock.advance(9.9)
        self.assertNoResult(stopped)
        self.rig.clock.advance(0.1)
        self.successResultOf(stopped)
        self.assertEqual(self.rig.launcher.running, [])
        states = {(job.state.value, job.wanted.value) for job in self.rig.fleet.jobs.values()}
        self.assertEqual(states, {("stopped", "running")})

    def test_nobody(self) -> None:
        """With nobody to end it is over, and says nothing."""
        with capturedLogs() as events:
            self.successResultOf(self.stop())
        self.assertEqual(list(events), [])

    def test_no_more(self) -> None:
        """From then on nothing is launched."""
        stopped = self.stop()
        creating = Deferred.fromCoroutine(self.rig.fleet.create(Order("my.module"), "test"))
        error = self.failureResultOf(creating, Unavailable).value
        self.assertEqual((str(error), error.retry_after), ("the initiator is stopping", 10))
        self.successResultOf(stopped)

    def test_being_launched(self) -> None:
        """What is being launched is ended when it is."""
        self.rig.launcher.slow = True
        creating = Deferred.fromCoroutine(self.rig.fleet.create(Order("my.module", count=3), "test"))
        self.rig.clock.pump([0, 1, 1])
        self.successResultOf(creating)
        stopped = self.stop()
        self.rig.clock.advance(5)
        self.assertNoResult(stopped)
        self.rig.launcher.release()
        self.rig.clock.advance(0)
        self.successResultOf(stopped)
        self.assertEqual((len(self.rig.launcher.specs), self.rig.launcher.running), (3, []))

    def test_in_line(self) -> None:
        """What waits in line to be launched never is."""
        self.rig = Rig(self, places=1)
        self.rig.run(self.rig.fleet.create(Order("my.module", count=3), "test"))
        self.assertEqual(len(self.rig.launcher.specs), 1)
        stopped = self.stop()
        self.rig.clock.advance(60)
        self.successResultOf(stopped)
        self.assertEqual(len(self.rig.launcher.specs), 1)

    def test_being_stopped(self) -> None:
        """What is being stopped or deleted already is waited for as well."""
        first, second = self.rig.create_many(2)
        self.rig.launcher.stubborn = True
        stopping = Deferred.fromCoroutine(self.rig.fleet.supervised(first.guid).stop("test"))
        deleting = Deferred.fromCoroutine(self.rig.fleet.delete(second.guid, "test"))
        self.rig.clock.advance(5)
        stopped = self.stop()
        self.rig.clock.advance(4.9)
        self.assertNoResult(stopped)
        self.rig.clock.advance(0.1)
        for each in (stopping, self.successResultOf(deleting), stopped):
            self.successResultOf(each)
        self.assertEqual(self.rig.launcher.running, [])

    def test_to_be_started_again(self) -> None:
        """What waits to be started again is not."""
        job = self.rig.create()
        self.rig.launcher.kill(job.guid)
        self.rig.clock.advance(0)
        self.assertEqual(job.state.value, "backoff")
        self.successResultOf(self.stop())
        self.rig.clock.advance(60)
        self.assertEqual(len(self.rig.launcher.specs), 1)

    def test_held_requests(self) -> None:
        """Requests that are held are answered, so that their connections end."""
        job = self.rig.create()
        revision = self.rig.configurator.live.offered(job.guid)
        exchange = self.rig.begin(f"GET /config/{job.guid}", headers=[("If-None-Match", f'"{revision}"')], wait=300)
        self.assertFalse(exchange.answered)
        self.stop()
        self.rig.clock.advance(0)
        self.assertTrue(exchange.answered)

    def test_twice(self) -> None:
        """Told twice it is over once."""
        self.rig.create()
        both = [self.stop(), self.stop()]
        self.rig.clock.advance(0)
        for stopped in both:
            self.successResultOf(stopped)

    def test_rollout(self) -> None:
        """A rollout under way is no obstacle, and processors that are told to end are no trouble of it."""
        jobs = self.rig.create_many(3)
        number = self.rig.ask("PATCH /config/my.module?batch=1", **as_json({"rate": 3})).json()["rollout"]
        self.rig.acknowledge(jobs[0])
        stopped = self.stop()
        self.rig.clock.advance(0)
        self.successResultOf(stopped)
        self.assertEqual((self.rig.rollout(number).problem, self.rig.rollout(number).stage.value), (None, "done"))
