"""The initiator is killed, and the next one on the same home goes on: on a test's clock, with processes as values."""

from __future__ import annotations

import json
import os

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.config.document import parse
from proactor.config.job_settings import job_settings
from proactor.errors import NotFound, ProactorError, StorageFull
from proactor.interfaces import Handle
from proactor.jobs.fleet import Order
from proactor.model import Job, State, Wanted
from proactor.saved import AddRevision, DropJob, PutJob, PutValue
from proactor.store.memory import MemoryStore

from ..support.http import as_json
from ..support.launcher import UNKNOWN
from ..support.rig import ADDRESS, CONFIG, Rig

TIMES = "restart_delay = 4\nrestart_delay_max = 16\nrestart_attempts = 2\nrestart_window = 1000\nstop_timeout = 5\n"
CONFIGURED = CONFIG.replace("[my.module]\n", f"[my.module]\n{TIMES}")


class Case(SynchronousTestCase):
    """An initiator with one processor that runs."""

    def setUp(self) -> None:
        self.rig = Rig(self, CONFIGURED)
        self.job = self.rig.create()

    def reborn(self, config: str = CONFIGURED) -> Job:
        """Have it killed and followed by another; the job as that has it."""
        self.rig = self.rig.reborn(config)
        return self.rig.fleet.job(self.job.guid)

    def edit(self, query: str = "", **values: str | None) -> int:
        answer = self.rig.ask(f"PATCH /config/my.module{query}", **as_json(values))
        self.assertEqual(answer.status, 200, answer.text)
        return int(answer.json()["revision"])

    def edit_and_apply(self, **values: str) -> int:
        revision = self.edit(**values)
        self.rig.acknowledge(self.job)
        self.rig.clock.advance(0)
        return revision

    def kinds(self) -> list[str]:
        return [each.kind for each in self.rig.fleet.timeline.last() if each.guid == self.job.guid]


