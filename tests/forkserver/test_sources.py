"""Tests of whether what is loaded is what a fresh Python would load."""

from __future__ import annotations

import os
import shutil
import sys
import time
from importlib import import_module, invalidate_caches
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from uuid import uuid4

from twisted.trial.unittest import SynchronousTestCase

from proactor.forkserver.folders import GRAIN, Folder
from proactor.forkserver.sources import Sources

_HOUR = 3_600_000_000_000


class SourcesTests(SynchronousTestCase):
    """Two folders on the path, a module in the second of them, and a package with a module."""

    def setUp(self) -> None:
        self.first, self.second = (Path(self.mktemp()).absolute() for _ in range(2))
        self.first.mkdir()
        self.name, self.package = f"m{uuid4().hex}", f"p{uuid4().hex}"
        (self.second / self.package).mkdir(parents=True)
        (self.second / f"{self.name}.py").write_text("VALUE = 1\n")
        for name in ("__init__", "part"):
            (self.second / self.package / f"{name}.py").write_text("")
        self.patch(sys, "path", [str(self.first), str(self.second), *sys.path])
        invalidate_caches()
        for name in (self.name, f"{self.package}.part"):
            import_module(name)
        self.addCleanup(self.forget)
        self.now = 0.0
        self.sources = Sources(lambda: self.now)
        # As if it had been loaded long after the files were written.
        self.sources.note(time.time_ns() + _HOUR)

    def forget(self) -> None:
        for name in (self.name, self.package, f"{self.package}.part"):
            sys.modules.pop(name, None)

    def assert_new(self, path: Path) -> None:
        self.assertEqual(self.sources.changed(), str(path))

    def test_same(self) -> None:
        """What cannot be imported may come and go, and what Python keeps for itself."""
        self.assertIsNone(self.sources.changed())
        for folder in (self.first, self.second, self.second / self.package):
            (folder / "notes.txt").write_text("x")
            (folder / ".#worker.py").write_text("x")
            (folder / "4913").mkdir()
            (folder / "data").mkdir()
            (folder / "data" / "notes.txt").write_text("x")
            self.assertIsNone(self.sources.changed())
        shutil.rmtree(self.first)
        self.assertIsNone(self.sources.changed())

    def test_changed(self) -> None:
        """A file that is another is told."""
        path = self.second / f"{self.name}.py"
        path.write_text("VALUE = 22\n")
        self.assert_new(path)

    def test_package_beside_a_module(self) -> None:
        """A package comes before a module of its name, as soon as it is one."""
        folder = self.second / self.name
        folder.mkdir()
        self.assertIsNone(self.sources.changed())
        (folder / "__init__.py").write_text("VALUE = 2\n")
        self.assert_new(folder)

    def test_folder_becomes_a_package(self) -> None:
        """One that was there already, without what makes it one, too."""
        folder = self.first / self.name
        folder.mkdir()
        self.sources = Sources(lambda: self.now)
        self.sources.note(time.time_ns() + _HOUR)
        self.assertIsNone(self.sources.changed())
        (folder / f"__init__{EXTENSION_SUFFIXES[0]}").write_text("")
        self.assert_new(folder)

    def test_extension_beside_a_module(self) -> None:
        """So does an extension module, of each kind."""
        for suffix in EXTENSION_SUFFIXES:
            path = self.second / f"{self.name}{suffix}"
            path.write_text("")
            self.assert_new(path)
            path.unlink()

    def test_in_a_package(self) -> None:
        """In the folder of a package as well."""
        folder = self.second / self.package / "part"
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        self.assert_new(folder)

    def test_earlier_on_the_path(self) -> None:
        """Whatever appears in a folder that comes first, in one that was not there too."""
        shutil.rmtree(self.first)
        self.assertIsNone(self.sources.changed())
        self.first.mkdir()
        self.assertIsNone(self.sources.changed())
        (self.first / f"{self.name}.pyc").write_bytes(b"")
        self.assert_new(self.first / f"{self.name}.pyc")

    def test_looked_for_in_vain(self) -> None:
        """What was not there, and may have been looked for, is there."""
        (self.second / "speedups.py").write_text("")
        self.assert_new(self.second / "speedups.py")

    def test_meanwhile(self) -> None:
        """What came after the loading had begun may have come too late for it."""
        path = self.first / f"{self.name}.py"
        path.write_text("")
        changed = os.stat(path).st_ctime_ns
        self.assertEqual(Folder(str(self.first), changed).new(), str(path))
        self.assertIsNone(Folder(str(self.first), changed + 2 * GRAIN).new())

    def test_installed(self) -> None:
        """What is installed is looked at from time to time: to do so costs."""
        (self.first / "lib").mkdir()
        sources = Sources(lambda: self.now)
        sources._folders = (f"{self.first}/lib/",)
        self.patch(sys, "path", [str(self.first / "lib"), *sys.path])
        sources.note(time.time_ns() + _HOUR)
        path = self.first / "lib" / f"{self.name}.py"
        path.write_text("")
        self.assertIsNone(sources.changed())
        self.now += 1
        self.assertEqual(sources.changed(), str(path))
