"""The unit for systemd on the pages is one that systemd takes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proactor.startup import Options

from .test_docs import DOCS, blocks

#: Where the page has it installed.
INSTALLED = "/opt/proactor/bin/twistd"


class UnitTests(SynchronousTestCase):
    """What stands in the operations page."""

    def setUp(self) -> None:
        (self.unit,) = [text for text in blocks(DOCS / "operations.md", "ini") if "[Service]" in text]

    def verify(self, unit: str) -> tuple[int, str]:
        """What ``systemd-analyze verify`` says of it: its exit status, and its complaints."""
        tool = shutil.which("systemd-analyze")
        if tool is None:
            raise SkipTest("systemd-analyze is not installed (Debian: systemd)")
        self.assertIn(INSTALLED, unit)
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder.absolute() / "proactor.service"
        # What it starts must be there, and be a program.
        path.write_text(unit.replace(INSTALLED, sys.executable))
        # Units of the machine that this one comes after have mistakes of their own.
        argv = [tool, "verify", "--man=no", "--recursive-errors=no", str(path)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def test_verified(self) -> None:
        """systemd finds nothing wrong with it."""
        self.assertEqual(self.verify(self.unit), (0, ""))

    def test_mistakes_are_found(self) -> None:
        """It would say so of an option that it does not know, and of a value that is none."""
        for wrong, found in (("WatchdogSec=30", "WatchdogSec=often"), ("NotifyAccess=", "NotifyAcces=")):
            self.assertIn(wrong, self.unit)
            self.assertIn(found.partition("=")[2] or found.rstrip("="), self.verify(self.unit.replace(wrong, found))[1])

    def test_arguments(self) -> None:
        """The options in it are those that there are."""
        (line,) = re.findall(r"^ExecStart=\S+ (.*)$", self.unit, re.MULTILINE)
        named = set(re.findall(r"--([a-z-]+)", line.partition(" proactor ")[2]))
        self.assertEqual(named - {row[0] for row in Options.optParameters}, set())
        self.assertLessEqual({"config", "home"}, named)