class AdoptionTests(Case):
    """What lives is adopted."""

    def test_running(self) -> None:
        """The same process goes on, and its endpoint is asked before it is said to be ready."""
        pid = self.job.pid
        job = self.reborn()
        self.assertEqual((job.pid, job.state, job.incarnation), (pid, State.RUNNING, 1))
        self.assertEqual(self.rig.endpoints.asked, [(f"http://{ADDRESS}:{job.port}", job.guid)])
        self.assertTrue(job.ready)
        self.assertEqual(len(self.rig.launcher.specs), 1)
        self.assertEqual(self.rig.keeper.watched, {pid: 5.0})
        self.assertEqual(self.rig.keeper.kept, {job.guid})

    def test_same_record(self) -> None:
        """Its record says what it said."""
        before = self.rig.fleet.record(self.job)
        job = self.reborn()
        self.assertEqual(self.rig.fleet.record(job), before)

    def test_its_token_holds(self) -> None:
        """It is known by the token that it has."""
        token = self.rig.token(self.job)
        self.reborn()
        answer = self.rig.ask(f"GET /config/{self.job.guid}", token=token)
        self.assertEqual((answer.status, answer.json()["rate"]), (200, "2"))

    def test_supervised_as_before(self) -> None:
        """When it ends it is started again, on the port that it had."""
        job = self.reborn()
        self.rig.launcher.kill(job.guid)
        self.rig.clock.advance(0)
        self.assertEqual(
            (job.state, job.exit.reason if job.exit else None), (State.BACKOFF, "ended; its status cannot be known")
        )
        self.rig.clock.advance(2)
        self.assertEqual((job.state, job.incarnation, job.port), (State.STARTING, 2, self.job.port))

    def unheard(self, guid: str, config: str = CONFIGURED) -> Job:
        """Have the initiator followed by one that no endpoint answers; a job as that has it after a minute."""
        self.rig.die()
        self.rig = Rig(self, config, earlier=self.rig)
        self.rig.endpoints.slow = True
        self.rig.take_up()
        job = self.rig.fleet.job(guid)
        self.assertFalse(job.ready)
        self.rig.clock.pump([1] * 60)
        self.rig.clock.advance(0)
        return job

    def test_not_ready(self) -> None:
        """One that was starting, and whose endpoint does not answer within ready_timeout, is started again."""
        (job,) = self.rig.run(self.rig.fleet.create(Order("my.module"), "test"))
        job = self.unheard(job.guid)
        self.assertIs(job.state, State.BACKOFF)
        assert job.exit is not None
        self.assertEqual(job.exit.reason, "not ready within 60 s; ended; its status cannot be known")

    def test_busy(self) -> None:
        """One that was ready, and is too busy to answer now, is left alone: it ends for no other initiator."""
        job = self.unheard(self.job.guid)
        self.assertEqual((job.state, job.ready, job.incarnation), (State.RUNNING, False, 1))
        self.rig.endpoints.answer()
        self.assertTrue(job.ready)

    def test_silent(self) -> None:
        """Where it may be silent for so long only, it may be so from when it is adopted."""
        config = CONFIGURED.replace("[my.module]\n", "[my.module]\nwatchdog = 40\nrefresh = 10\n")
        self.rig = self.rig.reborn(config)
        job = self.unheard(self.job.guid, config)
        assert job.exit is not None
        self.assertEqual(job.exit.reason, "silent for 40 s; ended; its status cannot be known")

    def led_by(self, daemon: Job) -> None:
        """The next initiator finds the job's lock held by another job's process, as by something that it left."""
        self.rig = Rig(self, CONFIGURED, earlier=self.rig)
        self.rig.locks.leaders = lambda: dict.fromkeys((self.job.guid, daemon.guid), daemon.pid or 0)
        self.rig.take_up()

    def test_left_behind(self) -> None:
        """Who has the lock of one that has ended is something that it started: that is not adopted in its place."""
        daemon, process = self.rig.create(), self.job.process
        self.rig.die()
        self.rig.launcher.kill(self.job.guid)
        self.rig.clock.advance(0)
        self.led_by(daemon)
        job = self.rig.fleet.job(self.job.guid)
        self.assertEqual((job.state, job.pid), (State.BACKOFF, None))
        self.assertEqual(self.rig.launcher.rest_ended.pop(), {job.guid: process})
        # It is none of a job that had no process either.
        self.rig.die()
        self.led_by(daemon)
        self.assertEqual(self.rig.fleet.job(self.job.guid).pid, None)
        self.assertEqual(self.rig.launcher.rest_ended, [])

    def test_never_launched(self) -> None:
        """Who has the lock of one whose next launch never came to begin is something that the one before started."""
        daemon = self.rig.create()
        saved = self.rig.store.load().jobs[self.job.guid]
        job = evolve(saved, incarnation=2, process=None, state=State.STARTING)
        self.rig.store.commit([PutJob(job)])
        self.rig.die()
        self.rig.launcher.kill(self.job.guid)
        self.rig.clock.advance(0)
        self.led_by(daemon)
        after = self.rig.fleet.job(self.job.guid)
        self.assertEqual((after.state, after.incarnation), (State.STARTING, 3))
        self.assertNotEqual(after.pid, daemon.pid)

    def test_starting(self) -> None:
        """One that was starting is starting still, and comes to run."""
        (job,) = self.rig.run(self.rig.fleet.create(Order("my.module"), "test"))
        self.assertIs(job.state, State.STARTING)
        self.reborn()
        after = self.rig.fleet.job(job.guid)
        self.assertEqual((after.state, after.pid), (State.RUNNING, job.pid))

    def test_launched_and_not_told(self) -> None:
        """A process of which nothing was written yet is found by its lock: it is not launched again."""
        self.rig.store.hold()
        self.rig.launcher.kill(self.job.guid)
        self.rig.clock.pump([0, 2])
        self.assertEqual(self.job.incarnation, 2)
        before = self.job
        job = self.reborn()
        self.assertEqual((job.pid, job.incarnation, job.state), (before.pid, 2, State.RUNNING))
        self.assertEqual(len(self.rig.launcher.specs), 2)

    def lost(self, module: str = "my.module") -> Job:
        """Launch one, of whose process nothing more is kept; the job as it was then."""
        first = self.rig.create(module)
        self.rig.launcher.finish(first.guid, 1)
        os.write(self.rig.home.open_log(first.guid), b"of the first\n")
        self.rig.clock.advance(0)
        self.edit_lost = self.edit(rate="5")
        self.rig.store.hold()
        self.rig.clock.advance(30)
        self.assertEqual(first.incarnation, 2)
        return first

    def test_what_it_was_launched_with(self) -> None:
        """Of one that is found by its lock it is known since when it runs, by what, and where in the log it begins."""
        job = self.lost()
        started = job.started
        self.patch(self.rig.launcher, "launcher", lambda _process: "fork")
        self.rig = self.rig.reborn(CONFIGURED)
        after = self.rig.fleet.job(job.guid)
        self.assertEqual((after.pid, after.started, after.log_start), (job.pid, started, len("of the first\n")))
        self.assertEqual((after.speaks, after.launcher), (True, "fork"))
        # What the first one said is not its word.
        self.assertEqual((after.running_revision, after.declared), (None, None))

    def test_to_be_stopped(self) -> None:
        """One that was to be stopped is stopped, though its process never heard of it."""
        stopping = Deferred.fromCoroutine(self.rig.fleet.stop(self.job.guid, "test"))
        self.successResultOf(stopping)
        self.assertEqual(self.rig.launcher.running, [self.job.guid])
        job = self.reborn()
        self.rig.clock.advance(0)
        self.assertEqual((job.state, job.wanted, self.rig.launcher.running), (State.STOPPED, Wanted.STOPPED, []))

    def test_to_be_deleted(self) -> None:
        """One that was to be deleted is."""
        self.successResultOf(Deferred.fromCoroutine(self.rig.fleet.delete(self.job.guid, "test")))
        self.rig = self.rig.reborn(CONFIGURED)
        self.rig.clock.advance(0)
        self.assertEqual((self.rig.fleet.jobs, self.rig.launcher.running), ({}, []))
        self.assertEqual(self.rig.store.load().jobs, {})

    def test_declarations(self) -> None:
        """What a process declared is remembered: edits are checked against it."""
        option = {"name": "rate", "type": "int", "minimum": 1}
        body = {"revision": 2, "status": "applied", "options": [option]}
        path = f"POST /config/{self.job.guid}/ack"
        answer = self.rig.ask(path, token=self.rig.token(self.job), **as_json(body))
        self.assertEqual(answer.status, 204, answer.text)
        self.reborn()
        answer = self.rig.ask("PATCH /config/my.module", **as_json({"rate": "0"}))
        self.assertEqual(answer.status, 422)

    def test_ended_just_now(self) -> None:
        """One that ends as it is to be adopted has ended while there was no initiator."""
        launcher = self.rig.launcher

        def adopt(handle: Handle, _ended: object) -> bool:
            launcher.end((handle.guid, handle.incarnation), UNKNOWN)
            return False

        self.patch(launcher, "adopt", adopt)
        job = self.reborn()
        self.assertEqual((job.state, job.pid), (State.BACKOFF, None))
        assert job.exit is not None
        self.assertEqual(job.exit.reason, "ended while there was no initiator; its status cannot be known")
        self.rig.clock.advance(4)
        self.assertEqual((job.state, job.incarnation), (State.STARTING, 2))


