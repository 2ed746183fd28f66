"""A processor that has children, one of which does not end when it is asked to, and a grandchild."""

from __future__ import annotations

import subprocess
import sys

from proactor import Processor

PROGRAM = """
import os, signal, subprocess, sys, time
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "parent" in sys.argv:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
os.write(1, b"child ready\\n")
time.sleep(600)
"""


class Parent(Processor):
    """It leaves them alone when it ends."""

    def started(self) -> None:
        """Have them."""
        for kind in ("deaf", "parent"):
            subprocess.Popen([sys.executable, "-c", PROGRAM, kind])


if __name__ == "__main__":
    Parent.main()
