from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import pairwise

from attrs import field, frozen
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.logstore.extract import TAIL_BYTES, TAIL_LINES, extract, last_lines, stored
from proactor.logstore.files import Files
from proactor.logstore.layout import Limits, Span
from proactor.logstore.reading import Cursor, Taken, backwards, dropped_line, last, last_and_cut, read

from ..support.examples import examples
from .support import LogCase, everything, numbered

texts = st.lists(st.sampled_from([b"", b"a", b"bc", b"long" * 5, b"\xff\0", b"\r"]), max_size=12).map(b"\n".join)


def cut(text: bytes, cuts: list[int]) -> list[bytes]:
    """The pieces of a text."""
    marks = sorted({0, *(mark for mark in cuts if mark < len(text)), len(text)})
    return [text[a:b] for a, b in pairwise(marks)]


class LastTests(SynchronousTestCase):
    """The last lines of a text."""

    @examples(400)
    @given(texts, st.lists(st.integers(0, 60)), st.integers(0, 14), st.integers(1, 80))
    @example(b"a\nb\n", [1, 2, 3], 1, 80)
    @example(b"\n", [], 1, 1)
    @example(b"abc", [1], 3, 2)
    def test_as_plain(self, text: bytes, cuts: list[int], lines: int, limit: int) -> None:
        """However it comes in pieces, so many whole lines are given, fewer if they would be too long together."""
        found, left_out = last_and_cut(reversed(cut(text, cuts)), lines, limit)
        all_lines = re.findall(rb"[^\n]*\n|[^\n]+$", text)
        fitting = [b"".join(all_lines[-count:]) for count in range(1, lines + 1)]
        fitting = [each for each in fitting if len(each) <= limit]
        if fitting or not lines or not text:
            self.assertEqual(found, fitting[-1] if fitting else b"")
        else:
            self.assertEqual(found, all_lines[-1][-limit:])
        # What the limit left out is told.
        wanted = b"".join(all_lines[-lines:] if lines else [])
        is_whole = found in (b"", *(b"".join(all_lines[-count:]) for count in range(1, lines + 1)))
        self.assertEqual(left_out, "" if found == wanted else "lines" if is_whole else "line")

    def test_no_more_than_needed(self) -> None:
        """What is before those lines is not asked for."""
        pieces = iter([b"c\nd\n", b"a\nb\n", b"never"])
        self.assertEqual(last(pieces, 2, 100), b"c\nd\n")
        self.assertEqual(list(pieces), [b"never"])


@frozen
class Moving(Files):
    """Has something done between the moment that it is known where bytes are, and their reading."""

    meanwhile: list[Callable[[], object]] = field(factory=list, eq=False)

    def read(self, span: Span | None, position: int, count: int) -> bytes:
        """Read, too late."""
        if self.meanwhile:
            self.meanwhile.pop()()
        return super().read(span, position, count)


class RaceTests(LogCase):
    """Reading while bytes are on the move."""

    def setUp(self) -> None:
        super().setUp()
        self.needs_holes()
        self.files = Moving(self.files.live)
        self.log = self.make()
        self.log.load()

    def meanwhile(self, *actions: Callable[[], object]) -> None:
        assert isinstance(self.files, Moving)
        self.files.meanwhile.extend(actions)

    def test_moved(self) -> None:
        """Bytes that are moved under a reader's eyes are read from where they went, and never as a hole's NULs."""
        self.write(numbered(0, 500))
        self.meanwhile(self.attend)
        self.assertEqual(read(self.log, 0, 50_000).data, numbered(0, 500))

    def test_dropped(self) -> None:
        """Bytes that are dropped then are a gap."""
        self.write(numbered(0, 5000))
        self.meanwhile(self.attend)
        text = everything(self.log, 0)
        self.assertTrue(text.startswith(dropped_line(self.log.dropped)))
        self.assertNotIn(b"\0", text)

    def test_evicted(self) -> None:
        """So are those whose file is deleted."""
        self.write(numbered(0, 500))
        self.attend()

        def much() -> None:
            for _ in range(4):
                self.write(numbered(0, 500))
                self.attend()

        self.meanwhile(much)
        self.assertEqual(read(self.log, 0, 100).gap, 100_000)

    def test_emptied(self) -> None:
        """A file that is truncated gives nothing of what has other offsets by then."""
        self.write(numbered(0, 400))
        everything(self.log)

        def empty() -> None:
            self.files.live.write_bytes(b"new\n")
            self.attend()

        self.meanwhile(empty)
        self.assertEqual(everything(self.log, 100), dropped_line(39_900) + b"new\n")

    def test_deleted(self) -> None:
        """A file that somebody deletes is a gap, to the end of it, or an end."""
        self.write(numbered(0, 500))
        self.attend()
        self.write(b"more\n")
        for path in self.files.folder.iterdir():
            path.unlink()
        self.assertEqual(everything(self.log), dropped_line(50_000) + b"more\n")
        self.assertEqual(extract(self.log, 10, None).data, dropped_line(50_000) + b"more\n")
        self.files.live.unlink()
        self.assertEqual(everything(self.log), dropped_line(50_000))
        self.assertEqual(extract(self.log, 10, None).data, dropped_line(50_005))


