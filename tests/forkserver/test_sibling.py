"""Tests of processes whose parent is their forker's."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from proactor.forkserver import sibling
from proactor.forkserver.sibling import Siblings

ROOT = Path(__file__).parents[2]
PROGRAM = "from tests.forkserver.test_sibling import forks; forks()"


def forks() -> None:
    """In a process of its own: fork, and write what both see."""
    random.seed(1)
    reading, writing = os.pipe()
    pid = Siblings.fork()
    if not pid:
        told: list[int] = []
        signal.signal(signal.SIGUSR1, lambda number, _frame: told.append(number))
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        seen = {"parent": os.getppid(), "pid": os.getpid(), "thread": threading.get_native_id(), "told": told}
        os.write(writing, json.dumps(seen | {"forked": random.random()}).encode())
        os._exit(7)
    child = json.loads(os.read(reading, 1000))
    sys.stdout.write(json.dumps({"child": child, "pid": pid, "random": random.random()}))


@skipUnless(Siblings.are_known(), "needs Linux, glibc and CPython")
class SiblingTests(SynchronousTestCase):
    """Who forks is not who waits."""

    def setUp(self) -> None:
        done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        self.seen: dict[str, Any] = json.loads(done.stdout)
        # Before anything else can fail: it is ours to reap.
        self.status = os.waitpid(self.seen["pid"], 0)[1]

    def test_ours(self) -> None:
        """What our child has forked is our child, and its exit status ours to know."""
        self.assertEqual(self.seen["child"]["parent"], os.getpid())
        self.assertEqual(os.waitstatus_to_exitcode(self.status), 7)

    def test_itself(self) -> None:
        """It knows its own number, that of its thread included: a signal to that reaches it."""
        child = self.seen["child"]
        self.assertEqual((child["pid"], child["thread"]), (self.seen["pid"], self.seen["pid"]))
        self.assertEqual(child["told"], [signal.SIGUSR1])

    def test_handlers(self) -> None:
        """What Python has registered to be called at a fork is called: chance is another one."""
        self.assertNotEqual(self.seen["child"]["forked"], self.seen["random"])


class CanTests(SynchronousTestCase):
    """Handlers of libraries are not called at such a fork: who may have some is not forked so."""

    def setUp(self) -> None:
        self.libraries = frozenset({"/lib/libc.so.6"})
        self.patch(sibling, "_libraries", lambda: self.libraries)
        self.siblings = Siblings()

    def openssl(self, version: int) -> None:
        """Have an OpenSSL loaded."""
        module = type(sys)("ssl")
        vars(module)["OPENSSL_VERSION_NUMBER"] = version
        self.patch(sys, "modules", {"ssl": module})

    def test_harmless(self) -> None:
        """With what was loaded at the beginning it can be done."""
        self.openssl(0x30000020)
        self.assertTrue(self.siblings.can())

    def test_library(self) -> None:
        """A library that a user's module has loaded may have handlers."""
        self.libraries |= {"/usr/lib/libgomp.so.1"}
        self.assertFalse(self.siblings.can())

    def test_old_openssl(self) -> None:
        """OpenSSL before 3.0 draws the same numbers again, if its handler is not called."""
        self.openssl(0x1010117F)
        self.assertFalse(self.siblings.can())
