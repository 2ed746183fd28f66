"""Tests of files and folders that are ours alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import ProactorError
from proactor.home.private import LARGEST, open_folder, read_private, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.path = self.folder / "file"


class FolderTests(Case):
    """One folder."""

    def test_made(self) -> None:
        """It is made with those above it, and ours alone."""
        open_folder(self.folder / "a" / "b")
        self.assertEqual(mode(self.folder / "a" / "b"), 0o700)

    def test_closed(self) -> None:
        """One that was open to others is closed, and that is said."""
        self.folder.mkdir()
        self.folder.chmod(0o755)
        with capturedLogs() as events:
            open_folder(self.folder)
        self.assertEqual(mode(self.folder), 0o700)
        self.assertEqual(
            [formatEvent(event) for event in events],
            [f"{self.folder} was open to others (mode 0755): changed to 0700"],
        )

    def test_in_the_way(self) -> None:
        """What is no folder is refused, with the remedy."""
        self.folder.write_text("")
        for path in (self.folder, self.folder / "below"):
            error = self.assertRaises(ProactorError, open_folder, path)
            self.assertEqual(str(error), f"{path}: is not a folder; choose another folder with --home")


class FileTests(Case):
    """One file."""

    def setUp(self) -> None:
        super().setUp()
        open_folder(self.folder)

    def test_written(self) -> None:
        """It holds what was written last, and is ours alone, whatever it was before."""
        self.assertIsNone(read_private(self.path))
        self.path.write_bytes(b"before, and longer")
        self.path.chmod(0o644)
        write_private(self.path, b"after")
        self.assertEqual((read_private(self.path), mode(self.path)), (b"after", 0o600))

    def test_not_written(self) -> None:
        """Where it cannot be written it stays as it was, and nothing else is left there."""
        write_private(self.path, b"before")

        def broken(_fd: int) -> None:
            raise OSError(5, "Input/output error")

        self.patch(os, "fsync", broken)
        self.assertRaises(OSError, write_private, self.path, b"after")
        self.assertEqual((self.path.read_bytes(), os.listdir(self.folder)), (b"before", ["file"]))

    def test_large(self) -> None:
        """Of one that is too large so much is read that this can be seen."""
        self.path.write_bytes(b"x" * (LARGEST + 10))
        self.assertEqual(len(read_private(self.path) or b""), LARGEST + 1)

    def test_no_file(self) -> None:
        """A link is not followed, and a pipe not waited for."""
        write_private(self.folder / "secret", b"x")
        self.path.symlink_to("secret")
        self.assertRaises(OSError, read_private, self.path)
        os.mkfifo(self.folder / "pipe")
        self.assertEqual(read_private(self.folder / "pipe"), b"")
