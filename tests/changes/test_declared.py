"""Tests of what processors declared."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.declared import Declared
from proactor.options import Option

RATE, DEPTH = Option("rate", float, 1.0), Option("depth", int)


class DeclaredTests(SynchronousTestCase):
    """By processor and by module."""

    def setUp(self) -> None:
        self.declared = Declared()

    def test_nobody(self) -> None:
        """Who has said nothing takes nothing that is known of."""
        self.assertEqual((self.declared.of("a").declared, self.declared.of_module("m").declared), ((), ()))
        self.declared.forget("a")

    def test_of_the_last(self) -> None:
        """A module takes what the last of it declared, though that is gone."""
        self.declared.put("a", "m", (RATE,))
        self.declared.put("b", "m", (DEPTH,))
        self.declared.forget("b")
        found = [self.declared.of("a"), self.declared.of("b"), self.declared.of_module("m")]
        self.assertEqual([options.declared for options in found], [(RATE,), (), (DEPTH,)])

    def test_the_same_of_many(self) -> None:
        """Is kept once, and for as long as anybody declares it."""
        for guid in ("a", "b"):
            self.declared.put(guid, "m", (Option("depth", int),))
        self.assertIs(self.declared.of("a"), self.declared.of("b"))
        self.declared.put("c", "m", (RATE,))
        self.declared.forget("a")
        self.declared.forget("b")
        gc.collect()
        self.assertEqual(list(self.declared._same), [(RATE,)])

    def test_presumed(self) -> None:
        """One that is to be counts as having declared, of its own options, what its module takes; and no longer."""
        self.declared.put("a", "m", (RATE, DEPTH))
        with self.declared.presumed("b", "m", {"rate": "1", "other": "x"}):
            self.assertEqual(self.declared.of("b").declared, (RATE,))
        self.assertEqual(self.declared.of("b").declared, ())

    def test_declared_meanwhile(self) -> None:
        """Its own word, where it comes before that, stays."""
        with self.declared.presumed("b", "m", {}):
            self.declared.put("b", "m", (DEPTH,))
        self.assertEqual(self.declared.of("b").declared, (DEPTH,))
