"""Tests of what the guardian is told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.guardian.told import Told

A, B = "a" * 32, "b" * 32


class ToldTests(SynchronousTestCase):
    """What is said, and what need not be."""

    def test_cut_once(self) -> None:
        """Of a log nothing is said again that it knows, as each launch would; another guardian is told all of it."""
        told = Told("MARK=x", 10.0, 30.0, True)
        said = [told.cut(guid, most) for guid, most in ((A, 1000), (A, 1000), (B, 1000), (A, 2000), (A, 1000))]
        lines = [None if each is None else each[0] for each in said]
        self.assertEqual(lines, [f"cut {A} 1000", None, f"cut {B} 1000", f"cut {A} 2000", f"cut {A} 1000"])
        self.assertEqual([line for line, _ in told.all() if line.startswith("cut")], [f"cut {A} 1000", f"cut {B} 1000"])
        told.leave_uncut(A)
        self.assertEqual(told.cut(A, 1000), (f"cut {A} 1000", None))
