"""Tests of signals that are heeded for a while."""

from __future__ import annotations

import os
import signal

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from proactor.reactor.signals import Signals


class SignalsTests(TestCase):
    """Signals of this process."""

    def setUp(self) -> None:
        self.before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)}
        self.signals = Signals(reactor)  # type: ignore[arg-type]
        self.addCleanup(self.signals.give_back)

    async def test_heeded(self) -> None:
        """A signal is heeded on the reactor's turn, and not in the midst of what is under way."""
        came: Deferred[None] = Deferred()
        self.signals.heed(signal.SIGUSR2, lambda: came.callback(None))
        os.kill(os.getpid(), signal.SIGUSR2)
        self.assertFalse(came.called)
        await came

    async def test_preceded(self) -> None:
        """It is asked at each whether who heeded them before is to; else they are heeded on the reactor's turn."""
        theirs: list[int] = []
        ours: Deferred[None] = Deferred()
        signal.signal(signal.SIGUSR1, lambda number, _: theirs.append(number))
        self.addCleanup(signal.signal, signal.SIGUSR1, self.before[signal.SIGUSR1])
        heeded = signal.getsignal(signal.SIGUSR1)
        self.signals.precede(signal.SIGUSR1, lambda: not theirs, lambda: ours.callback(None))
        os.kill(os.getpid(), signal.SIGUSR1)
        self.assertEqual((theirs, ours.called), ([signal.SIGUSR1], False))
        os.kill(os.getpid(), signal.SIGUSR1)
        await ours
        self.assertEqual(theirs, [signal.SIGUSR1])
        self.signals.give_back()
        self.assertIs(signal.getsignal(signal.SIGUSR1), heeded)

    def test_nobody_precedes(self) -> None:
        """What nobody heeds is left as it is: it ends the program, or is nothing to it."""
        for nobody in (signal.SIG_DFL, signal.SIG_IGN):
            signal.signal(signal.SIGUSR1, nobody)
            self.addCleanup(signal.signal, signal.SIGUSR1, self.before[signal.SIGUSR1])
            self.signals.precede(signal.SIGUSR1, lambda: True, lambda: None)
            self.assertEqual(signal.getsignal(signal.SIGUSR1), nobody)

    def test_given_back(self) -> None:
        """Who heeded them before does so again, however often they were taken."""
        for number in (*self.before, signal.SIGUSR1):
            self.signals.heed(number, lambda: None)
        self.assertNotEqual({number: signal.getsignal(number) for number in self.before}, self.before)
        self.signals.give_back()
        self.assertEqual({number: signal.getsignal(number) for number in self.before}, self.before)