class WantedTests(Case):
    """What is wanted comes back."""

    def test_ended_meanwhile(self) -> None:
        """An end that nobody saw counts once; what is not known of it is not made up."""
        self.rig.die()
        self.rig.launcher.kill(self.job.guid)
        self.rig.clock.advance(0)
        self.rig = Rig(self, CONFIGURED, earlier=self.rig)
        self.rig.take_up()
        job = self.rig.fleet.job(self.job.guid)
        assert job.exit is not None
        self.assertEqual((job.state, job.pid, job.exit.code, job.exit.signal), (State.BACKOFF, None, None, None))
        self.assertEqual(job.exit.reason, "ended while there was no initiator; its status cannot be known")
        self.rig.clock.advance(2)
        self.assertEqual((job.state, job.incarnation, job.restarts), (State.STARTING, 2, 1))

    def test_how_long_it_ran(self) -> None:
        """One that ended meanwhile ran no longer than since its start: its failures in a row go on to be counted."""
        self.rig.clock.advance(1000)
        self.rig.launcher.finish(self.job.guid, 1)
        self.rig.clock.pump([0, 2])
        self.assertIs(self.job.state, State.STARTING)
        self.rig.die()
        self.rig.launcher.kill(self.job.guid)
        self.rig.clock.advance(0)
        self.rig = Rig(self, CONFIGURED, earlier=self.rig)
        self.rig.take_up()
        job = self.rig.fleet.job(self.job.guid)
        assert job.next_start is not None
        self.assertEqual((job.next_start - self.rig.now()).total_seconds(), 4)

    def test_reboot(self) -> None:
        """With the machine started anew all are started again, and nobody failed."""
        self.rig.die()
        self.rig.launcher.kill(self.job.guid)
        self.rig.clock.advance(0)
        self.rig.launcher.boot = lambda: "another"  # type: ignore[method-assign]
        self.rig = Rig(self, CONFIGURED, earlier=self.rig)
        self.rig.take_up()
        job = self.rig.fleet.job(self.job.guid)
        self.assertEqual((job.state, job.incarnation, job.restarts), (State.STARTING, 2, 0))

    def test_after_a_stop(self) -> None:
        """After a stop of the initiator all that is wanted is started again, on the ports of before."""
        stopped = Deferred.fromCoroutine(self.rig.initiator.stop())
        self.rig.clock.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(self.rig.launcher.running, [])
        job = self.reborn()
        self.assertEqual((job.state, job.incarnation, job.port), (State.STARTING, 2, self.job.port))

    def test_stopped(self) -> None:
        """What was stopped stays so."""
        self.rig.run(self.rig.fleet.stop(self.job.guid, "test"))
        self.rig.clock.advance(0)
        job = self.reborn()
        self.assertEqual((job.state, job.wanted, self.rig.launcher.running), (State.STOPPED, Wanted.STOPPED, []))

    def fall(self, times: int) -> None:
        for _ in range(times):
            self.rig.launcher.finish(self.job.guid, 1)
            self.rig.clock.advance(0)
            self.rig.clock.advance(16)

    def test_fatal(self) -> None:
        """What had used up its budget stays fatal, with the reason."""
        self.fall(3)
        self.assertIs(self.job.state, State.FATAL)
        before = self.job.exit
        job = self.reborn()
        self.assertEqual((job.state, job.exit, self.rig.launcher.running), (State.FATAL, before, []))

    def test_exited(self) -> None:
        """What was done stays done."""
        self.rig.launcher.finish(self.job.guid, 0)
        self.rig.clock.advance(0)
        self.assertIs(self.reborn().state, State.EXITED)

    def test_budget(self) -> None:
        """How much of the budget is used up is remembered."""
        self.fall(2)
        job = self.reborn()
        self.rig.launcher.finish(job.guid, 1)
        self.rig.clock.advance(0)
        self.assertIs(job.state, State.FATAL)

    def test_backoff(self) -> None:
        """What was to be started again after a while is, after what is left of it."""
        self.rig.launcher.finish(self.job.guid, 1)
        self.rig.clock.advance(0)
        self.rig.clock.advance(0.5)
        job = self.reborn()
        self.assertIs(job.state, State.BACKOFF)
        self.rig.clock.advance(1.5)
        self.assertEqual((job.state, job.restarts), (State.STARTING, 1))

    def test_backoff_by_another_clock(self) -> None:
        """A clock that was set far back does not keep it waiting longer than ever it would."""
        self.rig.launcher.finish(self.job.guid, 1)
        self.rig.clock.advance(0)
        assert self.job.next_start is not None
        self.job.next_start = self.job.next_start.replace(year=2027)
        self.rig.fleet.saving.note(self.job)
        job = self.reborn()
        self.rig.clock.advance(job_settings(self.rig.configurator.live.view(job.guid).values).policy.delay_max)
        self.assertIs(job.state, State.STARTING)

    def test_port_taken(self) -> None:
        """A port that another program has taken is waited for, and the job keeps its number."""
        self.rig.run(self.rig.fleet.stop(self.job.guid, "test"))
        self.rig.clock.advance(0)
        self.rig.die()
        other = self.rig.fleet.ports.claim(self.job.address, self.job.port, None)
        other.park()
        other.listen()
        self.addCleanup(other.close)
        self.rig = Rig(self, CONFIGURED, earlier=self.rig)
        with capturedLogs() as events:
            self.rig.take_up()
        job = self.rig.fleet.job(self.job.guid)
        told = (
            f"Port {job.port} at {ADDRESS}, of processor {job.guid} (my.module), is another program's by now: it "
            f"cannot be started until that gives it up (ss -ltnp sport = :{job.port})"
        )
        self.assertEqual([formatEvent(event) for event in events if event["log_level"] is LogLevel.warn], [told])
        self.rig.run(self.rig.fleet.start(job.guid, "test"))
        assert job.exit is not None
        self.assertEqual(job.state, State.BACKOFF)
        self.assertIn(f"port {job.port} at {ADDRESS} cannot be had again", job.exit.reason)
        other.close()
        self.rig.clock.advance(16)
        self.assertIs(job.state, State.STARTING)


