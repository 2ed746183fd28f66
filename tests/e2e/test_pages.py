"""Every command on the pages is run, and prints what is shown."""

from __future__ import annotations

import os
from pathlib import Path
from subprocess import DEVNULL, run

from twisted.trial.unittest import SynchronousTestCase

from proactor import __version__

from .pages import PAGES, Reader, Wrong, blocks
from .support import environment
from .warm import Warm


class PageTests(SynchronousTestCase):
    """Page by page: a test of each is added below."""

    def follow(self, page: Path) -> None:
        """Do all that a page says, in order."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        reader = Reader(folder)
        self.addCleanup(reader.end)
        try:
            for block in blocks(page):
                reader.take(block)
        except Wrong as e:
            self.fail(str(e))

    def test_warm_output(self) -> None:
        """What a command in a fork prints is there every time, also where fork and command share one processor."""
        folder = Path(self.mktemp()).absolute()
        before = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, before)
        os.sched_setaffinity(0, {min(before)})
        warm = Warm(folder)
        self.addCleanup(warm.end)
        for _ in range(50):
            printed = run([warm.path / "proactor", "--version"], env=environment(), capture_output=True, check=True)
            self.assertEqual(printed.stdout.decode(), f"proactor {__version__}\n")

    def test_warm(self) -> None:
        """A command in a fork is what it is by itself: exit code, output, folder, variables."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        warm = Warm(folder / "warm")
        self.addCleanup(warm.end)
        env = environment(PATH=f"{warm.path}:{os.environ['PATH']}", COLUMNS="60")
        script = """
            proactor --version | sed 's/^/in a pipe: /'
            proactor check nowhere.cfg 2> told; echo "code $?, $(grep -c "$PWD/nowhere.cfg" told)"
            proactor loud > usage 2>&1; echo "code $?, $(grep -c 'No such command' usage)"
            PROACTOR_TOKEN=x proactor --url http://127.0.0.1:1 status 2> /dev/null; echo "code $?"
        """
        done = run(["bash", "-c", script], cwd=folder, env=env, stdin=DEVNULL, capture_output=True, check=False)
        lines = [f"in a pipe: proactor {__version__}", "code 1, 1", "code 2, 1", "code 4"]
        self.assertEqual((done.stdout.decode().splitlines(), done.stderr), (lines, b""))

    def test_reasons(self) -> None:
        """What is not run has a reason, in some words."""
        without = [
            f"{block.page.name}:{block.line}"
            for page in PAGES
            for block in blocks(page)
            if len(block.notes.get("not run", "a good reason").split()) < 3
        ]
        self.assertEqual(without, [])


def _add(page: Path) -> None:
    def test(self: PageTests) -> None:
        self.follow(page)

    test.__doc__ = f"The commands of {page.name} do what it says."
    setattr(PageTests, f"test_{page.stem.lower().replace('-', '_')}", test)


for _page in PAGES:
    if any(block.kind == "console" for block in blocks(_page)):
        _add(_page)
