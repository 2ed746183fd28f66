"""What the tests of the guardian have in common: scripts, and initiators in small that can be killed."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import proactor
from proactor.guardian_main.processes import Process

ROOT = Path(proactor.__file__).parents[1]
PATIENCE = 60
"""Seconds after which a test that waits for something has failed."""

# Perl's open has its child's exec behind it when it returns: a signal is not lost in a copy of the parent.
CHILD = 'open(my $child, "-|", "sleep", "1000"); '
READY = '$| = 1; print "ready\\n"; sleep 1 while 1'
POLITE = f"""exec perl -e '{CHILD} $SIG{{TERM}} = sub {{ print "asked\\n"; exit }}; {READY}'"""
STUBBORN = f"""exec perl -e '$SIG{{TERM}} = "IGNORE"; {CHILD} {READY}'"""
GROUP_APART = f"perl -e 'setpgrp(0, 0); {READY}' & wait"
DEAF_SESSION_APART = f"perl -MPOSIX -e 'POSIX::setsid(); $SIG{{TERM}} = \"IGNORE\"; {READY}' & wait"
SESSION_APART = f"perl -MPOSIX -e 'POSIX::setsid(); {READY}' & wait"
ORPHANED = f"(perl -e '{READY}' &); exec sleep 1000"


def read(descriptor: int) -> bytes:
    """Read what there is, the next of it; nothing at the end."""
    ready, _, _ = select.select([descriptor], [], [], PATIENCE)
    if not ready:
        raise AssertionError(f"nothing came in {PATIENCE} s")
    return os.read(descriptor, 1 << 16)


def read_all(descriptor: int) -> str:
    """Read to the end, which comes when nobody has the other end any more."""
    whole = b""
    while data := read(descriptor):
        whole += data
    return whole.decode()


def ignored(pid: int) -> int:
    """Give the signals that a process ignores, as a bit mask."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:"))


def is_there(pid: int) -> bool:
    """Whether a process lives."""
    process = Process.look(pid)
    return process is not None and process.alive


class Initiator:
    """One in a process of its own; see ``tests.guarded``.

    :ivar out: what its processes write; ``err``: what its guardian does.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.out, out = os.pipe()
        self.err, err = os.pipe()
        self._log = os.memfd_create("log")
        folder = () if home is None else (str(home),)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.guarded", str(out), str(err), *folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            pass_fds=(out, err),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        os.close(out)
        os.close(err)

    def close(self) -> None:
        """Be rid of it."""
        with self.process:
            self.process.kill()
        os.close(self.out)
        os.close(self.err)
        os.close(self._log)

    def log(self) -> str:
        """Give what it has said by itself."""
        return os.pread(self._log, 1 << 20, 0).decode()

    def order(self, *order: Any) -> Any:
        """Have it do something, and give its answer."""
        assert self.process.stdout is not None
        self.send(*order)
        return json.loads(self.process.stdout.readline())

    def send(self, *order: Any) -> None:
        """Have it do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """Kill it, and wait until it is dead."""
        self.process.kill()
        self.process.wait()


class InitiatorCase(SynchronousTestCase):
    """A case with an initiator."""

    def begin(self, home: Path | None = None) -> Initiator:
        """Start one, which is the one that is spoken of."""
        self.initiator = Initiator(home)
        self.process = self.initiator.process
        self.out, self.err = self.initiator.out, self.initiator.err
        self.addCleanup(self.initiator.close)
        return self.initiator

    def order(self, *order: Any) -> Any:
        """Have it do something, and give its answer."""
        return self.initiator.order(*order)

    def start(self, script: str, grace: float = PATIENCE, **more: bool) -> int:
        """Have it start a script, and wait until that says that it is ready."""
        pid: int = self.order("start", script, grace, *more.values())
        self.assertEqual(read(self.out), b"ready\n")
        return pid

    def kill(self) -> str:
        """Kill it; wait until nobody is left; give what its processes wrote meanwhile."""
        self.initiator.kill()
        return read_all(self.out)

    def report(self) -> str:
        """Wait until the guardian has ended too; give what it said."""
        return read_all(self.err)