class ConfigurationTests(Case):
    """Edits, history and revisions are as before."""

    def test_edits(self) -> None:
        """What was edited is, with its revision."""
        revision = self.edit(rate="5")
        self.rig.acknowledge(self.job)
        job = self.reborn()
        self.assertEqual(self.rig.values(job)["rate"], "5")
        live = self.rig.configurator.live
        self.assertEqual((live.revision, live.section_revision("my.module"), live.wanted(job.guid)), (revision,) * 3)

    def test_history(self) -> None:
        """What was edited can be read, and be gone back to."""
        first = self.edit_and_apply(rate="5")
        self.edit_and_apply(rate="6", colour="blue")
        before = self.rig.ask("GET /config/my.module/history").json()
        self.reborn()
        self.assertEqual(self.rig.ask("GET /config/my.module/history").json(), before)
        answer = self.rig.ask("POST /config/my.module/rollback", **as_json({"to": first}))
        self.assertEqual(answer.json()["revision"], 5)
        self.assertEqual(self.rig.values(self.job)["rate"], "5")
        self.assertEqual(self.rig.values(self.job)["colour"], "red")

    def test_own_options(self) -> None:
        """A processor's own options stay its own, and go with it."""
        job = self.rig.create(rate="9")
        self.reborn()
        self.assertEqual(self.rig.values(job)["rate"], "9")
        self.rig.run(self.rig.delete(job.guid))
        self.assertEqual(self.rig.store.load().edits, {})

    def test_overtaken(self) -> None:
        """An edit that was overtaken is told so."""
        old = self.edit_and_apply(rate="5")
        self.edit_and_apply(rate="6")
        self.reborn()
        how = as_json({"rate": "7"})
        how["headers"].append(("If-Match", f'"{old}"'))
        answer = self.rig.ask("PATCH /config/my.module", **how)
        self.assertEqual(answer.status, 412)

    def test_file_changed(self) -> None:
        """A file that was changed meanwhile is a new revision, and reaches who reads it."""
        job = self.reborn(CONFIGURED.replace("colour = red", "colour = green"))
        self.assertEqual(self.rig.values(job)["colour"], "green")
        self.assertEqual(self.rig.configurator.live.offered(job.guid), 3)
        again = self.reborn(CONFIGURED.replace("colour = red", "colour = green"))
        self.assertEqual(self.rig.configurator.live.offered(again.guid), 3)

    def test_file_conflicts(self) -> None:
        """A file that does not hold with what was edited is not taken: all goes on as before."""
        self.edit_and_apply(rate="${colour}")
        job = self.reborn(CONFIGURED.replace("colour = red\n", ""))
        self.assertEqual(self.rig.values(job)["rate"], "red")
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_another_initiators_home(self) -> None:
        """A home with jobs of another initiator is refused, with the way out."""
        other = "0" * 32
        config = CONFIGURED.replace("8d740c16d9b8419aa7417f7da6deb039", other)
        self.rig.store.commit([PutValue("guid", other)])
        self.rig.die()
        error = self.assertRaises(ProactorError, Rig, self, config, earlier=self.rig)
        self.assertIn("holds 1 jobs of the initiator", str(error))


