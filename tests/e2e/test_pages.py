"""Every command on the pages is run, and prints what is shown."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from .pages import PAGES, Reader, Wrong, blocks


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
