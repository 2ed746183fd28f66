"""Tests of the supervision of one job: on a test's clock, with processes that are values."""

from __future__ import annotations

import signal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Conflict, Refused, StorageFailed, StorageFull, Unavailable
from proactor.jobs.fleet import Order
from proactor.model import Job, State, Wanted

from ..support.examples import examples
from ..support.rig import Rig
from .case import Case, config


class RestartTests(Case):
    """What follows when it ends by itself."""

    def test_good_end(self) -> None:
        """With on-failure, the default, status 0 is the end: exited, and clients are refused."""
        self.ready()
        self.finish(0)
        self.assertEqual((self.job.state, self.job.pid), (State.EXITED, None))

    def test_not_begun(self) -> None:
        """With the end of one that did not come to begin, nothing is kept of what an earlier process wrote."""
        self.ready()
        self.rig.home.log_path(self.job.guid).write_bytes(b"Hello world, number 65\n")
        self.finish(1)
        assert self.job.exit is not None
        self.assertEqual(self.job.exit.lines, ("Hello world, number 65",))

        def taken() -> None:
            raise Unavailable("port 53101 cannot be had again")

        self.supervised.listening.listen = taken  # type: ignore[method-assign]
        self.rig.clock.advance(2)
        self.assertEqual(self.job.exit.reason, "could not be started: port 53101 cannot be had again")
        self.assertEqual((self.job.exit.lines, self.job.exit.last_words), ((), ""))

    def test_bad_end(self) -> None:
        """Another status is a failure: started again after a wait that is told."""
        self.ready()
        self.finish(3)
        self.assertIs(self.job.state, State.BACKOFF)
        assert self.job.next_start is not None
        self.assertEqual((self.job.next_start - self.rig.now()).total_seconds(), 2)
        self.rig.clock.advance(2)
        self.assertEqual((self.job.state, self.job.restarts, self.job.incarnation), (State.STARTING, 1, 2))

    def test_budget(self) -> None:
        """With the budget used up it is fatal, for a reason; a start by hand takes it up again."""
        for wait in (2, 4, 8):
            self.finish(1)
            self.assertIs(self.job.state, State.BACKOFF)
            self.rig.clock.advance(wait)
        self.finish(1)
        self.assertIs(self.job.state, State.FATAL)
        assert self.job.exit is not None
        self.assertEqual(
            self.job.exit.reason, "exited with status 1; started again 3 times within 1000 s, that is enough"
        )
        self.supervised.start("operator")
        self.rig.clock.advance(0)
        self.assertEqual((self.job.state, self.job.incarnation), (State.STARTING, 5))
        self.finish(1)
        self.assertIs(self.job.state, State.BACKOFF)

    def test_cannot_be_launched(self) -> None:
        """A launch that fails is an end like another, with the launcher's words as the reason."""
        self.rig.launcher.refusal = Refused("python cannot be started: not today")
        self.finish(1)
        self.rig.clock.advance(2)
        self.assertIs(self.job.state, State.BACKOFF)
        assert self.job.exit is not None
        self.assertEqual(self.job.exit.reason, "could not be started: python cannot be started: not today")

    def hinder(self, error: Exception | None) -> None:
        """Have all launches from now on fail, or begin."""
        self.rig.launcher.refusal = error

    def test_hindered(self) -> None:
        """What the machine is short of is not the program's failure: however long it lasts, the job is tried again,
        says why, spends none of its budget, and runs when it is over.
        """
        self.ready()
        self.hinder(StorageFull("there is no room on the disk of x"))
        self.finish(1)
        self.rig.clock.advance(2)
        for _ in range(50):
            self.assertIs(self.job.state, State.BACKOFF)
            assert self.job.exit is not None
            assert self.job.next_start is not None
            self.assertEqual(self.job.exit.reason, "could not be started: there is no room on the disk of x")
            self.assertEqual(self.rig.fleet.timeline.last()[-1].cause, self.job.exit.reason)
            wait = (self.job.next_start - self.rig.now()).total_seconds()
            self.assertLessEqual(wait, 30)
            self.rig.clock.advance(wait)
        self.hinder(None)
        self.rig.clock.advance(30)
        self.ready()
        self.assertEqual(self.job.restarts, 1)
        for wait in (4, 8):
            self.finish(1)
            self.rig.clock.advance(wait)
        self.assertIs(self.job.state, State.STARTING)

    def test_hindered_in_any_way(self) -> None:
        """Whatever cannot be had says so: a log, a lock, a port, a process, room for what is written."""
        for error in (Unavailable("no"), StorageFull("no"), StorageFailed("no"), OSError(24, "no")):
            self.hinder(error)
            for _ in range(6):
                if self.job.alive:
                    self.finish(1)
                self.rig.clock.advance(30)
                self.assertIs(self.job.state, State.BACKOFF)
            self.hinder(None)
            self.rig.clock.advance(30)
            self.ready()
            self.rig.clock.advance(1000)
        self.flushLoggedErrors(OSError)

    def test_hindered_and_stopped(self) -> None:
        """Who stops it meanwhile has it stopped, and a start tries at once."""
        self.hinder(Unavailable("no"))
        self.finish(1)
        self.rig.clock.advance(2)
        self.rig.run(self.supervised.stop("operator"))
        self.assertIs(self.job.state, State.STOPPED)
        self.rig.clock.advance(100)
        self.assertIs(self.job.state, State.STOPPED)
        self.hinder(None)
        self.supervised.start("operator")
        self.ready()

    def test_what_was_said_before_does_not_count(self) -> None:
        """A new process has not acknowledged anything, and the old one's token is not its own."""
        self.ready()
        self.finish(1)
        self.rig.clock.advance(2)
        self.assertEqual((self.job.running_revision, self.job.answer, self.job.ready), (None, None, False))


