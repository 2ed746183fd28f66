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


class CheckTests(SynchronousTestCase):
    """Whether a file holds."""

    def saved(self, text: str) -> str:
        path = Path(self.mktemp()).absolute()
        path.write_text(text)
        return str(path)

    def test_holds(self) -> None:
        """What it says is told in short; a module that is not there is warned of."""
        path = self.saved(
            "[not.there]\n\n[site]\ncommand = true\n\n[8d740c16d9b8419aa7417f7da6deb039]\nlisten_port = 1\n"
        )
        found = typed("check", path)
        self.assertEqual(found.code, 0)
        self.assertRegex(found.out, r"holds\.\n  guid +8d7.*\n  listens  0\.0\.0\.0:1\n  modules  not\.there, site\n$")
        self.assertIn("[not.there]: there is no module not here", found.err)

    def test_tls(self) -> None:
        """A certificate that the initiator would not start with does not hold."""
        missing = Path(self.mktemp()).absolute()
        path = self.saved(
            "[8d740c16d9b8419aa7417f7da6deb039]\nlisten_port = 1\nlisten_scheme = https\n"
            f"tls_certificate = {missing}\ntls_key = {missing}\n"
        )
        found = typed("check", path)
        self.assertEqual((found.code, found.out), (1, ""))
        self.assertIn(f"tls_certificate {missing}: ", found.err)

    def test_wrong(self) -> None:
        """What is wrong is told with its place, for people and for programs; the exit code is 1."""
        path = self.saved("[worker]\nstop_timeout = x\n\n[8d740c16d9b8419aa7417f7da6deb039]\n")
        found = typed("check", path)
        self.assertEqual((found.code, found.out), (1, ""))
        self.assertIn(f"proactor: {path}:2 [worker] stop_timeout = x: 'x' is not a number", found.err)
        error = typed("check", path, "--json").error
        self.assertEqual((error["line"], error["section"], error["option"]), (2, "worker", "stop_timeout"))

    def test_guid(self) -> None:
        """Of several sections that it could be, one has to be chosen."""
        path = self.saved(f"[{'0' * 32}]\n[{'1' * 32}]\n")
        self.assertIn("0" * 32, typed("check", path).err)
        self.assertEqual(typed("check", path, "--guid", "1" * 32, "--json").json["guid"], "1" * 32)

    def test_standard_input(self) -> None:
        """It may come from standard input; and it may not be there."""
        self.assertEqual(typed("check", "-", "--json", stdin=f"[{'0' * 32}]\n").json["file"], "standard input")
        self.assertIn("cannot be read", typed("check", "/nowhere/proactor.cfg").err)