class RolloutTests(Case):
    """A rollout under way goes on."""

    def setUp(self) -> None:
        super().setUp()
        self.jobs = [self.job, *self.rig.create_many(2)]

    def test_next_batch(self) -> None:
        """Who had the edit has it, who was held is; the next batch comes when this one has answered."""
        revision = self.edit(query="?batch=1", rate="5")
        self.assertEqual([self.rig.values(job)["rate"] for job in self.jobs], ["5", "2", "2"])
        self.reborn()
        self.assertEqual([self.rig.values(job)["rate"] for job in self.jobs], ["5", "2", "2"])
        for job in self.jobs:
            self.assertEqual(self.rig.rollout(revision).stage.value, "running")
            self.rig.acknowledge(job, revision)
            self.rig.clock.advance(0)
        self.assertEqual(self.rig.rollout(revision).stage.value, "done")
        self.assertEqual([self.rig.values(job)["rate"] for job in self.jobs], ["5"] * 3)

    def test_answered_before(self) -> None:
        """An answer that came before counts."""
        revision = self.edit(query="?batch=2", rate="5")
        self.rig.acknowledge(self.jobs[0], revision)
        self.reborn()
        self.rig.acknowledge(self.rig.fleet.job(self.jobs[1].guid), revision)
        self.rig.clock.advance(0)
        self.assertEqual([self.rig.values(job)["rate"] for job in self.jobs], ["5"] * 3)

    def test_rejected_behind(self) -> None:
        """It is taken back where one rejects it."""
        revision = self.edit(query="?batch=1", rate="5")
        self.reborn()
        self.rig.acknowledge(self.jobs[0], revision, "rate: too much")
        self.rig.clock.advance(0)
        self.assertEqual([self.rig.values(job)["rate"] for job in self.jobs], ["2"] * 3)
        self.rig.acknowledge(self.jobs[0])
        self.rig.clock.advance(0)
        self.assertEqual(self.rig.rollout(revision).stage.value, "reverted")

    def test_lost_meanwhile(self) -> None:
        """One that had it, and ended while nobody looked, fell over."""
        revision = self.edit(query="?batch=1", rate="5")
        self.rig.die()
        self.rig.launcher.kill(self.jobs[0].guid)
        self.rig.clock.advance(0)
        self.rig = Rig(self, CONFIGURED, earlier=self.rig)
        self.rig.take_up()
        self.rig.clock.advance(0)
        rollout = self.rig.rollout(revision)
        self.assertEqual(rollout.stage.value, "reverted")
        self.assertIn("fell over", rollout.problem or "")

    def test_over(self) -> None:
        """What is over is remembered."""
        revision = self.edit(rate="5")
        for job in self.jobs:
            self.rig.acknowledge(job, revision)
        self.rig.clock.advance(0)
        before = self.rig.ask(f"GET /rollout/{revision}").json()
        self.reborn()
        self.assertEqual(self.rig.ask(f"GET /rollout/{revision}").json(), before)
        self.assertEqual(before["state"], "done")