class CursorTests(LogCase):
    """A reader's place."""

    def test_whole_lines(self) -> None:
        """A line that has just begun waits for its end; a very long one comes in pieces."""
        cursor = Cursor(self.log, 0)
        self.write(b"one\ntw")
        self.assertEqual(cursor.take(100, whole=True), Taken(b"one\n"))
        self.assertEqual(cursor.take(100, whole=True), Taken(b""))
        self.write(b"o\n" + b"x" * 150 + b"\nlast\n")
        self.assertEqual(cursor.take(100, whole=True), Taken(b"two\n", more=True))
        self.assertEqual(cursor.take(100, whole=True), Taken(b"x" * 100, more=True))
        self.assertEqual(cursor.take(100, whole=True), Taken(b"x" * 50 + b"\nlast\n"))

    def test_until(self) -> None:
        """It does not go beyond the offset that it was told, nor the end."""
        cursor = Cursor(self.log, 0)
        self.write(b"one\ntwo\n")
        self.assertEqual(cursor.take(100, until=0).data, b"")
        self.assertEqual(cursor.take(100, until=5).data, b"one\nt")
        self.assertEqual(cursor.take(100, until=50).data, b"wo\n")

    def test_lag(self) -> None:
        """One that is too far behind goes on at a line nearer to the end, and says so on a line of its own."""
        cursor = Cursor(self.log, 0)
        self.write(b"begun")
        self.assertEqual(cursor.take(100, lag=1000).data, b"begun")
        self.write(b"\n" + numbered(0, 100))
        self.assertEqual(cursor.take(10_000, lag=1000).data, b"\n" + dropped_line(9501, "skipped") + numbered(95, 100))

    def test_gap(self) -> None:
        """A gap is said where it is; the line before it ends there."""
        self.needs_holes()
        self.write(b"x" * 50_000)
        self.attend()
        self.write(b"y" * 200_000)
        self.attend()
        for whole in (False, True):
            cursor = Cursor(self.log, 49_990)
            taken = cursor.take(100, whole=whole)
            self.assertEqual(taken, Taken(b"x" * 10 + b"\n" + dropped_line(self.log.dropped), more=True))
            self.assertEqual(cursor.take(100).data, b"y" * 100)
        cursor = Cursor(self.log, 49_900)
        self.assertEqual(cursor.take(100).data, b"x" * 100)
        self.assertEqual(cursor.take(100).data, b"\n" + dropped_line(self.log.dropped))


