"""How the program ends that is interrupted at once, or whose output cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

from twisted.trial.unittest import SynchronousTestCase

#: The program, interrupted as a module is imported.
_INTERRUPTED = """
import importlib.abc, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv = ["proactor", "ps", "--url", "http://127.0.0.1:9"]
from proactor.cli.entry import main
main()
"""


#: What is installed as the program.
_SCRIPT = Path(__file__).parents[2] / "script" / "proactor"
#: The same, interrupted as a module is imported by what is installed.
_INTERRUPTED_SCRIPT = """
import importlib.abc, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
# Python itself has loaded it by then, or the script would.
sys.modules.pop("typing", None)

class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv = ["proactor", "ps", "--url", "http://127.0.0.1:9"]
exec(compile(open({script!r}).read(), {script!r}, "exec"))
"""


def ended(line: str) -> subprocess.CompletedProcess[str]:
    """Run a shell's line in which ``$proactor`` is the program."""
    script = f"proactor='{sys.executable} -m proactor.cli'; {line}"
    return subprocess.run(["bash", "-c", script], check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)


class InterruptedTests(SynchronousTestCase):
    """Ctrl-C."""

    def test_while_loading(self) -> None:
        """While the program is loaded it ends with 130, and without a word: nothing was asked for yet."""
        for name in ("click", "proactor.cli.main", "treq", "twisted.internet.reactor"):
            with self.subTest(name):
                program = [sys.executable, "-c", _INTERRUPTED.format(name=name)]
                found = subprocess.run(program, check=False, capture_output=True, text=True)
                self.assertEqual((found.returncode, found.stdout, found.stderr), (130, "", ""))

    def test_before(self) -> None:
        """So does what is installed, while the little is loaded that it begins with; what else is wrong is told."""
        for name in ("proactor", "typing", "proactor.cli", "proactor.cli.entry"):
            with self.subTest(name):
                program = _INTERRUPTED_SCRIPT.format(name=name, script=str(_SCRIPT))
                found = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
                self.assertEqual((found.returncode, found.stdout, found.stderr), (130, "", ""))
        program = (
            f"import runpy, sys; sys.modules['proactor'] = None; runpy.run_path({str(_SCRIPT)!r}, run_name='__main__')"
        )
        found = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
        self.assertEqual(found.returncode, 1)
        self.assertIn("ModuleNotFoundError", found.stderr)

    def test_installed(self) -> None:
        """It runs the command line."""
        found = subprocess.run([sys.executable, _SCRIPT, "--version"], check=False, capture_output=True, text=True)
        self.assertEqual((found.returncode, found.stdout.split()[0], found.stderr), (0, "proactor", ""))

    def test_at_the_end(self) -> None:
        """When all is done, what is left of Python's own end does not change the exit code."""
        program = """
import atexit, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(os.kill, os.getpid(), signal.SIGINT)
sys.argv = ["proactor", "--version"]
from proactor.cli.entry import main
main()
"""
        found = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
        self.assertEqual((found.returncode, found.stderr), (0, ""))
        self.assertIn("proactor", found.stdout)


class UnwritableTests(SynchronousTestCase):
    """Standard output that takes nothing."""

    def test_full(self) -> None:
        """A full disk is told of in one line, with an exit code of its own; to a program as JSON."""
        for verb in ("--help", "--version", "completion bash"):
            with self.subTest(verb):
                found = ended(f"$proactor {verb} >/dev/full")
                self.assertEqual(found.returncode, 5)
                self.assertRegex(
                    found.stderr, "^proactor: standard output cannot be written: No space left on device\n"
                )
                self.assertNotIn("Traceback", found.stderr)
        found = ended("$proactor completion bash --json >/dev/full")
        told = json.loads(found.stderr)
        self.assertEqual((found.returncode, told["exit"]), (5, 5))
        self.assertEqual(told["hint"], "what was asked for may have been done")

    def test_closed(self) -> None:
        """Without a standard output nothing is begun."""
        found = ended("$proactor create >&-")
        self.assertEqual(found.returncode, 5)
        self.assertEqual(
            found.stderr, "proactor: standard output cannot be written: it is closed\n  nothing was done\n"
        )

    def test_unread(self) -> None:
        """Whoever reads no further is not told, and the exit code is the one of SIGPIPE."""
        reader, writer = os.pipe()
        os.close(reader)
        self.addCleanup(os.close, writer)
        program = [sys.executable, "-m", "proactor.cli", "completion", "bash"]
        found = subprocess.run(program, check=False, stdout=writer, stderr=PIPE, text=True)
        self.assertEqual((found.returncode, found.stderr), (141, ""))

    def test_nobody_to_tell(self) -> None:
        """A standard error that is full or closed, or a closed standard input, changes nothing."""
        for how in ("2>/dev/full", "2>&-", "<&-"):
            with self.subTest(how):
                self.assertEqual(ended(f"$proactor init --nope {how}").returncode, 2)
                self.assertIn("complete", ended(f"$proactor completion bash {how}").stdout)
