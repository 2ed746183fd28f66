"""Tests of what is said of an error, and what to do next."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proactor.cli.ends import end_of
from proactor.client.errors import problem


class UnavailableTests(SynchronousTestCase):
    """What cannot be had now."""

    def hint(self, **members: Any) -> str:
        """What is said to do next."""
        return end_of(problem(503, {"title": "Service Unavailable", "detail": "not now", **members}, 30.0)).hint

    def test_later(self) -> None:
        """What passes by itself is to be tried again, and it is said when."""
        self.assertEqual(self.hint(), "try again in 30 s")

    def test_used_up(self) -> None:
        """Where somebody has to make room waiting helps nobody: the reason names the remedies."""
        self.assertEqual(self.hint(room=0), "")
        self.assertEqual(self.hint(room=11), "")
