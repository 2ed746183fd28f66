"""Tests of whether a draft will do: slips, and the values of processors, each looked at once."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.declared import Declared
from proactor.changes.judging import check_names, check_spelling, checker
from proactor.config.grammar import DEFAULT
from proactor.config.layers import Layers
from proactor.config.settings import initiator_settings
from proactor.errors import ConfigError
from proactor.options import Option

from ..config.samples import INITIATOR, A, B, C, begun, edit, join

FILE = f"[{DEFAULT}]\nd = 1\n[m]\nrate = 2\n[n]\n[other.module]\n[{INITIATOR}]\nmax_jobs = 9\n"
RATE, DEPTH = Option("rate", float, 1.0, exclusive_minimum=0), Option("depth", int, 1)


class Case(SynchronousTestCase):
    """Two processors of the module m, the first of which declared something."""

    def setUp(self) -> None:
        self.live = begun(FILE)
        join(self.live, A, B)
        join(self.live, C, module="n")
        self.declared = Declared()
        self.declared.put(A, "m", (RATE, DEPTH))


class SpellingTests(Case):
    """Names that are most likely slips."""

    def spelt(self, section: str, patch: Mapping[str, str | None]) -> None:
        check_spelling(self.live.draft_edit(section, patch), self.live, self.declared)

    def test_slip(self) -> None:
        """An operator's edit that sets an option of nearly the name of one that is known is refused; DEFAULT, which is
        for all, and what is there already, are left alone.
        """
        edit(self.live, "m", {"depths": "1"})
        for section in ("m", A):
            error = self.assertRaises(ConfigError, self.spelt, section, {"dpeth": "2"})
            self.assertEqual((error.section, error.option), ("m", "dpeth"))
            self.assertIn("is depth meant?", str(error))
        for section, patch in (("m", {"depths": "2"}), ("m", {"depths": None}), ("DEFAULT", {"dpeth": "2"})):
            self.spelt(section, patch)

    def test_admitted(self) -> None:
        """So is one that lets in a module of nearly the name of one that is declared."""
        self.spelt("n", {"allow_from": "other.module"})
        error = self.assertRaises(ConfigError, self.spelt, "n", {"allow_from": "oher.module"})
        self.assertIn("no section declares the module oher.module; is other.module meant?", str(error))

    def test_names(self) -> None:
        """What a module's section has, and what all may have, is known; what is near nothing is a processor's own."""
        names = {"rate": "1", "restart": "never", "colour": "red"}
        check_names("m", names, self.live.layers, self.declared.of_module("m").names)
        error = self.assertRaises(ConfigError, check_names, "m", ["rtae"], self.live.layers, ())
        self.assertIn("is not known; is rate meant? Else have it stand in [m] of proactor.cfg", str(error))


class CheckerTests(Case):
    """The values of processors."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str | None] = []
        settings = initiator_settings(Layers(self.live.layers.document), INITIATOR)
        self.check = checker(settings, self.declared, lambda values: self.asked.append(values.get("rate")))

    def look(self, *guids: str) -> None:
        for guid in guids:
            self.check(guid, self.live.view(guid), self.live.layers)

    def test_once(self) -> None:
        """Those that come to the same and declared the same are looked at once."""
        self.declared.put(B, "m", (RATE, DEPTH))
        edit(self.live, "m", {"rate": "3"})
        self.look(A, B, C, A)
        self.assertEqual(self.asked, ["3", None])

    def test_declared_otherwise(self) -> None:
        """Who declared something else is judged by that."""
        edit(self.live, "m", {"rate": "-1"})
        self.look(B)
        error = self.assertRaises(ConfigError, self.look, A)
        self.assertIn(f"[{A}] rate = -1: must be > 0", str(error))
