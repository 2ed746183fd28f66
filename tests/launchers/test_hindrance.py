"""Tests of what is told of a program that was not started."""

from __future__ import annotations

import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Refused, Unavailable
from proactor.launchers.hindrance import not_started


class HindranceTests(SynchronousTestCase):
    """Whose fault it is."""

    def test_machine(self) -> None:
        """What the machine is short of is there again later."""
        for number in (errno.ENOMEM, errno.EAGAIN, errno.ENOSPC, errno.EROFS):
            error = not_started("python", OSError(number, "whatever"))
            self.assertIs(type(error), Unavailable)
            self.assertEqual(str(error), f"python cannot be started: {os.strerror(number)}")

    def test_descriptors(self) -> None:
        """Where a limit is in the way it is said which."""
        error = not_started("python", OSError(errno.EMFILE, "whatever"))
        self.assertIs(type(error), Unavailable)
        self.assertEqual(str(error), "python cannot be started: Too many open files; raise the limit (ulimit -n)")

    def test_descriptor_above_the_limit(self) -> None:
        """A descriptor that the system takes for none is no fault of a program: there is a remedy."""
        error = not_started("python", OSError(errno.EBADF, "whatever"))
        self.assertIs(type(error), Unavailable)
        self.assertIn("above the limit of open files: raise that (ulimit -n)", str(error))

    def test_program(self) -> None:
        """A program that cannot be run can be run at no other time."""
        for number in (errno.E2BIG, errno.EACCES, errno.ENOENT, errno.ENOEXEC):
            self.assertIs(type(not_started("python", OSError(number, "whatever"))), Refused)

    def test_without_number(self) -> None:
        """An error that the system has no number for is told in its own words."""
        self.assertEqual(str(not_started("python", OSError("it is late"))), "python cannot be started: it is late")
