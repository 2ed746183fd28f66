"""Tests of finding the initiator by its home."""

from __future__ import annotations

import os
from errno import EACCES, EIO
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from proactor.client import NotRunning, NotServing, Unreadable, locate
from proactor.client.locating import read_token
from proactor.home.home import Home


class LocateTests(SynchronousTestCase):
    """A home, with or without an initiator."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()

    def opened(self) -> Home:
        home = Home.open(self.path)
        self.addCleanup(home.close)
        return home

    def test_running(self) -> None:
        """An initiator that serves is found with the operator's token."""
        home = self.opened()
        token = home.operator_token
        home.show_url("http://127.0.0.1:8080")
        place = locate(self.path)
        self.assertEqual((place.url, place.token), ("http://127.0.0.1:8080", token))
        self.assertNotIn(token, repr(place))
        self.assertEqual((self.path / "url").stat().st_mode & 0o777, 0o600)

    def test_busy(self) -> None:
        """One that closes a file while it is looked at is found all the same."""
        home = self.opened()
        home.show_url("http://127.0.0.1:8080")
        first: list[str] = []

        def vanishing(path: str) -> str:
            if not first:
                first.append(path)
                raise FileNotFoundError(path)
            return readlink(path)

        readlink = os.readlink
        self.patch(os, "readlink", vanishing)
        self.assertEqual(locate(self.path).url, "http://127.0.0.1:8080")

    def not_running(self) -> None:
        error = self.assertRaises(NotRunning, locate, self.path)
        self.assertIn(f"twistd -n proactor --home {self.path}", str(error))

    def test_not_running(self) -> None:
        """One that never was, or ended, is not running; and it is said how to start it."""
        self.not_running()
        home = self.opened()
        home.show_url("http://127.0.0.1:8080")
        home.close()
        self.not_running()

    def test_not_serving(self) -> None:
        """One that has the home and does not say where it is reached runs: nobody is told to start another."""
        self.opened()
        error = self.assertRaises(NotServing, locate, self.path)
        self.assertIn(f"the initiator on {self.path}, pid {os.getpid()}, does not say where", str(error))
        self.assertIn(f"no room on the disk for {self.path / 'url'}", str(error))
        self.assertNotIn("twistd", str(error))

    def test_killed(self) -> None:
        """What one that was killed has left is not believed, for another program may be there now."""
        self.path.mkdir()
        (self.path / "url").write_text("http://127.0.0.1:8080\n")
        for pid in ("", "none", "1", "999999999"):
            (self.path / "lock").write_text(pid)
            self.not_running()

    def test_next(self) -> None:
        """An initiator that begins takes away what an earlier one has left."""
        self.path.mkdir(mode=0o700)
        (self.path / "url").write_text("http://127.0.0.1:8080\n")
        self.opened()
        self.assertFalse((self.path / "url").exists())

    def unreadable(self, path: Path) -> str:
        return str(self.assertRaises(Unreadable, locate, path))

    def test_unreadable(self) -> None:
        """What cannot be read is named, with what to do about it: it is not known whether an initiator runs."""
        self.path.mkdir()
        (self.path / "url").mkdir()
        self.assertEqual(self.unreadable(self.path), f"{self.path / 'url'} is a folder, where a file is meant")
        file = self.path / "file"
        file.write_text("")
        for path in (file, file / "home", file / "a" / "home"):
            self.assertEqual(self.unreadable(path), f"{file} is no folder: name one, or leave it out")
        (self.path / "url").rmdir()
        for error, told in (
            (PermissionError(EACCES, "no"), "cannot be read: no; run this as the user of the initiator"),
            (OSError(EIO, "no"), "cannot be read: no"),
        ):
            with patch.object(Path, "open", side_effect=error):
                self.assertEqual(self.unreadable(self.path), f"{self.path / 'url'} {told}")

    def test_no_token(self) -> None:
        """A file that holds something else than a token is no file of a token, and what it holds is not told."""
        self.path.mkdir()
        path = self.path / "token"
        self.assertIs(read_token(path), None)
        for text in ("two words", "two\nlines", "ä", "\x00", "="):
            path.write_text(text)
            told = str(self.assertRaises(Unreadable, read_token, path))
            self.assertEqual(told, f"{path} holds no token: that is one word, and nothing else is in the file")
