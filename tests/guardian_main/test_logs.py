from __future__ import annotations

import errno
import os
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proactor.guardian_main import libc, origin
from proactor.guardian_main import logs as module
from proactor.guardian_main.logs import BLIND, LONGEST, SHORTEST, Logs

GUID, OTHER = "a" * 32, "b" * 32
KIB = 1 << 10
MOST = 256 * KIB


def no_holes(_fd: int, _start: int, _length: int) -> None:
    """A file system that has none."""
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")


class LogsCase(SynchronousTestCase):
    """The guardian's eye on the logs of a home."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.folder = self.home / "logs"
        self.folder.mkdir(parents=True)
        self.said: list[str] = []
        self.patch(module, "report", lambda _level, message: self.said.append(message))
        self.logs = self.make()

    def make(self) -> Logs:
        logs = Logs(str(self.home))
        self.addCleanup(logs.close)
        return logs

    def needs_holes(self) -> None:
        """Skip a test where files cannot have holes."""
        with (self.folder / "probe").open("wb") as file:
            file.write(bytes(8 * KIB))
            file.flush()
            try:
                libc.punch(file.fileno(), 0, 8 * KIB)
            except OSError as error:
                if error.errno in libc.NO_PUNCHING:
                    raise SkipTest("no holes can be made in files here") from None
                raise

    def path(self, guid: str = GUID) -> Path:
        return self.folder / f"{guid}.log"

    def write(self, data: bytes, guid: str = GUID) -> None:
        """Write as a process does."""
        with self.path(guid).open("ab") as file:
            file.write(data)

    def taken(self, guid: str = GUID) -> int:
        """What a file takes of the disk."""
        return self.path(guid).stat().st_blocks * 512


class CutTests(LogsCase):
    """What is cut, and what of it stays."""

    def setUp(self) -> None:
        super().setUp()
        self.needs_holes()
        self.write(b"")
        self.logs.obey("cut", [GUID, str(MOST)])

    def test_cut(self) -> None:
        """Of a log that takes too much the newest half stays; the file is as long as it was, and is written on."""
        data = os.urandom(1000 * KIB)
        self.write(data)
        self.assertEqual(self.logs.look(alone=False), 0.0)
        self.write(b"alive")
        text = self.path().read_bytes()
        self.assertEqual((len(text), text[-100 * KIB :]), (1000 * KIB + 5, (data + b"alive")[-100 * KIB :]))
        self.assertEqual(text[: 800 * KIB], bytes(800 * KIB))
        self.assertTrue(MOST // 2 <= self.taken() <= MOST // 2 + 16 * KIB)

    def test_little(self) -> None:
        """One that takes no more than it may is left as it is, and is the later looked at the more room it has."""
        self.write(bytes(range(1, 256)) * 100)
        first = self.logs.look(alone=False)
        self.assertTrue(SHORTEST <= first <= LONGEST)
        self.assertEqual(self.path().read_bytes(), bytes(range(1, 256)) * 100)
        self.assertEqual(self.logs.look(alone=False), SHORTEST)

    def test_flood(self) -> None:
        """However much is written, no more is taken than it may and what came between two looks."""
        piece, highest = os.urandom(100 * KIB), 0
        for _ in range(200):
            self.write(piece)
            highest = max(highest, self.taken())
            self.logs.look(alone=False)
        self.assertTrue(highest <= MOST + 100 * KIB + 16 * KIB, highest)

    def test_at_once(self) -> None:
        """One that takes too much when it is told of is cut then, and again where it is to take less."""
        self.write(os.urandom(1000 * KIB), OTHER)
        self.logs.obey("cut", [OTHER, str(MOST)])
        self.assertTrue(self.taken(OTHER) <= MOST)
        self.logs.obey("cut", [OTHER, str(MOST // 4)])
        self.assertTrue(self.taken(OTHER) <= MOST // 4)

    def test_uncut(self) -> None:
        """One that is nobody's concern any more, and one that never was, are left alone."""
        self.logs.obey("uncut", [GUID])
        self.logs.obey("uncut", [GUID])
        for guid in (GUID, OTHER):
            self.write(os.urandom(1000 * KIB), guid)
        self.logs.look(alone=True)
        self.assertEqual((self.taken() >= 1000 * KIB, self.taken(OTHER) >= 1000 * KIB), (True, True))
        self.assertFalse(self.logs.any)

    def test_emptied(self) -> None:
        """One that somebody has emptied since is cut again when it takes too much again."""
        for _ in range(2):
            self.write(os.urandom(1000 * KIB))
            self.logs.look(alone=False)
            self.assertTrue(self.taken() <= MOST)
            os.truncate(self.path(), 0)

    def test_overflow(self) -> None:
        """Where it is not known what has grown, all are looked at."""
        self.logs.obey("cut", [OTHER, str(MOST)])
        self.write(os.urandom(1000 * KIB), OTHER)
        self.patch(os, "read", lambda _fd, _count: libc.OVERFLOW + bytes(8))
        self.logs.look(alone=False)
        self.assertTrue(self.taken(OTHER) <= MOST)

    def test_gone(self) -> None:
        """One whose file is gone is no trouble, nor is another file in the folder."""
        (self.folder / "notes.log").write_bytes(os.urandom(1000 * KIB))
        self.write(b"x")
        self.path().unlink()
        self.assertEqual((self.logs.look(alone=False), self.said), (LONGEST, []))


