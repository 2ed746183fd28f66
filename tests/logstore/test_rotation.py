from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable

from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from proactor.guardian_main import libc
from proactor.logstore.layout import Limits
from proactor.logstore.reading import backwards, dropped_line, end_of
from proactor.logstore.rotation import Rotation
from proactor.logstore.turn import Attended, Turn

from ..support.examples import examples
from .support import SMALL, LogCase, everything, largest_file, nobody_waits, numbered, taken_on_disk

KIB = 1 << 10
MAX = SMALL.max_bytes

Punch = Callable[[int, int, int], None]


def no_holes(_fd: int, _start: int, _length: int) -> None:
    """A file system that has none."""
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")


class Killed(BaseException):
    """What ends us at a bad moment."""


@define
class KilledAt:
    """Dies instead of making the hole of a number."""

    left: int

    def __call__(self, fd: int, start: int, length: int) -> None:
        """Make one, or die."""
        if not self.left:
            raise Killed
        self.left -= 1
        libc.punch(fd, start, length)


def written_of(text: bytes) -> bytes:
    """What a process wrote of what a reader got."""
    return re.sub(rb"--- \d+ bytes dropped here ---\n", b"", text)


def dropped_of(text: bytes) -> int:
    """How much a reader was told to have been dropped."""
    return sum(int(count) for count in re.findall(rb"--- (\d+) bytes dropped here ---\n", text))


