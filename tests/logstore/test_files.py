from __future__ import annotations

import os

from proactor.logstore import sweep

from .support import GUID, OTHER, LogCase, numbered


class SweepTests(LogCase):
    """Logs of former times."""

    def setUp(self) -> None:
        super().setUp()
        self.needs_holes()
        self.write(numbered(0, 500))
        self.attend()

    def age(self, *names: str) -> None:
        """Have files look as if they were of the year 2001."""
        for name in names:
            os.utime(self.folder / name, (10**9, 10**9))

    def test_old(self) -> None:
        """A log that nobody has written to for long goes, with its older files; those of others stay."""
        self.write(b"new", OTHER)
        (self.folder / "notes.log").touch()
        self.age(f"{GUID}.log", f"{GUID}.old", "notes.log")
        sweep(self.folder, 10**9 + 1)
        self.assertEqual(sorted(os.listdir(self.folder)), sorted([f"{OTHER}.log", "notes.log"]))

    def test_in_use(self) -> None:
        """One that was written to stays whole, whichever of its files that was."""
        self.age(f"{GUID}.old")
        sweep(self.folder, 10**9 + 1)
        self.age(f"{GUID}.log")
        os.utime(self.folder / f"{GUID}.old")
        sweep(self.folder, 10**9 + 1)
        self.assertEqual(sorted(os.listdir(self.folder)), [f"{GUID}.log", f"{GUID}.old"])

    def test_half(self) -> None:
        """Older files whose live one is gone, and the other way round, go too."""
        self.files.live.unlink()
        self.write(b"", OTHER)
        self.age(f"{GUID}.old", f"{OTHER}.log")
        sweep(self.folder, 10**9 + 1)
        self.assertEqual(os.listdir(self.folder), [])
