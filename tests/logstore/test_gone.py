from __future__ import annotations

import os
from collections.abc import Callable

from proactor.guardian_main import libc
from proactor.logstore.extract import extract, last_lines, stored
from proactor.logstore.layout import Limits
from proactor.logstore.reading import dropped_line
from proactor.logstore.rotation import Rotation

from .support import LogCase, everything, numbered, taken_on_disk

BLOCK = 4096


class GoneTests(LogCase):
    """The guardian has given back the beginning of the live file, as it took too much, and told nobody."""

    def setUp(self) -> None:
        super().setUp()
        self.needs_holes()
        self.log = self.make(Limits(1 << 20, 3))

    def cut(self, kept: int) -> int:
        """Give all but so many bytes back; gives where what is kept begins."""
        with self.files.open_live(os.O_RDWR) as fd:
            start = (os.fstat(fd).st_size - kept) // BLOCK * BLOCK
            libc.punch(fd, 0, start)
        return start

    def expected(self, start: int, written: bytes) -> bytes:
        """What a reader gets who begins with what is gone."""
        return dropped_line(start) + written[start:]

    def check(self, written: bytes) -> None:
        """What is there is what was written, but for what was dropped in between."""
        moved = b"".join(path.read_bytes() for path in sorted(self.files.folder.iterdir()))
        rest = written[len(moved) + self.log.dropped :]
        cut = b"\n" * (not moved.endswith(b"\n"))
        self.assertTrue(moved and rest)
        self.assertEqual(moved, written[: len(moved)])
        self.assertEqual(everything(self.log), moved + cut + dropped_line(self.log.dropped) + rest)

    def test_read(self) -> None:
        """A reader is told what is gone, and never takes the NULs of a hole for what was written."""
        written = numbered(0, 5000)
        self.write(written)
        self.log.load()
        start = self.cut(100_000)
        self.assertEqual(everything(self.log, 0), self.expected(start, written))

    def test_nul(self) -> None:
        """A NUL that was written is one."""
        self.write(b"a\0b" * 10_000)
        self.assertEqual(everything(self.log, 0), b"a\0b" * 10_000)
        self.assertEqual(self.log.gone, 0)

    def test_last(self) -> None:
        """The last lines are there, and what is told of the whole is right."""
        written = numbered(0, 5000)
        self.write(written)
        self.log.load()
        start = self.cut(100_000)
        self.assertEqual(extract(self.log, 5, None).data, numbered(4995, 5000))
        self.assertEqual(extract(self.log, 10_000, None).data, self.expected(start, written))
        self.assertEqual(last_lines(self.log, 1), (numbered(4999, 5000).decode().strip(),))
        self.assertEqual(stored(self.log).kept, len(written) - start)

    def test_found(self) -> None:
        """An initiator that comes to find that of a log of which nothing was moved yet says so."""
        written = numbered(0, 5000)
        self.write(written)
        start = self.cut(100_000)
        self.assertEqual(extract(self.make(), 10_000, None).data, self.expected(start, written))

    def test_counted(self) -> None:
        """When it is seen to, it counts as dropped, up to the beginning of a line; it goes on from there."""
        written = numbered(0, 20_000)
        self.write(written)
        self.log.load()
        start = self.cut(500_000)
        self.attend()
        self.assertEqual(self.log.dropped, -(-start // 100) * 100)
        self.assertEqual(everything(self.log, 0), dropped_line(self.log.dropped) + written[self.log.dropped :])
        self.write(numbered(20_000, 25_000))
        self.attend()
        self.assertTrue(everything(self.log).endswith(numbered(16_000, 25_000)))
        self.assertTrue(taken_on_disk(self.files) <= 2 << 20)

    def test_while_moved(self) -> None:
        """What goes while it is moved is not moved: each byte that is kept is the one that was written."""
        written = numbered(0, 8000)
        self.write(written)
        cuts: list[Callable[[], int]] = [lambda: self.cut(200_000)]

        class Interrupted(Rotation):
            """Has the file cut in the middle of it."""

            def _step(rotation, fd: int) -> bool:
                if rotation.layout.moved_bytes and cuts:
                    cuts.pop()()
                return super()._step(fd)

        self.log = Interrupted(self.files, Limits(1 << 20, 3), turn=self.log.turn)
        self.attend()
        self.assertEqual(cuts, [])
        self.check(written)

    def test_between(self) -> None:
        """So it is where it goes between a look at the file and the reading of what is to be moved."""
        written = numbered(0, 8000)
        self.write(written)
        cuts: list[Callable[[], int]] = [lambda: self.cut(200_000)]

        class Interrupted(Rotation):
            """Has the file cut right before it is read."""

            def _move(rotation, fd: int, end: int) -> None:
                if rotation.layout.moved_bytes and cuts:
                    cuts.pop()()
                super()._move(fd, end)

        self.log = Interrupted(self.files, Limits(1 << 20, 3), turn=self.log.turn)
        self.attend()
        self.assertEqual(cuts, [])
        self.check(written)

    def test_restarted(self) -> None:
        """The next initiator finds what there is, each byte at its offset, and goes on."""
        self.log = self.make(Limits(1 << 20, 3))
        self.write(numbered(0, 8000))
        self.attend()
        moved = self.log.layout.base
        self.write(numbered(8000, 20_000))
        start = self.cut(300_000)
        again = self.make(Limits(1 << 20, 3))
        written = numbered(0, 20_000)
        expected = written[:moved] + dropped_line(start - moved) + written[start:]
        self.assertEqual(everything(again), expected)
        self.write(numbered(20_000, 20_100))
        self.attend(again)
        self.assertTrue(everything(again).endswith(numbered(19_000, 20_100)))
