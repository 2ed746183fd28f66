"""Tests of what is written while there is a bar."""

from __future__ import annotations

import io
import os
import sys
from json import loads

from twisted.trial.unittest import SynchronousTestCase

from proactor.cli.lookout import Lookout
from proactor.cli.output import Output
from proactor.client import Unreachable


class _Terminal(io.StringIO):
    """Standard error, as somebody sees it."""

    def isatty(self) -> bool:
        """It is one."""
        return True


class BarTests(SynchronousTestCase):
    """A bar on a terminal."""

    def test_dumb(self) -> None:
        """A terminal that can draw nothing anew has none."""
        screen = _Terminal()
        self.patch(sys, "stderr", screen)
        self.patch(os, "environ", {"TERM": "dumb"})
        with Output().progress("Launching", 2) as bar:
            bar.at(1)
        self.assertEqual(screen.getvalue(), "")

    def test_above(self) -> None:
        """What is said meanwhile is a line of its own, above the bar, and comes as it is."""
        screen = _Terminal()
        self.patch(sys, "stderr", screen)
        self.patch(os, "environ", {"TERM": "xterm"})
        out = Output()
        with out.progress("Launching", 2) as bar:
            bar.at(1)
            out.say("It is [bold]there[/bold] again.")
            bar.at(2)
        out.warn("over")
        lines = [line.rpartition("\x1b[2K")[2] for line in screen.getvalue().split("\n")]
        self.assertIn("It is [bold]there[/bold] again.", lines)
        self.assertTrue(lines[-2].endswith("proactor: over"), lines)


class LookoutTests(SynchronousTestCase):
    """An initiator that is gone while it is followed."""

    def told(self, json: bool) -> str:
        stream = io.StringIO()
        self.patch(sys, "stderr", stream)
        lookout = Lookout(Output(json=json))
        for _ in range(2):
            lookout.lost(Unreachable("it is gone"), 1)
        for _ in range(2):
            lookout.found()
        return stream.getvalue()

    def test_people(self) -> None:
        """That it is looked for is told once, and once that it is there again."""
        self.assertEqual(self.told(False), "it is gone; looking for it again, Ctrl-C ends that\nIt is there again.\n")

    def test_programs(self) -> None:
        """To a program as well, an object a line: what it reads on standard output says nothing of it."""
        lost, found = map(loads, self.told(True).splitlines())
        self.assertEqual((lost["title"], found["title"]), ("Looking again", "Found again"))
        self.assertIn("it is gone", lost["detail"])