class StorageTests(Case):
    """What cannot be kept is not done."""

    def setUp(self) -> None:
        super().setUp()
        self.before = self.rig.store.load()
        self.rig.store.fail()

    def check(self, operation: str, body: object = None) -> None:
        answer = self.rig.ask(operation, **({} if body is None else as_json(body)))
        self.assertEqual(answer.status, 507, answer.text)
        self.assertIn("no room", answer.json()["detail"])
        self.rig.store.recover()
        after = self.rig.store.load()
        self.assertEqual((after.jobs.keys(), after.edits, after.revision), self.known())
        self.assertEqual(self.rig.fleet.jobs.keys(), {self.job.guid})
        self.assertEqual((self.job.state, self.job.wanted), (State.RUNNING, Wanted.RUNNING))

    def known(self) -> tuple[object, object, int]:
        return self.before.jobs.keys(), self.before.edits, self.before.revision

    def test_create(self) -> None:
        """None is created, and its port is free."""
        self.check("POST /create", {"module": "my.module", "count": 2})
        self.rig.create()

    def test_edit(self) -> None:
        """Nothing is edited, and no rollout is known."""
        self.check("PATCH /config/my.module", {"rate": "5"})
        self.assertEqual(self.rig.values(self.job)["rate"], "2")
        self.assertRaises(NotFound, self.rig.rollout, 3)
        self.assertEqual(self.edit(rate="6"), 3)

    def test_stop(self) -> None:
        """It goes on."""
        self.check(f"POST /job/{self.job.guid}/stop")

    def test_delete(self) -> None:
        """It is there still."""
        self.check(f"DELETE /job/{self.job.guid}")

    def test_read_again(self) -> None:
        """The file is as before."""
        changed = CONFIGURED.replace("colour = red", "colour = green")
        document = parse(changed, "proactor.cfg")
        work = Deferred.fromCoroutine(self.rig.initiator.reload(document, "test"))
        self.failureResultOf(work, StorageFull)
        self.assertEqual(self.rig.values(self.job)["colour"], "red")

    def test_started_again_all_the_same(self) -> None:
        """A processor that falls is started again, whether that can be written down or not."""
        self.rig.launcher.kill(self.job.guid)
        self.rig.clock.pump([0, 4])
        self.assertEqual((self.job.state, self.job.incarnation), (State.STARTING, 2))

    def test_forgotten_later(self) -> None:
        """A deletion whose end cannot be written down is made again, and then done."""
        self.rig.store.recover()
        self.rig.launcher.stubborn = True
        deleting = self.rig.run(self.rig.fleet.delete(self.job.guid, "test"))
        self.rig.store.fail()
        self.rig.clock.advance(5)
        self.failureResultOf(deleting, StorageFull)
        self.assertEqual(self.rig.fleet.jobs.keys(), {self.job.guid})
        self.rig.store.recover()
        self.rig.run(self.rig.delete(self.job.guid))
        self.assertEqual(self.rig.fleet.jobs, {})


