"""Tests of those that are silent, on a test's clock."""

from __future__ import annotations

import signal
from functools import partial

from proactor.model import State

from .case import Case


class WatchdogTests(Case):
    """One that is silent."""

    more = "refresh = 1\nwatchdog = 30\n"

    def test_silent(self) -> None:
        """After ``watchdog`` seconds it is asked where it is, then ended, then started again."""
        self.ready()
        self.rig.clock.pump([1] * 29)
        self.assertIs(self.job.state, State.RUNNING)
        self.rig.clock.pump([1] * 2)
        self.rig.clock.advance(0)
        self.assertIs(self.job.state, State.BACKOFF)
        assert self.job.exit is not None
        # The signal that asks is the end of one that does not know it.
        self.assertEqual(self.job.exit.reason, "silent for 30 s; ended by SIGUSR1")

    def test_heard_of(self) -> None:
        """One that is heard of goes on."""
        self.ready()
        for _ in range(10):
            self.rig.clock.pump([1] * 20)
            self.supervised.contact()
        self.assertEqual((self.job.state, self.job.incarnation), (State.RUNNING, 1))


class ChangingWatchdogTests(Case):
    """``watchdog`` is edited while the process runs."""

    more = "refresh = 1\n"

    def edit(self, watchdog: str) -> None:
        # Without a rollout, which would take back what nobody acknowledges.
        configurator = self.rig.configurator
        edit = partial(configurator.live.draft_edit, "my.module", {"watchdog": watchdog})
        self.rig.run(configurator.take(edit, "test"))

    def test_switched_on(self) -> None:
        """It may be silent for so long from then on."""
        self.ready()
        self.rig.clock.pump([1] * 100)
        self.edit("30")
        self.rig.clock.pump([1] * 29)
        self.assertIs(self.job.state, State.RUNNING)
        self.rig.clock.pump([1] * 2)
        self.rig.clock.advance(0)
        assert self.job.exit is not None
        self.assertEqual(self.job.exit.reason, "silent for 30 s; ended by SIGUSR1")

    def test_changed(self) -> None:
        """Another limit holds from the last that was heard of it; a switch off and on begins anew."""
        self.ready()
        self.edit("600")
        self.rig.clock.pump([1] * 20)
        self.edit("30")
        self.rig.clock.pump([1] * 9)
        self.assertIs(self.job.state, State.RUNNING)
        self.edit("0")
        self.rig.clock.pump([1] * 100)
        self.edit("30")
        self.rig.clock.pump([1] * 29)
        self.assertIs(self.job.state, State.RUNNING)
        self.rig.clock.pump([1] * 2)
        self.rig.clock.advance(0)
        self.assertIs(self.job.state, State.BACKOFF)

    def test_nobody_to_watch(self) -> None:
        """Of one that has no process, or is not ready yet, nothing is awaited."""
        self.edit("30")
        self.rig.clock.pump([1] * 15)
        self.assertIs(self.job.state, State.STARTING)
        self.ready()
        self.finish(1)
        self.edit("40")
        self.assertIs(self.job.state, State.BACKOFF)


class StoppedTests(Case):
    """The initiator did not get to run for a while: stopped by a signal, or with all of its machine."""

    more = "refresh = 1\nwatchdog = 30\n"

    def test_silence_is_ours(self) -> None:
        """What nobody listened for is nobody's silence: the time before it and behind it counts alone."""
        self.ready()
        self.rig.clock.pump([1] * 4)
        self.rig.clock.advance(1000)
        self.rig.clock.pump([1] * 19)
        self.assertEqual((self.job.state, self.job.exit), (State.RUNNING, None))
        self.rig.clock.pump([1] * 8)
        self.rig.clock.advance(0)
        assert self.job.exit is not None
        self.assertEqual(self.job.exit.reason, "silent for 30 s; ended by SIGUSR1")

    def test_asked_just_before(self) -> None:
        """One that was asked where it is just before has its time to be heard of."""
        self.ready()
        asked: list[int] = []
        self.patch(self.rig.launcher, "signal", lambda _, number: asked.append(number))
        self.rig.clock.pump([1] * 30)
        self.assertEqual(asked, [signal.SIGUSR1])
        self.rig.clock.advance(1000)
        self.supervised.contact()
        self.rig.clock.pump([1] * 20)
        self.assertEqual((self.job.state, self.job.incarnation), (State.RUNNING, 1))

    def test_ready_by_then(self) -> None:
        """One that began before has as long again to be known to be ready."""
        self.rig.clock.advance(1000)
        self.rig.clock.pump([1] * 15)
        self.assertIs(self.job.state, State.STARTING)
        self.ready()
        self.rig.clock.pump([1] * 10)
        self.assertEqual((self.job.state, self.job.incarnation), (State.RUNNING, 1))