class ExtractTests(LogCase):
    """The end of a log."""

    def setUp(self) -> None:
        super().setUp()
        self.needs_holes()

    def test_across_files(self) -> None:
        """Lines are counted back over as many files as it takes; the offset behind them is told."""
        for first in range(0, 1500, 500):
            self.write(numbered(first, first + 500))
            self.attend()
        self.write(b"not yet en")
        for count in (1, 2, 502, 1400, 9999):
            found = extract(self.log, count, None)
            self.assertEqual(found.data, numbered(max(0, 1501 - count), 1500) + b"not yet en")
            self.assertEqual(found.end, 150_010)
        self.assertEqual(extract(self.log, 0, None).data, b"")

    def test_empty(self) -> None:
        """Of a log that is empty, or not there, there is nothing."""
        self.assertEqual(extract(self.log, 10, None).data, b"")
        self.files.live.unlink()
        self.assertEqual(extract(self.log, 10, None).data, b"")
        self.assertEqual(last_lines(self.log, 10), ())

    def test_dropped(self) -> None:
        """What was dropped is said between what is kept of before and after, and nothing at the beginning."""
        self.write(b"begun" * 10_000)
        self.attend()
        self.write(numbered(500, 5000))
        self.attend()
        text = extract(self.log, 9999, None).data
        self.assertEqual(text, everything(self.log))
        self.assertIn(b"begun\n" + dropped_line(self.log.dropped), text)
        self.assertEqual(b"".join(reversed([*backwards(self.log, self.end(), 100)])), text)

    def test_bounded(self) -> None:
        """However much is asked for, there are bounds."""
        self.log = self.make(Limits(4 << 20, 1))
        self.write(b"\n" * 30_000)
        self.assertEqual(extract(self.log, 10**9, None).data, b"\n" * TAIL_LINES)
        self.write(b"x" * (2 << 20))
        self.assertEqual(extract(self.log, 3, None).data, b"x" * TAIL_BYTES)
        self.write(b"\nend\n")
        self.assertEqual(extract(self.log, 3, None).data, b"end\n")

    def test_since(self) -> None:
        """Lines from a time on; files that were not written to since are left out."""
        self.write(numbered(0, 500))
        self.attend()
        [older] = self.files.folder.iterdir()
        self.write(b"2026-11-24T12:00:00Z one\n2026-11-24T12:00:05Z two\n  of it\n")
        noon = 1795521600.0
        self.assertEqual(extract(self.log, 100, noon + 1).data, b"2026-11-24T12:00:05Z two\n  of it\n")
        self.assertEqual(extract(self.log, 1, noon + 1).data, b"  of it\n")
        os.utime(self.files.live, (noon + 10, noon + 10))
        os.utime(older, (noon - 10, noon - 10))
        self.assertEqual(len(extract(self.log, 100, noon - 20).data.splitlines()), 3)
        self.assertEqual(extract(self.log, 100, noon + 20).data, b"")
        self.files.live.write_bytes(b"")
        self.write(b"no time\n")
        self.attend()
        self.assertEqual(extract(self.log, 100, noon - 5).data, b"no time\n")

    def test_last_lines(self) -> None:
        """For the record of a death: text, of the last bytes, across files; what is no text is escaped."""
        self.write(numbered(0, 492) + b"caf\xc3\xa9 \xff\r\n\x1b[0m{0} %s\n\nend")
        self.attend()
        self.assertEqual(last_lines(self.log, 4), ("café \\xff", "\x1b[0m{0} %s", "", "end"))
        self.assertEqual(last_lines(self.log, 6)[0], numbered(490, 491).decode().rstrip())
        self.write(b"x" * 20_000)
        self.assertEqual(last_lines(self.log, 20), ("x" * (16 << 10),))

    def test_last_lines_from(self) -> None:
        """For the record of a death what was written before that process began does not count."""
        self.write(b"earlier\n")
        start = self.end()
        self.assertEqual(last_lines(self.log, 5, start), ())
        self.write(b"one\ntwo\n")
        self.assertEqual(last_lines(self.log, 5, start), ("one", "two"))
        self.assertEqual(last_lines(self.log, 1, start), ("two",))

    def test_stored(self) -> None:
        """How much was written, is kept, and was dropped."""
        self.write(numbered(0, 500))
        self.attend()
        self.write(numbered(500, 5000))
        self.attend()
        found = stored(self.log)
        self.assertEqual(found.written, 500_000)
        self.assertEqual(found.kept + found.dropped, 500_000)
        self.assertTrue(found.dropped > 300_000)