class StrangeTests(LogsCase):
    """What is no log, and what cannot be."""

    def test_link(self) -> None:
        """What a name leads to elsewhere is not touched."""
        victim = self.home / "victim"
        victim.write_bytes(os.urandom(1000 * KIB))
        self.path().symlink_to(victim)
        self.logs.obey("cut", [GUID, "1000"])
        self.assertTrue(victim.stat().st_blocks * 512 >= 1000 * KIB)

    def test_no_file(self) -> None:
        """Nor is what is no file."""
        self.path().mkdir()
        self.logs.obey("cut", [GUID, "0"])
        self.assertEqual(len(self.said), 1)

    def test_names(self) -> None:
        """What is no guid makes no path; what lacks a number is not understood."""
        for guid in ("../" + GUID[3:], GUID.upper(), ""):
            self.assertRaises(ValueError, self.logs.obey, "cut", [guid, "1"])
        self.assertRaises(ValueError, self.logs.obey, "cut", [GUID, "much"])
        self.assertRaises(IndexError, self.logs.obey, "cut", [GUID])
        self.assertFalse(self.logs.any)

    def test_no_folder(self) -> None:
        """Where there is no folder that is said, once; when there is one, that is looked at."""
        self.folder.rmdir()
        self.logs.obey("cut", [GUID, str(MOST)])
        self.logs.obey("cut", [OTHER, str(MOST)])
        self.assertEqual((self.logs.look(alone=True), len(self.said)), (BLIND, 1))
        self.assertIn("logs are kept within their limits by the initiator alone: ", self.said[0])
        self.folder.mkdir()
        self.needs_holes()
        self.write(os.urandom(1000 * KIB))
        self.logs.obey("cut", [GUID, str(MOST)])
        self.assertTrue(self.taken() <= MOST)

    def test_blind(self) -> None:
        """Where nobody tells what has grown, all are looked at now and then."""

        def none() -> int:
            raise OSError(errno.EMFILE, "Too many open files")

        self.needs_holes()
        self.patch(libc, "inotify_init", none)
        self.write(b"")
        self.logs.obey("cut", [GUID, str(MOST)])
        self.write(os.urandom(1000 * KIB))
        self.assertEqual((self.logs.fileno(), self.logs.look(alone=False)), (-1, BLIND))
        self.assertTrue(self.taken() <= MOST)

    def test_no_holes(self) -> None:
        """Where files have no holes one is emptied, but only where no initiator is there who counts what is in it."""
        self.patch(libc, "punch", no_holes)
        self.write(b"")
        self.logs.obey("cut", [GUID, str(MOST)])
        self.write(os.urandom(1000 * KIB))
        self.logs.look(alone=False)
        self.assertEqual(self.path().stat().st_size, 1000 * KIB)
        self.write(b"x")
        self.logs.look(alone=True)
        self.assertEqual((self.path().stat().st_size, self.said), (0, []))
        self.assertEqual(origin.read(str(self.path().with_suffix(".old")), 0), 1000 * KIB + 1)

    def test_not_noted(self) -> None:
        """It is emptied also where it cannot be noted how much is gone by that, and this is said."""
        self.patch(libc, "punch", no_holes)
        self.path().with_suffix(".old").write_bytes(b"")
        self.write(b"")
        self.logs.obey("cut", [GUID, str(MOST)])
        self.write(os.urandom(1000 * KIB))
        self.logs.look(alone=True)
        self.assertEqual((self.path().stat().st_size, len(self.said)), (0, 1))

    def test_closed(self) -> None:
        """What was closed is closed again without harm."""
        self.logs.obey("cut", [GUID, str(MOST)])
        self.logs.close()
        self.logs.close()
        self.assertFalse(self.logs.any)
