"""Tests of one process of a job, from its launch to its end: on a test's clock, with processes that are values."""

from __future__ import annotations

import signal
import socket

from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Conflict
from proactor.interfaces import Handle
from proactor.jobs.fleet import Order
from proactor.model import State

from ..support.launcher import Program
from ..support.rig import CONFIG, Rig
from .case import TIMES, Case, config


class ReadyTests(Case):
    """When a job is running."""

    def test_ready_is_more_than_started(self) -> None:
        """A process alone is not ready: it has to say so, and its endpoint to answer."""
        self.assertEqual((self.job.state, self.job.ready, self.job.pid is not None), (State.STARTING, False, True))
        self.rig.endpoints.slow = True
        self.rig.acknowledge(self.job)
        self.assertFalse(self.job.ready)
        self.rig.endpoints.answer()
        self.assertEqual((self.job.state, self.job.ready), (State.RUNNING, True))

    def test_asked_once(self) -> None:
        """However often it acknowledges while it starts, its endpoint is asked once."""
        self.rig.endpoints.slow = True
        self.rig.acknowledge(self.job)
        self.rig.acknowledge(self.job)
        self.assertEqual(len(self.rig.endpoints.asked), 1)

    def test_asked_no_more(self) -> None:
        """Of one that has ended, or is to end, no answer is waited for."""
        self.rig.endpoints.slow = True
        self.rig.acknowledge(self.job)
        self.assertEqual(self.rig.endpoints.waiting, 1)
        self.finish(1)
        self.assertEqual(self.rig.endpoints.waiting, 0)
        self.rig.clock.pump([0, 4])
        self.rig.acknowledge(self.job)
        self.assertEqual(self.rig.endpoints.waiting, 1)
        stopped = Deferred.fromCoroutine(self.supervised.stop("operator"))
        self.assertEqual(self.rig.endpoints.waiting, 0)
        self.rig.clock.advance(0)
        self.successResultOf(stopped)

    def test_not_in_time(self) -> None:
        """One that is not ready within ready_timeout is ended, and started again after a while."""
        self.rig.clock.advance(20)
        self.rig.clock.advance(0)
        self.assertIs(self.job.state, State.BACKOFF)
        assert self.job.exit is not None
        self.assertEqual(self.job.exit.reason, "not ready within 20 s; ended by SIGTERM")
        self.rig.clock.advance(2)
        self.assertEqual((self.job.state, self.job.incarnation), (State.STARTING, 2))

    def test_killed(self) -> None:
        """One that does not heed SIGTERM within stop_timeout is killed; the log, its end and the event tell."""
        self.ready()
        self.rig.launcher.stubborn = True
        with capturedLogs() as events:
            stopped = Deferred.fromCoroutine(self.supervised.stop("operator"))
            self.rig.clock.advance(5)
        self.successResultOf(stopped)
        assert self.job.exit is not None
        why = "did not end within stop_timeout = 5 s of SIGTERM"
        self.assertEqual(self.job.exit.reason, f"{why}; ended by SIGKILL")
        self.assertEqual(self.rig.fleet.timeline.last()[-1].cause, why)
        said = [formatEvent(event) for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual(said, [f"Processor {self.job.guid} (my.module) {why}; ended by SIGKILL"])

    def test_killed_by_somebody(self) -> None:
        """One that is killed before its time was over has not been stubborn."""
        self.ready()
        self.rig.launcher.stubborn = True
        stopped = Deferred.fromCoroutine(self.supervised.stop("operator"))
        self.rig.launcher.kill(self.job.guid)
        self.rig.clock.advance(1)
        self.successResultOf(stopped)
        assert self.job.exit is not None
        self.assertEqual(self.job.exit.reason, "ended by SIGKILL")

    def test_made_to_end_is_a_failure(self) -> None:
        """Though it says that all is well when it is made to end, it failed: it is started again."""
        self.rig.launcher.stop = self.polite  # type: ignore[method-assign]
        self.rig.clock.advance(20)
        self.rig.clock.advance(0)
        self.assertIs(self.job.state, State.BACKOFF)

    def polite(self, handle: Handle, grace: float) -> Deferred[None]:
        """End with status 0."""
        self.rig.launcher.finish(handle.guid, 0)
        return succeed(None)

    def test_settled(self) -> None:
        """Who waits for it to be ready is told then."""
        waiting = Deferred.fromCoroutine(self.supervised.settled())
        self.assertNoResult(waiting)
        self.ready()
        self.successResultOf(waiting)


class SlowLaunchTests(Case):
    """What happens while the launcher has not answered yet."""

    def setUp(self) -> None:
        super().setUp()
        self.rig.launcher.slow = True
        self.finish(1)
        self.rig.clock.advance(2)

    def test_stop(self) -> None:
        """A stop while it is being launched ends it as soon as it is there."""
        stopped = Deferred.fromCoroutine(self.supervised.stop("operator"))
        self.assertNoResult(stopped)
        self.rig.launcher.release()
        self.rig.clock.advance(0)
        self.successResultOf(stopped)
        self.assertEqual((self.job.state, self.rig.launcher.running), (State.STOPPED, []))

    def test_says_that_it_serves(self) -> None:
        """It may come to say that it serves before its launcher says that it was started: it is ready all the same."""
        self.rig.acknowledge(self.job)
        self.assertEqual(self.rig.endpoints.asked, [])
        self.rig.launcher.release()
        self.assertIs(self.job.state, State.RUNNING)

    def test_signal(self) -> None:
        """There is nobody to send a signal to."""
        error = self.assertRaises(Conflict, self.supervised.signal, signal.SIGUSR2)
        self.assertIn("is being launched: it has no process yet", str(error))

    def test_left(self) -> None:
        """One that begins when the initiator has let go of it is known to the next one, and nobody waits for it."""
        self.rig.fleet.let_go()
        waits = len(self.rig.clock.getDelayedCalls())
        self.rig.launcher.release()
        self.assertIsNotNone(self.job.pid)
        self.assertEqual(len(self.rig.clock.getDelayedCalls()), waits)
        adopted = self.rig.reborn(config()).fleet.job(self.job.guid)
        self.assertEqual((adopted.pid, adopted.incarnation), (self.job.pid, 2))


class SlowCommandTests(SynchronousTestCase):
    """What happens while the launcher has not answered yet, to what is no processor."""

    def test_stop(self) -> None:
        """One that is told to stop while it is being launched is not asked whether it is ready."""
        rig = Rig(self, f"{CONFIG}\n[sleeper]\ncommand = sleep 100 {{fd}}\n")
        rig.launcher.slow = True
        created = Deferred.fromCoroutine(rig.fleet.create(Order("sleeper"), "test"))
        rig.clock.advance(2)
        (job,) = self.successResultOf(created)
        rig.launcher.stubborn = True
        stopped = Deferred.fromCoroutine(rig.fleet.supervised(job.guid).stop("operator"))
        rig.launcher.release()
        self.assertEqual((job.alive, job.ready, rig.endpoints.asked), (True, False, []))
        rig.clock.advance(10)
        self.successResultOf(stopped)
        self.assertIs(job.state, State.STOPPED)


class LentTests(SynchronousTestCase):
    """A command that binds its port itself."""

    def setUp(self) -> None:
        self.rig = Rig(self, CONFIG + f"\n[plain]\ncommand = program --port {{port}}{TIMES}")
        (self.job,) = self.rig.run(self.rig.fleet.create(Order("plain"), "test"))
        self.rig.clock.advance(0)

    def can_be_had(self) -> bool:
        """Whether somebody could listen at its port."""
        try:
            socket.create_server((self.job.address, self.job.port)).close()
        except OSError:
            return False
        return True

    def test_lent(self) -> None:
        """Others are kept from it as long as there is no such process."""
        self.assertTrue(self.can_be_had())
        self.rig.launcher.finish(self.job.guid, 1)
        self.rig.clock.advance(0)
        self.assertIs(self.job.state, State.BACKOFF)
        self.assertFalse(self.can_be_had())
        self.rig.clock.advance(2)
        self.assertTrue(self.can_be_had())
        stopped = Deferred.fromCoroutine(self.rig.fleet.supervised(self.job.guid).stop("operator"))
        self.rig.clock.advance(0)
        self.successResultOf(stopped)
        self.assertFalse(self.can_be_had())


class QuickTests(SynchronousTestCase):
    """A program that is over at once."""

    def test_over_before_it_was_begun(self) -> None:
        """One that is over before its launcher says that it was started has ended, and nothing comes after that."""
        programs: dict[tuple[str, ...], Program] = {("quick", "3"): Program(7, at_once=True)}
        rig = Rig(self, f"{CONFIG}\n[quick]\ncommand = quick {{fd}}\nrestart = never\n", programs)
        (job,) = rig.run(rig.fleet.create(Order("quick"), "test"))
        rig.clock.advance(100)
        self.assertEqual((job.state, job.pid, job.started, rig.endpoints.asked), (State.EXITED, None, None, []))
        assert job.exit is not None
        self.assertEqual((job.exit.code, rig.keeper.watched), (7, {}))
