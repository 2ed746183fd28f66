"""Tests of what the fork server does while nobody wants anything."""

from __future__ import annotations

import gc
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from proactor.forkserver.server import Server
from proactor.guardian_main.protocol import connected, receive


class PracticeTests(SynchronousTestCase):
    """It is told what came of it."""

    def practised(self, practice: Iterator[None]) -> object:
        """What is told when it is over."""
        ours, theirs = connected()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.addCleanup(gc.unfreeze)
        server = Server(theirs)
        server._practice = practice
        while server._practice is not None:
            self.assertFalse(server._practise())
        return receive(ours)

    def test_over(self) -> None:
        """It is over after its last step."""
        self.assertEqual(self.practised(iter([None, None])), [("practised", None)])

    def test_impossible(self) -> None:
        """Where something cannot be rehearsed that is told, and it is over as well."""

        def practice() -> Iterator[None]:
            yield
            raise OSError("there is no loopback")

        self.assertEqual(self.practised(practice()), [("unpractised OSError: there is no loopback", None)])
