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

    def test_given_back(self) -> None:
        """Who heeded them before does so again, however often they were taken."""
        for number in (*self.before, signal.SIGUSR1):
            self.signals.heed(number, lambda: None)
        self.assertNotEqual({number: signal.getsignal(number) for number in self.before}, self.before)
        self.signals.give_back()
        self.assertEqual({number: signal.getsignal(number) for number in self.before}, self.before)
