"""Tests of ``proactor init`` and ``proactor check``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ..e2e.support import environment
from .support import typed


class InitTests(SynchronousTestCase):
    """What there is to begin with."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()

    def test_written(self) -> None:
        """It is written, and said what to do next; the initiator would start with it."""
        found = typed("init", str(self.folder), "--port", "9000")
        self.assertEqual(found.out, f"Wrote {self.folder}/proactor.cfg and {self.folder}/worker.py.\n")
        self.assertIn(f"  cd {self.folder} && twistd -n proactor\n", found.err)
        self.assertIn("proactor create -n 3", found.err)
        checked = typed("check", str(self.folder / "proactor.cfg"), "--json").json
        self.assertEqual((checked["listens"], checked["modules"]), ("127.0.0.1:9000", ["proactor.processor", "worker"]))

    def test_worker(self) -> None:
        """The processor can be run, declares the options that the file sets, and is in good style."""
        made = typed("init", str(self.folder), "--json").json
        self.assertEqual((made["folder"], made["files"]), (str(self.folder), ["proactor.cfg", "worker.py"]))
        described = subprocess.check_output(
            [sys.executable, "-m", "worker", "--describe"], cwd=self.folder, env=environment(), text=True
        )
        self.assertIn("\ninterval = 5.0\n", described)
        self.assertIn("\nsubject = world\n", described)
        ruff = [sys.executable, "-m", "ruff", "check", "--quiet", "--isolated", "--select=E,F,B", "--line-length=120"]
        done = subprocess.run([*ruff, str(self.folder)], capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, "")

    def test_quoted(self) -> None:
        """What is to be typed next can be, whatever the folder is called."""
        found = typed("init", f"{self.folder}/a b$c")
        self.assertIn(f"\n  cd '{self.folder}/a b$c' && twistd -n proactor\n", found.err)

    def test_here(self) -> None:
        """Without a folder it is this one, and nobody is sent elsewhere."""
        self.folder.mkdir()
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            found = typed("init")
        finally:
            os.chdir(before)
        self.assertEqual(found.out, "Wrote proactor.cfg and worker.py.\n")
        self.assertIn("\n  twistd -n proactor\n", found.err)

    def test_never_over(self) -> None:
        """Nothing is written over, and then nothing at all."""
        self.folder.mkdir()
        (self.folder / "worker.py").write_text("mine")
        found = typed("init", str(self.folder))
        self.assertEqual(found.code, 1)
        self.assertIn(f"{self.folder}/worker.py is there already: nothing was written", found.err)
        self.assertEqual(os.listdir(self.folder), ["worker.py"])
        self.assertEqual(typed("init", str(self.folder), "--json").error["exit"], 1)

    def test_cannot(self) -> None:
        """A folder that cannot be made is named."""
        self.folder.write_text("a file")
        self.assertEqual(typed("init", str(self.folder)).code, 2)
        self.assertIn("nothing was written", typed("init", str(self.folder / "below")).err)
