"""Tests of where a token is told to be."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ..client.support import Memory
from .support import typed_in


class TokenTests(SynchronousTestCase):
    """A token that is made."""

    def test_shown(self) -> None:
        """It is shown, and it is said that this is once."""
        found = typed_in(Memory(self), "token", "create", "ci", "--scope", "read")
        self.assertEqual((found.code, len(found.out.split())), (0, 1))
        self.assertIn("It is shown this once. Use it by PROACTOR_TOKEN, or --token-file", found.err)

    def test_written(self) -> None:
        """One that is written to a file is not shown, and nothing else is said of it."""
        path = Path(self.mktemp()).absolute()
        found = typed_in(Memory(self), "token", "create", "ci", "--scope", "read", "--out", f"{path} x")
        self.assertEqual((found.code, found.out), (0, ""))
        self.assertEqual(found.err, f"It is in {path} x, and nowhere else. Use it by --token-file '{path} x'.\n")
        self.assertTrue(Path(f"{path} x").read_text().strip())