class MovingTests(LogCase):
    """What is too much in the live file goes to older ones."""

    def setUp(self) -> None:
        super().setUp()
        self.needs_holes()

    def older(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.files.folder.iterdir())]

    def test_little(self) -> None:
        """What is within the limits stays where it is, and nothing is made for it."""
        self.write(numbered(0, 400))
        self.attend()
        self.assertFalse(self.files.folder.exists())
        self.assertEqual(everything(self.log), numbered(0, 400))

    def test_moved(self) -> None:
        """Older files hold whole lines, closed to others, and the disk has back what the live file took."""
        self.write(numbered(0, 500) + b"half a li")
        self.attend()
        self.write(b"ne\n")
        self.assertEqual(self.older(), [numbered(0, 500)])
        self.assertEqual(os.stat(self.files.folder).st_mode & 0o777, 0o700)
        self.assertEqual({path.stat().st_mode & 0o777 for path in self.files.folder.iterdir()}, {0o600})
        self.assertEqual(self.files.live.stat().st_size, 50_012)
        self.assertTrue(self.files.live.stat().st_blocks * 512 <= 8 * KIB)
        self.assertEqual(everything(self.log), numbered(0, 500) + b"half a line\n")

    def test_in_order(self) -> None:
        """The older files one after the other, and the live one's rest, are what was written."""
        for first in range(0, 2000, 500):
            self.write(numbered(first, first + 500))
            self.attend()
        self.write(numbered(2000, 2001))
        live = self.files.live.read_bytes().lstrip(b"\0")
        self.assertEqual(b"".join(self.older()) + live, numbered(500, 2001))

    def test_every_line_once(self) -> None:
        """Of a log that is all kept each line is there once, in its order, however many times it was moved."""
        self.log = self.make(Limits(MAX, 100))
        for first in range(0, 10_000, 70):
            self.write(numbered(first, first + 70))
            self.attend()
        self.assertEqual(everything(self.log), numbered(0, 10_010))
        self.assertTrue(len(self.older()) > 10)
        self.assertEqual(self.log.dropped, 0)

    def test_cap(self) -> None:
        """The disk never holds more than the limits say, and what is kept is the newest, gapless."""
        written, highest = b"", 0
        for first in range(0, 5000, 40):
            written += numbered(first, first + 40)
            self.write(numbered(first, first + 40))
            self.attend()
            highest = max(highest, taken_on_disk(self.files))
        kept = everything(self.log)
        self.assertTrue(written.endswith(kept))
        self.assertTrue(3 * MAX - MAX // 4 < len(kept) <= 4 * MAX)
        self.assertTrue(highest <= 4 * MAX + 32 * KIB, highest)
        self.assertEqual(self.log.dropped, 0)

    def test_more_comes(self) -> None:
        """A log that much is written to is kept in view for a moment."""
        pieces = [numbered(500, 1000)]
        seconds = iter(number / 1000 for number in range(10**6)).__next__
        self.log = self.make(turn=Turn(seconds, lambda _: self.write(pieces.pop()) if pieces else None))
        self.write(numbered(0, 500))
        self.attend()
        self.assertEqual(self.older(), [numbered(0, 500), numbered(500, 1000)])

    def test_others_wait(self) -> None:
        """While others wait it is worked on for a slice, and is not done; then it goes on where it was."""
        self.write(numbered(0, 600))
        self.assertEqual(self.log.attend(lambda: True), Attended(more=True))
        self.assertEqual(self.log.attend(lambda: True), Attended(more=True))
        self.assertTrue(0 < len(b"".join(self.older())) < 60_000)
        self.assertEqual(everything(self.log), numbered(0, 600))
        self.attend()
        self.assertEqual(self.older(), [numbered(0, 600)])

    def test_closed(self) -> None:
        """One that is closed is left as it is."""
        self.log.close()
        self.write(numbered(0, 600))
        self.attend()
        self.assertFalse(self.files.folder.exists())

    def test_long_lines(self) -> None:
        """Lines longer than a file can be are cut between files, and whole for a reader."""
        lines = b"".join(bytes([65 + number]) * 150_000 + b"\n" for number in range(4))
        self.log = self.make(Limits(MAX, 100))
        for start in range(0, len(lines), 50_000):
            self.write(lines[start : start + 50_000])
            self.attend()
        self.assertEqual(everything(self.log), lines)

    def test_any_bytes(self) -> None:
        """Bytes are bytes, NUL too."""
        ugly = (bytes(range(256)) + b"%s {0} \xff\xfe" + bytes(300)) * 100
        self.log = self.make(Limits(MAX, 100))
        for _ in range(5):
            self.write(ugly)
            self.attend()
        self.assertEqual(everything(self.log), ugly * 5)
        self.assertEqual(everything(self.make()), ugly * 5)

    def test_fewer_kept(self) -> None:
        """A limit that is lowered holds at once."""
        for first in range(0, 2000, 500):
            self.write(numbered(first, first + 500))
            self.attend()
        self.log.limits = Limits(MAX, 1)
        self.attend()
        self.assertEqual(self.older(), [numbered(1500, 2000)])

    def test_no_backups(self) -> None:
        """With no older files the newest of the live one is kept, from the beginning of a line; that is no drop."""
        self.log = self.make(Limits(MAX, 0))
        for first in range(0, 2000, 100):
            self.write(numbered(first, first + 100))
            self.attend()
        kept = everything(self.log)
        self.assertTrue(MAX // 2 - 100 <= len(kept) < MAX)
        self.assertTrue(numbered(0, 2000).endswith(b"\n" + kept))
        self.assertEqual(self.log.dropped, 0)
        self.assertFalse(self.files.folder.exists())
        self.assertEqual(everything(self.make()), kept)


class OutrunTests(LogCase):
    """A writer that is too fast, a disk that is full."""

    def setUp(self) -> None:
        super().setUp()
        self.needs_holes()

    def test_dropped(self) -> None:
        """Too much at once: the middle is dropped, at the ends of lines, counted, and said where it was."""
        self.write(numbered(0, 500))
        self.attend()
        self.write(numbered(500, 5000))
        self.attend()
        text = everything(self.log)
        gap = dropped_line(self.log.dropped)
        before, after = text.split(gap)
        self.assertEqual(before, numbered(0, 500))
        self.assertTrue(numbered(500, 5000).endswith(after))
        self.assertEqual(len(before) + self.log.dropped + len(after), 500_000)
        self.assertTrue(MAX // 2 - 100 <= len(after) <= MAX // 2)
        self.assertTrue(taken_on_disk(self.files) <= 2 * MAX)

    def backwards(self, log: Rotation | None = None) -> bytes:
        """All that a reader gets who reads from the end."""
        log = self.log if log is None else log
        return b"".join(reversed(list(backwards(log, end_of(log)))))

    def test_all_that_was_before(self) -> None:
        """Where nothing older is left a line says at the beginning what was dropped, to the next initiator too."""
        self.write(numbered(0, 5))
        self.attend()
        for byte in (b"b", b"c"):
            line = byte * 5_000_000 + b"\n"
            self.write(line)
            self.attend()
            expected = dropped_line(self.end() - MAX // 2) + line[-MAX // 2 :]
            self.assertEqual(self.backwards(), expected)
            self.assertEqual(self.backwards(self.make()), expected)
            self.assertEqual(everything(self.log, 0), expected)
        # What is moved afterwards stands behind it.
        more = numbered(0, 300)
        self.write(more)
        self.attend()
        self.assertTrue(self.log.layout.moved_bytes)
        for log in (self.log, self.make()):
            self.assertEqual(self.backwards(log), expected + more)

    def test_older_than_kept(self) -> None:
        """What was dropped is told of though what came before or behind it is no more: with that, at the beginning."""
        self.write(numbered(0, 500))
        self.attend()
        self.write(b"a" * 1_000_000 + b"\n")
        self.attend()
        for first in range(0, 5000, 100):
            self.write(numbered(first, first + 100))
            self.attend()
            text = self.backwards()
            self.assertEqual(text, everything(self.log, 0))
            self.assertEqual(dropped_of(text) + len(written_of(text)), self.end())
        self.assertEqual(text, dropped_line(self.log.layout.oldest) + everything(self.log))
        self.assertEqual(self.backwards(self.make()), text)

    def test_no_older_files(self) -> None:
        """So it is where none are kept."""
        self.log = self.make(Limits(MAX, 0))
        for last in (5000, 300):
            self.write(numbered(0, last))
            self.attend()
            text = self.backwards()
            self.assertEqual(dropped_of(text) + len(written_of(text)), self.end())
            self.assertEqual(self.backwards(self.make(Limits(MAX, 0))), text)

    def test_again(self) -> None:
        """Of one who is too fast now and then the newest stays, each time."""
        for first in (0, 10_000):
            self.write(numbered(first, first + 5000))
            self.attend()
            self.assertTrue(everything(self.log).endswith(numbered(first + 4700, first + 5000)))

    def test_spare(self) -> None:
        """While a writer is too fast, the older files leave it the room of one of them."""
        for first in range(0, 2500, 500):
            self.write(numbered(first, first + 500))
            self.attend()
        self.write(numbered(2500, 5000))
        self.attend()
        self.assertEqual(self.log.layout.moved_bytes, 100_000)
        self.assertTrue(everything(self.log).startswith(numbered(1500, 2500) + dropped_line(self.log.dropped)))
        self.write(numbered(5000, 5250))
        self.attend()
        self.assertTrue(self.log.layout.moved_bytes <= 2 * MAX)
        for first in range(6000, 8000, 500):
            self.write(numbered(first, first + 500))
            self.attend()
        self.assertEqual(self.log.layout.moved_bytes, 150_000)

    def test_in_a_line(self) -> None:
        """Lines that have no ends within reach are cut, and the marker has a line of its own all the same."""
        self.write(b"a" * 50_000)
        self.attend()
        self.write(b"b" * 500_000)
        self.attend()
        text = everything(self.log)
        self.assertEqual(text, b"a" * 50_000 + b"\n" + dropped_line(self.log.dropped) + b"b" * (MAX // 2))
        self.assertEqual(self.log.dropped, 500_000 - MAX // 2)

    def test_disk_full(self) -> None:
        """With no room for older files all goes on: what does not fit is dropped, and the rest is there."""
        self.write(numbered(0, 600))
        with largest_file(20_000):
            attended = self.log.attend(nobody_waits)
        assert attended.trouble is not None
        self.assertEqual(attended.trouble.errno, errno.EFBIG)
        text = everything(self.log)
        self.assertEqual(dropped_of(text), self.log.dropped)
        self.assertEqual(len(written_of(text).replace(b"\n", b"")), (60_000 - self.log.dropped) * 99 // 100)
        self.assertTrue(text.startswith(numbered(0, 200)))
        self.assertTrue(text.endswith(numbered(300, 600)))
        self.write(numbered(600, 900))
        self.attend()
        self.assertTrue(everything(self.log).endswith(numbered(300, 900)))

    def test_no_folder(self) -> None:
        """Where no older file can be made nothing dies; what is tried in vain leaves nothing behind."""
        self.files.folder.write_bytes(b"")
        self.write(numbered(0, 300))
        for first in range(300, 6000, 300):
            self.write(numbered(first, first + 300))
            attended = self.log.attend(nobody_waits)
            assert attended.trouble is not None
            self.assertEqual(attended.trouble.errno, errno.ENOTDIR)
        self.assertTrue(len(self.log.layout.spans) <= 2)
        self.assertTrue(taken_on_disk(self.files) <= 2 * MAX)
        kept = everything(self.log)
        self.assertTrue(numbered(0, 6000).endswith(written_of(kept)))
        self.assertEqual(len(written_of(kept)) + self.log.dropped, 600_000)

    def test_hole_fails(self) -> None:
        """What cannot be given back now is given back with the next."""
        troubles = [OSError(errno.EIO, "Input/output error")]

        def bad(fd: int, start: int, length: int) -> None:
            if troubles:
                raise troubles.pop()
            libc.punch(fd, start, length)

        self.log = self.make(punch=bad)
        self.write(numbered(0, 500))
        self.log.attend(nobody_waits)
        self.write(numbered(500, 1000))
        self.attend()
        self.assertTrue(self.files.live.stat().st_blocks * 512 <= 8 * KIB)
        self.assertEqual(everything(self.log), numbered(0, 1000))

    def test_slow_holes(self) -> None:
        """A writer who is faster even than the making of holes has its file emptied, and that is counted."""

        def slow(fd: int, start: int, length: int) -> None:
            if self.end() < 40_000_000:
                self.write(b"y" * max(5_000_000, 2 * length) + b"\n")
            libc.punch(fd, start, length)

        self.log = self.make(punch=slow)
        self.write(numbered(0, 2000))
        self.attend()
        self.assertTrue(self.files.live.stat().st_size < 10 * MAX)
        self.write(b"alive\n")
        text = self.backwards()
        self.assertTrue(text.endswith(b"alive\n"))
        self.assertTrue(taken_on_disk(self.files) <= 4 * MAX)
        self.assertEqual(self.end(), self.log.dropped + len(written_of(text)))
        self.assertEqual(self.backwards(self.make()), text)

    def test_late_holes(self) -> None:
        """A writer of whom much comes while a hole is made, now and then, has a hole made again, and all is counted."""
        comes = [5_000_000, 4_500_000, 20_000_000, 6_000_000]

        def late(fd: int, start: int, length: int) -> None:
            libc.punch(fd, start, length)
            self.write(numbered(0, comes.pop(0) // 100 if comes else 0))

        self.log = self.make(punch=late)
        self.write(numbered(0, 2000))
        self.attend()
        self.assertEqual(comes, [])
        self.assertEqual(self.files.live.stat().st_size, self.end())
        text = self.backwards(self.make())
        self.assertEqual(dropped_of(text) + len(written_of(text)), self.end())


class RestartTests(LogCase):
    """The log of an initiator that died, taken over by the next."""

    def setUp(self) -> None:
        super().setUp()
        self.needs_holes()

    def test_restarted(self) -> None:
        """Nothing is lost, nothing comes twice, and each byte has the offset it had."""
        self.write(numbered(0, 500))
        self.attend()
        self.write(numbered(500, 3000))
        self.attend()
        text, layout = everything(self.log), self.log.layout
        again = self.make()
        self.assertEqual(everything(again), text)
        self.assertEqual(again.layout, layout)
        self.assertEqual(end_of(again), 300_000)

    def test_killed(self) -> None:
        """Killed after bytes were copied, and before they were given back: they are there once."""
        for holes in range(8):
            with self.subTest(holes=holes):
                self.setUp()
                self.log = self.make(punch=KilledAt(holes))
                with self.assertRaises(Killed):
                    while True:
                        self.more()
                        self.log.attend(nobody_waits)
                again = self.make()
                self.assertEqual(everything(again), numbered(0, self.end() // 100))
                self.attend(again)
                self.more()
                self.attend(again)
                self.assertEqual(everything(again), numbered(0, self.end() // 100))
                self.assertTrue(self.files.live.stat().st_blocks * 512 <= 64 * KIB)

    def more(self) -> None:
        number = self.files.live.stat().st_size // 100
        self.write(numbered(number, number + 90))

    def test_emptied(self) -> None:
        """A file that somebody empties is read on from its start; what was in it is said to be gone."""
        for first in range(0, 1000, 500):
            self.write(numbered(first, first + 500))
            self.attend()
        self.write(numbered(1000, 1100))
        self.attend()
        end = self.end()
        self.files.live.write_bytes(b"")
        self.write(b"new\n")
        self.assertTrue(self.log.wanted(end_of(self.log)))
        self.attend()
        expected = numbered(0, 1000) + dropped_line(10_000) + b"new\n"
        self.assertEqual(everything(self.log), expected)
        self.assertEqual(self.end(), end + 4)
        self.assertEqual(everything(self.make()), expected)
        self.write(numbered(0, 600))
        self.attend()
        self.write(b"last\n")
        self.assertEqual(everything(self.log), expected + numbered(0, 600) + b"last\n")
        self.assertEqual(everything(self.make()), expected + numbered(0, 600) + b"last\n")

    def test_no_live_file(self) -> None:
        """A log whose live file is gone ends with the older ones; a new file goes on from there."""
        self.attend(self.make())
        self.write(numbered(0, 500))
        self.attend()
        self.files.live.unlink()
        again = self.make()
        self.assertEqual(everything(again), numbered(0, 500))
        self.attend(again)
        self.write(b"new\n")
        self.assertEqual(everything(again), numbered(0, 500) + b"new\n")
        self.attend(again)
        self.assertEqual(everything(self.make()), numbered(0, 500) + b"new\n")

    def test_no_file(self) -> None:
        """What is no file is not touched, and is told of."""
        self.files.live.unlink()
        os.mkfifo(self.files.live)
        attended = self.log.attend(nobody_waits)
        assert attended.trouble is not None
        self.assertEqual(attended.trouble.strerror, "Not a regular file")
        self.assertEqual(everything(self.log), b"")

    def test_strangers(self) -> None:
        """Other files in the folder of the older ones are no part of the log, and are deleted with it."""
        self.write(numbered(0, 500))
        self.attend()
        (self.files.folder / "notes.txt").write_text("mine")
        self.assertEqual(everything(self.make()), numbered(0, 500))
        self.log.delete()
        self.assertEqual(list(self.folder.iterdir()), [])
        self.log.delete()

    @examples(40)
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("write"), st.integers(0, 3 * MAX)),
                st.tuples(st.just("attend"), st.booleans()),
                st.tuples(st.just("limits"), st.builds(Limits, st.integers(MAX, 3 * MAX), st.integers(0, 4))),
                st.tuples(st.sampled_from(["restart", "full", "cut"]), st.integers(0, 2 * MAX)),
            ),
            max_size=25,
        ),
        st.binary(min_size=1, max_size=300).map(lambda data: data + b"\x01"),
    )
    def test_anything(self, plan: list[tuple[str, int | bool | Limits]], seed: bytes) -> None:
        """Whatever happens, each byte that is kept is the one of its offset, and the gaps between are counted."""
        self.setUp()
        written = b""
        for name, value in plan:
            if name == "write":
                assert isinstance(value, int)
                data = (seed * (value // len(seed) + 1))[:value]
                written += data
                self.write(data)
            elif name == "attend":
                self.log.attend((lambda: True) if value else nobody_waits)
            elif name == "full":
                assert isinstance(value, int)
                with largest_file(value):
                    self.log.attend(nobody_waits)
            elif name == "restart":
                self.log = self.make(self.log.limits)
            elif name == "cut":
                assert isinstance(value, int)
                self.cut(value)
            else:
                assert isinstance(value, Limits)
                self.log.limits = value
            self.check(written)

    def cut(self, kept: int) -> None:
        """Give back the beginning of the live file, as the guardian does."""
        with self.files.open_live(os.O_RDWR) as fd:
            end = (os.fstat(fd).st_size - kept) // 4096 * 4096
            if end > 0:
                libc.punch(fd, 0, end)

    def check(self, written: bytes) -> None:
        everything(self.log)  # who reads sees what is gone
        self.assertEqual(self.end(), len(written))
        offset = self.log.current.oldest
        while offset < len(written):
            place = self.log.current.locate(offset)
            offset += place.gap
            end = len(written) if place.span is None else place.span.end
            self.assertEqual(everything(self.log, offset)[: end - offset], written[offset:end])
            offset = end


class NoHolesTests(LogCase):
    """File systems without holes: what is copied is truncated."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.make(punch=no_holes)

    def attend(self, log: Rotation | None = None) -> None:
        """Have it kept to its limits; it is said that there are no holes, once."""
        (self.log if log is None else log).attend(nobody_waits)

    def test_nothing_lost(self) -> None:
        """A writer who rests meanwhile loses nothing, and the cap is kept."""
        self.log = self.make(Limits(MAX, 100), punch=no_holes)
        for first in range(0, 5000, 100):
            self.write(numbered(first, first + 100))
            self.attend()
            self.assertTrue(self.files.live.stat().st_size <= MAX)
        self.assertEqual(everything(self.log), numbered(0, 5000))
        self.assertEqual(self.log.dropped, 0)
        self.assertEqual(self.end(), 500_000)
        self.assertEqual(everything(self.make(punch=no_holes)), numbered(0, 5000))

    def test_said(self) -> None:
        """It is told of, at the first time."""
        self.write(numbered(0, 500))
        trouble = self.log.attend(nobody_waits).trouble
        assert trouble is not None
        self.assertEqual(trouble.errno, errno.EOPNOTSUPP)
        self.write(numbered(0, 500))
        self.assertIsNone(self.log.attend(nobody_waits).trouble)

    def test_outrun(self) -> None:
        """What is too much at once is dropped whole, and counted."""
        self.write(numbered(0, 500))
        self.attend()
        self.write(numbered(500, 5000))
        self.attend()
        self.write(b"new\n")
        expected = numbered(0, 500) + dropped_line(450_000) + b"new\n"
        self.assertEqual(everything(self.log), expected)
        self.assertEqual(self.log.dropped, 450_000)
        self.assertEqual(everything(self.make(punch=no_holes)), expected)

    def test_emptied_while_read(self) -> None:
        """Who reads at the moment when it is emptied finds that all is dropped, and the end where it was."""
        self.write(numbered(0, 5000))
        ends, truncate = [], os.ftruncate

        def look(fd: int, size: int) -> None:
            truncate(fd, size)
            ends.append((end_of(self.log), everything(self.log, 0)))

        self.patch(os, "ftruncate", look)
        self.attend()
        self.assertEqual(ends, [(500_000, dropped_line(500_000))])

    def test_disk_full(self) -> None:
        """With no room for older files nothing dies."""
        self.write(numbered(0, 500))
        self.attend()
        self.write(numbered(500, 1000))
        with largest_file(49_950):
            self.attend()
        self.write(b"new\n")
        text = everything(self.log)
        self.assertEqual(text, numbered(0, 999) + numbered(999, 1000)[:50] + b"\n" + dropped_line(50) + b"new\n")

    def test_rest_does_not_fit(self) -> None:
        """Nor does it when what is behind the last line has no room: that is dropped, and counted."""
        self.write(numbered(0, 500) + b"half a line")
        with largest_file(50_004):
            self.assertIsNotNone(self.log.attend(nobody_waits).trouble)
        self.write(b"new\n")
        self.assertEqual(everything(self.log), numbered(0, 500) + b"half\n" + dropped_line(7) + b"new\n")

    def test_no_backups(self) -> None:
        """With no older files there is nowhere to copy to."""
        self.log = self.make(Limits(MAX, 0), punch=no_holes)
        self.write(numbered(0, 500))
        self.attend()
        self.write(b"new\n")
        self.assertEqual(everything(self.log), b"new\n")

    def test_writes_on(self) -> None:
        """Of a writer who never rests what came after the last copy is dropped and counted, once it is too much."""

        class Restless(Rotation):
            """Has more written with each look at the file."""

            def _end(rotation, fd: int) -> int:
                os.write(self.writer, numbered(0, 10))
                return super()._end(fd)

        self.writer = os.open(self.files.live, os.O_WRONLY | os.O_APPEND)
        self.addCleanup(os.close, self.writer)
        self.log = Restless(self.files, SMALL, no_holes, self.log.turn)
        self.write(numbered(0, 500))
        self.attend()
        self.assertEqual(self.files.live.stat().st_size % 1000, 0)
        self.assertTrue(self.log.dropped <= 2000)
