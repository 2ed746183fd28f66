"""Real disks that are full, read-only, or do not do as they are told; where one may not make such, that is skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proactor.errors import ProactorError, StorageFull
from proactor.saved import DropJob, PutJob, PutValue, Saved, Write
from proactor.store.opening import open_store
from proactor.store.sqlite import SqliteStore
from proactor.store.threads import Threads

from .test_killed import Committer, committing, found
from .values import GUID, OTHER, job

_NOBODY = 65534

SHIM = Path(__file__).with_name("failing_sync.c")


def run(*command: object) -> bool:
    return not subprocess.run([*map(str, command)], check=False, capture_output=True).returncode


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of some size.

    :raises SkipTest: we may not have one.
    """
    folder.mkdir()
    if not (sys.platform == "linux" and run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", folder)):
        raise SkipTest("it takes the right to mount")
    try:
        yield folder
    finally:
        if not run("umount", folder):
            raise AssertionError(f"{folder} cannot be unmounted")


class DiskTestCase(SynchronousTestCase):
    """A process that commits, and is killed."""

    def until(self, committer: Committer, kind: str) -> None:
        """Read until something is refused in this way, or kept."""
        committer.kinds.clear()
        before = dict(committer.kept)
        for _ in range(20_000):
            self.assertEqual(committer.read(1), 1)
            if kind in committer.kinds or (kind == "kept" and committer.kept != before):
                return
        raise AssertionError(f"nothing is {kind}")

    def check(self, saved: Saved, committer: Committer) -> None:
        """What was kept is there, and nothing that was refused."""
        events = {each.id for each in saved.events}
        for who, last in committer.kept.items():
            self.assertIn(5 * last + int(who), events)
            self.assertGreaterEqual(saved.values[who], last)
        for who, numbers in committer.refused.items():
            self.assertNotIn(saved.values.get(who), numbers)
            self.assertFalse(events & {5 * number + int(who) for number in numbers})


class FullTests(DiskTestCase):
    """There is no room."""

    def test_full(self) -> None:
        """What finds no room is refused and not there; once there is room again commits are kept again."""
        with small_disk(Path(self.mktemp()), "1M") as folder:
            path = folder / "proactor.db"
            with committing(path) as committer:
                self.until(committer, "StorageFull")
                run("mount", "-o", "remount,size=40M", folder)
                self.until(committer, "kept")
            self.check(found(path), committer)

    def test_killed_when_full(self) -> None:
        """The same for one that is killed while there is no room; without room it opens, or says why not."""
        with small_disk(Path(self.mktemp()), "1M") as folder:
            path = folder / "proactor.db"
            with committing(path) as committer:
                self.until(committer, "StorageFull")
            try:
                self.check(found(path), committer)
            except ProactorError as error:
                self.assertIn(f"{path}: ", str(error))
            run("mount", "-o", "remount,size=40M", folder)
            self.check(found(path), committer)

    def test_giving_room_back(self) -> None:
        """What gives room back is kept where all else is refused."""
        with small_disk(Path(self.mktemp()), "8M") as folder:
            store = open_store(folder / "proactor.db", Threads.none(), Clock())
            try:
                self.give_back(store, folder)
            finally:
                self.successResultOf(store.close())

    def give_back(self, store: SqliteStore, folder: Path) -> None:
        for guid in (GUID, OTHER):
            self.assertIs(self.kept(store, PutJob(job(guid))), None)
        self.fill(folder / "large")
        value = 0
        while not isinstance(self.kept(store, PutValue("a", "x" * 4000 + str(value))), StorageFull):
            value += 1
        doomed = PutJob(evolve(job(GUID), doomed=True))
        self.assertEqual([self.kept(store, doomed), self.kept(store, DropJob(GUID))], [None, None])
        self.assertFalse((folder / "reserve").exists())
        (folder / "large").unlink()
        self.assertIs(self.kept(store, DropJob(OTHER)), None)
        self.assertEqual((store.load().jobs, (folder / "reserve").exists()), ({}, True))

    def kept(self, store: SqliteStore, write: Write) -> BaseException | None:
        """What comes of a commit."""
        found: list[Failure | None] = []
        store.commit([write]).addBoth(found.append)
        return None if found[0] is None else found[0].value

    def fill(self, path: Path) -> None:
        """Leave no room."""
        with path.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def test_no_room_for_a_new_one(self) -> None:
        """Where there is no room for a new one, nothing is left of it."""
        with small_disk(Path(self.mktemp()), "64k") as folder:
            (folder / "large").write_bytes(bytes(48 << 10))
            said = str(self.assertRaises(ProactorError, found, folder / "proactor.db"))
            self.assertIn(f"{folder / 'proactor.db'}: cannot be made", said)
            self.assertEqual([each.name for each in folder.iterdir()], ["large"])


class ReadOnlyTests(SynchronousTestCase):
    """It may not be written."""

    def refused(self, path: Path) -> str:
        return str(self.assertRaises(ProactorError, found, path))

    def test_disk(self) -> None:
        """A disk that may only be read is told of."""
        with small_disk(Path(self.mktemp()), "4M") as folder:
            path = folder / "proactor.db"
            self.assertTrue(run("mount", "-o", "remount,ro", folder))
            self.assertIn(f"{path}: cannot be made: Read-only file system", self.refused(path))
            self.assertTrue(run("mount", "-o", "remount,rw", folder))
            found(path)
            self.assertTrue(run("mount", "-o", "remount,ro", folder))
            said = f"{path}: Read-only file system; it must be a file that you can read and write"
            self.assertEqual(self.refused(path), said)

    def test_of_others(self) -> None:
        """Files and folders that are not for us are told of."""
        if os.geteuid():
            raise SkipTest("it takes another user")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "proactor.db"
            found(path)
            os.chmod(folder, 0o755)
            os.seteuid(_NOBODY)
            self.addCleanup(os.seteuid, 0)
            self.assertIn(f"{path}: Permission denied; it must be a file", self.refused(path))
            os.seteuid(0)
            os.chown(path, _NOBODY, -1)
            os.seteuid(_NOBODY)
            self.assertIn("its folder must be one that you can write to", self.refused(path))
            os.seteuid(0)
            shutil.rmtree(path.with_name("snapshots"))
            path.unlink()
            os.seteuid(_NOBODY)
            self.assertIn(f"{path}: cannot be made: Permission denied", self.refused(path))
            os.seteuid(0)


class SyncTests(DiskTestCase):
    """The disk does not say that it has it."""

    def shim(self) -> dict[str, str]:
        """An environment in which syncs fail while a file is there.

        :raises SkipTest: there is none.
        """
        compiler = shutil.which("cc")
        library, self.failing = Path(self.mktemp()).absolute(), Path(self.mktemp()).absolute()
        if compiler is None or not run(compiler, "-shared", "-fPIC", "-o", library, SHIM):
            raise SkipTest("it takes a C compiler")
        return {"LD_PRELOAD": str(library), "FAILING_SYNC": str(self.failing)}

    def test_failing(self) -> None:
        """What is not on the disk for certain is refused and not there; later commits are kept again."""
        path = Path(self.mktemp())
        with committing(path, **self.shim()) as committer:
            for _ in range(5):
                self.until(committer, "kept")
                self.failing.touch()
                self.until(committer, "StorageFailed")
                self.failing.unlink()
            self.until(committer, "kept")
        self.check(found(path), committer)

    def test_killed_while_failing(self) -> None:
        """What was refused is not there for the next, though it is killed before anything could be mended."""
        path = Path(self.mktemp())
        with committing(path, **self.shim()) as committer:
            committer.read(50)
            self.failing.touch()
            for _ in range(3):
                self.until(committer, "StorageFailed")
        self.check(found(path), committer)
