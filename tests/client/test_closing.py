"""Tests of how a client hangs up."""

from __future__ import annotations

import gc
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.client import Client, Place


class CloseTests(SynchronousTestCase):
    """Connections that are closing."""

    def test_not_waited_for(self) -> None:
        """Who does not wait until they are closed is told of no error that is none."""
        connections: list[Deferred[None]] = [Deferred()]
        hang_up = cast(Any, lambda: gatherResults(connections))
        client = Client.of(cast(Any, None), Clock(), Place("http://localhost:8080"), hang_up=hang_up)
        closing = Deferred.fromCoroutine(client.close())
        closing.cancel()
        self.failureResultOf(closing, CancelledError)
        self.assertFalse(connections[0].called)
        connections.pop().callback(None)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])
