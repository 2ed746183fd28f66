from __future__ import annotations

import errno
import os
from datetime import datetime, timezone
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import StorageFull, Unavailable
from proactor.home.disk import unavailable
from proactor.jobs.flock import Locks
from proactor.jobs.launch_record import LaunchRecord
from proactor.jobs.locks import JobLocks

from .support.rig import Rig

GUID = "a" * 32
FULL = OSError(errno.ENOSPC, "No space left on device")


class CreationTests(SynchronousTestCase):
    """A job that finds no room for what it needs to be launched is none: it would fail at each launch."""

    def setUp(self) -> None:
        self.rig = Rig(self)

    def test_no_room_for_a_lock(self) -> None:
        """It is refused with 507 and the way out, and nothing is left of it; with room it goes on."""
        self.rig.locks.refusal = unavailable(Path("home"), FULL)
        answer = self.rig.ask("POST /create")
        self.assertEqual(answer.status, 507)
        self.assertIn("free some and try again", answer.text)
        self.assertEqual((self.rig.fleet.jobs, self.rig.store.load().jobs, self.rig.locks.taken), ({}, {}, {}))
        self.assertEqual(self.rig.fleet.ports._range_of, {})
        self.rig.locks.refusal = None
        self.assertEqual(self.rig.ask("POST /create").status, 201)

    def test_no_room_for_its_record(self) -> None:
        """So is one whose record finds none: its lock is given back."""
        self.rig.store.fail(StorageFull("no room; free some"), 1)
        self.assertEqual(self.rig.ask("POST /create").status, 507)
        self.assertEqual((self.rig.fleet.jobs, self.rig.locks.taken), ({}, {}))


class LockTests(SynchronousTestCase):
    """The room for a lock."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.locks = JobLocks(Locks(self.folder))

    def test_reserved(self) -> None:
        """It is there and nobody's, of no incarnation; what is launched takes it, and what is not gives it back."""
        launch = LaunchRecord(1, False, 17, 1 << 40, datetime(2026, 11, 24, 12, tzinfo=timezone.utc))
        self.locks.reserve(GUID)
        size = self.locks.locks.path(GUID).stat().st_size
        self.assertEqual(self.locks.launch(GUID), LaunchRecord())
        self.assertFalse(self.locks.locks.held(GUID))
        os.close(self.locks.take(GUID, launch))
        self.assertEqual(self.locks.launch(GUID), launch)
        self.assertEqual(self.locks.locks.path(GUID).stat().st_size, size)
        self.locks.remove(GUID)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_full(self) -> None:
        """Where there is none that is told as it is, and no file is left."""

        def full(_fd: int, _data: bytes, _offset: int) -> int:
            raise FULL

        self.patch(os, "pwrite", full)
        error = self.assertRaises(StorageFull, self.locks.reserve, GUID)
        self.assertIn("there is no room on the disk of ", str(error))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_other(self) -> None:
        """What else is wrong is not taken for that."""
        self.folder.rmdir()
        error = self.assertRaises(Unavailable, self.locks.reserve, GUID)
        self.assertIn("No such file or directory", str(error))