class NeverTests(Case):
    """A program that is to run once, and has not run."""

    more = "restart = never\n"

    def setUp(self) -> None:
        super().setUp()
        self.rig.launcher.refusal = Unavailable("no")
        self.rig.run(self.supervised.stop("operator"))
        self.supervised.start("operator")

    def test_hindered(self) -> None:
        """It is tried until it has: to be kept from it was no end."""
        self.assertIs(self.job.state, State.BACKOFF)
        self.rig.launcher.refusal = None
        self.rig.clock.advance(1)
        self.ready()
        self.finish(1)
        self.assertIs(self.job.state, State.EXITED)


class StopTests(Case):
    """What an operator does."""

    def test_stop(self) -> None:
        """It stops, and stays stopped."""
        self.ready()
        stopped = Deferred.fromCoroutine(self.supervised.stop("operator"))
        self.assertEqual((self.job.state, self.job.ready), (State.STOPPING, False))
        self.rig.clock.advance(0)
        self.successResultOf(stopped)
        self.rig.clock.advance(1000)
        self.assertEqual((self.job.state, self.job.wanted, self.job.pid), (State.STOPPED, Wanted.STOPPED, None))

    def test_stop_in_backoff(self) -> None:
        """One that waits for its next start does not start."""
        self.finish(1)
        self.rig.run(self.supervised.stop("operator"))
        self.rig.clock.advance(1000)
        self.assertEqual((self.job.state, self.job.next_start, self.job.incarnation), (State.STOPPED, None, 1))

    def test_stop_twice(self) -> None:
        """To stop what is stopped is done at once."""
        self.rig.run(self.supervised.stop("operator"))
        self.rig.run(self.supervised.stop("operator"))
        self.assertIs(self.job.state, State.STOPPED)

    def test_restart(self) -> None:
        """A restart ends one process and starts another, and is over when that is ready."""
        self.ready()
        restarted = Deferred.fromCoroutine(self.supervised.restart("operator"))
        self.rig.clock.advance(0)
        self.assertEqual((self.job.state, self.job.incarnation), (State.STARTING, 2))
        self.assertNoResult(restarted)
        self.rig.acknowledge(self.job)
        self.successResultOf(restarted)
        self.assertEqual(self.job.restarts, 1)

    def test_start_while_stopping(self) -> None:
        """Who wants it to run while it is being stopped gets another process."""
        self.ready()
        stopped = Deferred.fromCoroutine(self.supervised.stop("a"))
        self.supervised.start("b")
        self.rig.clock.advance(0)
        self.assertEqual((self.job.state, self.job.incarnation), (State.STARTING, 2))
        self.rig.run(self.supervised.stop("c"))
        self.successResultOf(stopped)

    def test_stop_during_restart(self) -> None:
        """The last word counts: a stop in the middle of a restart stops it, and who waits for the restart is told."""
        self.ready()
        restarted = Deferred.fromCoroutine(self.supervised.restart("a"))
        stopped = Deferred.fromCoroutine(self.supervised.stop("b"))
        self.assertNoResult(restarted)
        self.rig.clock.advance(0)
        self.successResultOf(stopped)
        self.assertIs(self.job.state, State.STOPPED)
        self.successResultOf(restarted)

    def test_signal(self) -> None:
        """A signal goes to its process; without one it is a conflict."""
        self.supervised.signal(signal.SIGUSR2)
        self.rig.clock.advance(0)
        self.assertIs(self.job.state, State.BACKOFF)
        error = self.assertRaises(Conflict, self.supervised.signal, signal.SIGUSR2)
        self.assertIn("has no process to send a signal to: it is backoff", str(error))


