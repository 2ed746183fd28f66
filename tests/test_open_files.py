"""Tests of what the initiator does about its descriptors."""

from __future__ import annotations

import os
import resource

from twisted.trial.unittest import SynchronousTestCase

from proactor.open_files import OpenFiles, keep_inherited, shortage


class InheritedTests(SynchronousTestCase):
    """What it was started with."""

    def test_kept(self) -> None:
        """No child has it; the standard descriptors are as they were."""
        standard = [os.get_inheritable(fd) for fd in range(3)]
        fds = os.pipe()
        for fd in fds:
            self.addCleanup(os.close, fd)
            os.set_inheritable(fd, True)
        keep_inherited()
        self.assertEqual([os.get_inheritable(fd) for fd in fds], [False, False])
        self.assertEqual([os.get_inheritable(fd) for fd in range(3)], standard)

    def test_unknown(self) -> None:
        """Where the system does not tell which there are nothing is done."""

        def gone(_: object) -> list[str]:
            raise FileNotFoundError

        self.patch(os, "listdir", gone)
        keep_inherited()


class LimitTests(SynchronousTestCase):
    """How many there may be."""

    def setUp(self) -> None:
        self.before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, self.before)
        self.most = self.before[1]

    def test_raised(self) -> None:
        """It has as many as it may have, until it has ended; processors are to have what there was."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.most - 1, self.most))
        limit = OpenFiles.raised()
        self.assertEqual(limit, OpenFiles(self.most - 1, self.most))
        self.assertEqual(limit.of_processors, self.most - 1)
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (self.most, self.most))
        limit.give_back()
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (self.most - 1, self.most))

    def test_nothing_to_raise(self) -> None:
        """Who has all of it leaves it so, and so have processors."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.most, self.most))
        self.assertEqual(OpenFiles.raised().of_processors, None)

    def test_not_allowed(self) -> None:
        """Where the system has another bound it stays as it was."""

        def refused(*_: object) -> None:
            raise ValueError("not allowed to raise maximum limit")

        resource.setrlimit(resource.RLIMIT_NOFILE, (self.most - 1, self.most))
        patched = self.patch(resource, "setrlimit", refused)
        limit = OpenFiles.raised()
        patched.restore()
        self.assertEqual((limit, limit.of_processors), (OpenFiles(self.most - 1, self.most - 1), None))

    def test_short(self) -> None:
        """What is too small for the fleet that may be is said, with what it is enough for and the remedy."""
        self.assertEqual(
            shortage(200, 1000),
            "The limit of open files, 200, is enough for some 38 processors, and there may be 1000: "
            "raise it (ulimit -Hn, LimitNOFILE= of the unit), or lower max_jobs",
        )
        self.assertIn("for hardly any processor, and", str(shortage(40, 1)))
        for most, jobs in ((4096, 1000), (52, 1), (resource.RLIM_INFINITY, 1 << 40)):
            self.assertIs(shortage(most, jobs), None)
