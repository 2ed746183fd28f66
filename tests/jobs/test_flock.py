from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Conflict, ProactorError, Unavailable
from proactor.jobs.flock import Locks

GUID, OTHER, THIRD = (digit * 32 for digit in "abc")

WAITS = "import sys; print('ready', flush=True); sys.stdin.read()"
LEAVES_ONE = "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]], close_fds=False)"


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class LocksTests(SynchronousTestCase):
    """Locks that processes hold."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()) / "locks"
        self.locks = Locks(self.folder)

    def start(self, *guids: str, session: bool = True, argv: tuple[str, ...] = ("-c", WAITS)) -> subprocess.Popen[str]:
        """Start a process that inherits locks; the copies here are closed."""
        taken = [self.locks.take(guid) for guid in guids]
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=session,
            pass_fds=taken,
        )
        for fd in taken:
            os.close(fd)
        self.addCleanup(self.end, process)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def end(self, process: subprocess.Popen[str]) -> None:
        with process:
            process.kill()

    def files(self) -> list[str]:
        return sorted(path.stem for path in self.folder.iterdir())

    def test_ours_alone(self) -> None:
        """Nobody else reads the folder or a lock, and no child inherits one that it is not given."""
        fd = self.locks.take(GUID)
        self.addCleanup(os.close, fd)
        self.assertEqual(stat.S_IMODE(self.folder.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(self.locks.path(GUID).stat().st_mode), 0o600)
        self.assertFalse(os.get_inheritable(fd))

    def test_taken(self) -> None:
        """Who has taken one has it alone, until the descriptor is closed."""
        fd = self.locks.take(GUID)
        self.assertTrue(self.locks.held(GUID))
        self.assertIn("held", str(self.assertRaises(Conflict, self.locks.take, GUID)))
        os.close(fd)
        self.assertFalse(self.locks.held(GUID))
        os.close(self.locks.take(GUID))

    def test_by_guid(self) -> None:
        """One guid's lock is nothing to another's."""
        self.addCleanup(os.close, self.locks.take(GUID))
        self.assertFalse(self.locks.held(OTHER))
        os.close(self.locks.take(OTHER))

    def test_inherited(self) -> None:
        """A process that inherits it holds it until it is dead, killed or not; who it is stands in the refusal."""
        process = self.start(GUID)
        self.assertTrue(self.locks.held(GUID))
        text = str(self.assertRaises(Conflict, self.locks.take, GUID))
        for part in (GUID, str(process.pid), str(self.locks.path(GUID))):
            self.assertIn(part, text)
        process.kill()
        process.wait()
        self.assertFalse(self.locks.held(GUID))
        os.close(self.locks.take(GUID))

    def test_asking_does_not_disturb(self) -> None:
        """To ask neither makes a lock, nor takes it, nor keeps a descriptor."""
        before = descriptors()
        self.assertFalse(self.locks.held(GUID))
        self.assertEqual(self.files(), [])
        fd = self.locks.take(GUID)
        other = Locks(self.folder)
        self.assertTrue(other.held(GUID))
        self.assertRaises(Conflict, other.take, GUID)
        os.close(fd)
        self.assertFalse(other.held(GUID))
        self.assertEqual(descriptors(), before)

    def test_holders(self) -> None:
        """Who holds a lock is told, all of them, and ourselves not; the leader is who leads a session."""
        self.assertEqual((self.locks.holders(GUID), self.locks.leader(GUID)), ([], None))
        self.addCleanup(os.close, self.locks.take(OTHER))
        self.assertEqual(self.locks.holders(OTHER), [])
        first = self.start(GUID)
        self.assertEqual((self.locks.holders(GUID), self.locks.leader(GUID)), ([first.pid], first.pid))

    def test_what_it_started(self) -> None:
        """A process that it started holds the lock on, and leads nothing."""
        process = self.start(GUID, argv=("-c", LEAVES_ONE, "-I", "-S", "-c", WAITS))
        process.wait()
        self.assertTrue(self.locks.held(GUID))
        (left,) = self.locks.holders(GUID)
        self.assertNotEqual(left, process.pid)
        self.assertEqual((self.locks.leader(GUID), self.locks.leaders()), (None, {GUID: []}))
        assert process.stdin is not None
        process.stdin.close()
        while self.locks.held(GUID):
            pass

    def test_leaders(self) -> None:
        """All that is held is told at once, with its leaders; of several the oldest is the first."""
        first, second = self.start(GUID), self.start(OTHER, THIRD)
        self.start(session=False)
        self.assertEqual(self.locks.leaders(), {GUID: [first.pid], OTHER: [second.pid], THIRD: [second.pid]})
        fd = os.open(f"/proc/{first.pid}/fd/{self.descriptor(first)}", os.O_RDWR)
        third = subprocess.Popen(["sleep", "1000"], pass_fds=[fd], start_new_session=True)
        os.close(fd)
        self.addCleanup(third.wait)
        self.addCleanup(third.kill)
        self.assertEqual(self.locks.leaders()[GUID], [first.pid, third.pid])
        self.assertEqual(self.locks.leader(GUID), first.pid)

    def descriptor(self, process: subprocess.Popen[str]) -> str:
        folder = f"/proc/{process.pid}/fd"
        return next(name for name in os.listdir(folder) if os.readlink(f"{folder}/{name}").endswith(".lock"))

    def test_deleted(self) -> None:
        """Who has a file that was deleted holds no lock, and is not taken for who holds the one that came after it."""
        self.start(GUID)
        self.locks.path(GUID).unlink()
        self.assertFalse(self.locks.held(GUID))
        self.assertEqual((self.locks.leaders(), self.locks.leader(GUID)), ({}, None))
        second = self.start(GUID)
        self.assertEqual((self.locks.leaders(), self.locks.leader(GUID)), ({GUID: [second.pid]}, second.pid))

    def test_by_another_name(self) -> None:
        """A folder that is reached by a symbolic link is the same one."""
        link = self.folder.parent / "link"
        link.symlink_to(self.folder.absolute())
        process = self.start(GUID)
        self.assertEqual(Locks(link).holders(GUID), [process.pid])

    def test_remove(self) -> None:
        """A file goes when nobody holds it, and only then; where there is none that is as well."""
        fd = self.locks.take(GUID)
        self.assertFalse(self.locks.remove(GUID))
        self.assertEqual(self.files(), [GUID])
        os.close(fd)
        before = descriptors()
        self.assertTrue(self.locks.remove(GUID))
        self.assertEqual(self.files(), [])
        self.assertTrue(self.locks.remove(GUID))
        self.assertEqual(descriptors(), before)

    def test_removed_while_taken(self) -> None:
        """Who has opened a file that is deleted before it is locked takes the new one instead."""
        samestat = os.path.samestat
        stale: list[int] = []

        def meanwhile(first: os.stat_result, second: os.stat_result) -> bool:
            same = samestat(first, second)
            if not stale:
                stale.append(first.st_ino)
                self.locks.path(GUID).unlink()
                return False
            return same

        with patch("os.path.samestat", meanwhile):
            fd = self.locks.take(GUID)
        self.addCleanup(os.close, fd)
        self.assertEqual(os.fstat(fd).st_ino, self.locks.path(GUID).stat().st_ino)
        self.assertTrue(self.locks.held(GUID))

    def test_sweep(self) -> None:
        """Of locks that nobody knows, the free ones go and the held ones are told; the known ones are left."""
        process = self.start(GUID)
        for guid in (OTHER, THIRD):
            os.close(self.locks.take(guid))
        (self.folder / "README").touch()
        self.assertEqual(self.locks.sweep({OTHER}), {GUID})
        self.assertEqual(self.files(), ["README", GUID, OTHER])
        process.kill()
        process.wait()
        self.assertEqual(self.locks.sweep(set()), set())
        self.assertEqual(self.files(), ["README"])

    def test_many(self) -> None:
        """A process may hold many, and many are told of in one look."""
        guids = [f"{number:032x}" for number in range(500)]
        process = self.start(*guids)
        self.assertEqual(self.locks.leaders(), {guid: [process.pid] for guid in guids})
        self.assertEqual(self.locks.sweep(guids[:250]), set(guids[250:]))

    def test_no_guid(self) -> None:
        """Only a guid names a lock."""
        for name in ("", "../lock", GUID.upper(), GUID + "\n", GUID[:-1]):
            for call in (self.locks.take, self.locks.held, self.locks.remove, self.locks.holders):
                self.assertRaises(ValueError, call, name)

    def test_no_folder(self) -> None:
        """Where the folder cannot be made, or is gone, that is said, with the place."""
        file = Path(self.mktemp())
        file.touch()
        self.assertIn("--home", str(self.assertRaises(ProactorError, Locks, file / "locks")))
        self.folder.rmdir()
        self.assertFalse(self.locks.held(GUID))
        self.assertIn(str(self.folder.absolute()), str(self.assertRaises(Unavailable, self.locks.take, GUID)))
        self.assertRaises(Unavailable, self.locks.sweep, set())

    def test_a_link_in_its_place(self) -> None:
        """A symbolic link is no lock."""
        self.locks.path(GUID).symlink_to("elsewhere")
        for call in (self.locks.take, self.locks.held, self.locks.remove):
            self.assertRaises(Unavailable, call, GUID)

    def test_no_descriptor_left(self) -> None:
        """Without a descriptor nothing is told for certain."""
        os.close(self.locks.take(GUID))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.open("/dev/null", os.O_RDONLY)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            for call in (self.locks.take, self.locks.held, self.locks.remove):
                self.assertRaises(Unavailable, call, GUID)
            # Who is not seen would be taken for dead, and started once more.
            said = str(self.assertRaises(Unavailable, self.locks.leaders))
            self.assertEqual(said, "/proc: Too many open files; raise the limit (ulimit -n)")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_no_proc(self) -> None:
        """Where processes cannot be looked at nobody is told of, and a lock is a lock."""
        process = self.start(GUID)
        with patch("os.listdir", side_effect=FileNotFoundError):
            self.assertEqual((self.locks.holders(GUID), self.locks.leaders()), ([], {}))
            self.assertRaises(Conflict, self.locks.take, GUID)
        self.assertEqual(self.locks.holders(GUID), [process.pid])