class QueueTests(SynchronousTestCase):
    """Taking turns."""

    def setUp(self) -> None:
        self.rig = Rig(self, config(), places=1)
        self.jobs = self.rig.run(self.rig.fleet.create(Order("my.module", count=3), "test"))

    def test_place(self) -> None:
        """Those that wait are starting, without a process, and see their place."""
        records = [self.rig.fleet.record(job) for job in self.jobs]
        self.assertEqual([each["queue"] for each in records], [None, 1, 2])
        self.assertEqual([each["pid"] is None for each in records], [False, True, True])

    def test_turn(self) -> None:
        """When one is ready the next is launched."""
        self.rig.acknowledge(self.jobs[0])
        self.assertEqual([job.pid is None for job in self.jobs], [False, False, True])

    def test_slow_one(self) -> None:
        """One that takes long holds up the others for a while, not for ever."""
        self.rig.clock.advance(10)
        self.assertEqual([job.pid is None for job in self.jobs], [False, False, True])

    def test_stop_in_line(self) -> None:
        """One that is stopped in line is stopped at once, and never launched."""
        self.rig.run(self.rig.fleet.supervised(self.jobs[1].guid).stop("operator"))
        self.rig.acknowledge(self.jobs[0])
        self.assertEqual([job.state for job in self.jobs], [State.RUNNING, State.STOPPED, State.STARTING])
        self.assertEqual([spec.guid for spec in self.rig.launcher.specs], [self.jobs[0].guid, self.jobs[2].guid])


class Machine(RuleBasedStateMachine):
    """Everything that can happen to a job, in any order."""

    case: SynchronousTestCase

    @initialize()
    def begin(self) -> None:
        self.rig = Rig(self.case, config("watchdog = 30\nrefresh = 1\n"), places=1)
        self.jobs: list[Job] = self.rig.run(self.rig.fleet.create(Order("my.module", count=2), "test"))
        self.waiting: list[Deferred[None]] = []

    def job(self, number: int) -> Job:
        return self.jobs[number]

    @rule(number=st.integers(0, 1))
    def acknowledge(self, number: int) -> None:
        if self.job(number).alive:
            self.rig.acknowledge(self.job(number))

    @rule(number=st.integers(0, 1), code=st.integers(0, 2))
    def finish(self, number: int, code: int) -> None:
        if self.job(number).guid in self.rig.launcher.running:
            self.rig.launcher.finish(self.job(number).guid, code)

    @rule(number=st.integers(0, 1))
    def start(self, number: int) -> None:
        self.rig.fleet.supervised(self.job(number).guid).start("operator")

    @rule(number=st.integers(0, 1))
    def stop(self, number: int) -> None:
        self.waiting.append(Deferred.fromCoroutine(self.rig.fleet.supervised(self.job(number).guid).stop("operator")))

    @rule(number=st.integers(0, 1))
    def restart(self, number: int) -> None:
        work = self.rig.fleet.supervised(self.job(number).guid).restart("operator")
        self.waiting.append(Deferred.fromCoroutine(work))

    @rule(seconds=st.sampled_from([0, 1, 5, 20, 100]))
    def wait(self, seconds: int) -> None:
        self.rig.clock.pump([0, seconds, 0])

    @invariant()
    def consistent(self) -> None:
        for job in getattr(self, "jobs", ()):
            running = self.rig.launcher.running.count(job.guid)
            self.case.assertLessEqual(running, 1, "two processes of one job")
            self.case.assertEqual(job.alive, running == 1)
            self.case.assertTrue(job.alive or not job.ready)
            self.case.assertEqual(job.ready, job.state is State.RUNNING)
            if job.state in (State.STOPPED, State.EXITED, State.FATAL, State.BACKOFF):
                self.case.assertFalse(job.alive)
            self.case.assertEqual(job.next_start is not None, job.state is State.BACKOFF)

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            for job in self.jobs:
                self.rig.clock.advance(0)
                deleted = Deferred.fromCoroutine(self.rig.fleet.delete(job.guid, "test"))
                self.rig.clock.pump([0, 10, 0])
                self.case.successResultOf(deleted)
            for each in self.waiting:
                self.case.successResultOf(each)
            self.case.assertEqual((self.rig.launcher.running, self.rig.keeper.watched), ([], {}))


class MachineTests(SynchronousTestCase):
    """What holds whatever happens."""

    def test_any_order(self) -> None:
        """There is never a second process, nothing is left behind, and nobody waits for ever."""

        class Bound(Machine):
            case = self

        run_state_machine_as_test(Bound, settings=examples(60, stateful_step_count=30))