class WritesTests(Case):
    """What is written, and when."""

    def test_creation(self) -> None:
        """A job and the revision that brings it are one commit, made before anything is started."""
        self.rig.store.hold()
        creating = self.rig.begin("POST /create", **as_json({"module": "my.module"}))
        self.rig.clock.advance(0)
        self.assertEqual((len(self.rig.launcher.specs), creating.answered), (1, False))
        self.rig.store.release()
        self.rig.clock.advance(0)
        self.assertEqual((len(self.rig.launcher.specs), creating.response.status), (2, 201))

    def test_creation_of_several(self) -> None:
        """All that were ordered are one commit, and of one revision, that they have in common."""
        before = self.rig.configurator.live.revision
        self.rig.store.commits.clear()
        order = Order("my.module", 20, {"rate": "7"})
        made = self.rig.run(self.rig.fleet.create(order, "test"))
        writes = self.rig.store.commits[0]
        self.assertEqual([type(each) for each in writes], [AddRevision] + [PutJob] * 20)
        self.assertEqual({each.job.joined for each in writes if isinstance(each, PutJob)}, {before + 1})
        self.assertEqual(self.rig.configurator.live.revision, before + 1)
        live = self.rig.configurator.live
        self.assertEqual({live.view(job.guid).values["rate"] for job in made}, {"7"})
        entries = [live.history(job.guid) for job in made]
        self.assertEqual(
            {(each.revision, each.summary) for (each,) in entries}, {(before + 1, "creation of 20 of [my.module]")}
        )
        self.rig = self.rig.reborn(CONFIGURED)
        live = self.rig.configurator.live
        self.assertEqual({live.view(job.guid).values["rate"] for job in made}, {"7"})

    def test_deletion(self) -> None:
        """What was wished is kept first, and what is done with it later."""
        self.rig.store.commits.clear()
        self.rig.run(self.rig.delete(self.job.guid))
        (first,), *_, last = self.rig.store.commits
        assert isinstance(first, PutJob)
        self.assertEqual((first.job.doomed, first.job.wanted), (True, Wanted.STOPPED))
        self.assertIn(DropJob(self.job.guid), last)

    def test_nothing_to_keep(self) -> None:
        """A wish for what is so already is no commit."""
        self.rig.store.commits.clear()
        self.rig.run(self.rig.fleet.start(self.job.guid, "test"))
        self.assertEqual(self.rig.store.commits, [])

    def test_json(self) -> None:
        """All that is kept of rollouts is JSON."""
        self.edit(rate="5")
        self.assertTrue(json.dumps(dict(self.rig.store.load().rollouts)))
        self.assertIsInstance(self.rig.store, MemoryStore)
