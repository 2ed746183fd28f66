from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from attrs import field, frozen
from hypothesis import example, given
from hypothesis import strategies as st

from proactor.guardian_main import libc, origin
from proactor.logstore.files import Files
from proactor.logstore.layout import Limits, Span
from proactor.logstore.reading import backwards, end_of
from proactor.logstore.rotation import Rotation

from ..support.examples import examples
from .support import SMALL, LogCase, everything, largest_file, nobody_waits
from .test_rotation import Killed, no_holes

MAX = SMALL.max_bytes
_MARK = re.compile(rb"--- (\d+) bytes dropped here ---\n")


def content(start: int, count: int) -> bytes:
    """So many bytes of a text that is never the same twice, from an offset on: short lines and long ones."""
    first = start // 8
    text = b"".join(b"%07d" % n + (b" " if n % 97 % 3 else b"\n") for n in range(first, (start + count) // 8 + 1))
    return text[start - first * 8 :][:count]


def lengths(text: bytes, written: bytes) -> set[int]:
    """How much was written, by what a reader got: the pieces, each the bytes of its place, and the marks.

    There may be more than one answer, as a newline before a mark is one that was written or stands for a cut line;
    none where a piece is not what was written there.
    """
    places = {0}
    for number, part in enumerate(_MARK.split(text)):
        if number % 2:
            places = {place + int(part) for place in places}
        else:
            ways = {part, part.removesuffix(b"\n")}
            places = {place + len(way) for place in places for way in ways if written.startswith(way, place)}
    return places


@frozen
class Mortal(Files):
    """Dies at some step, if it is to.

    :param step: called before and behind each thing that is done.
    """

    step: Callable[[], None] = field(kw_only=True, eq=False)

    def append(self, span: Span, data: bytes) -> int:
        """Write, all of it or half of it, or make a file of nothing."""
        try:
            self.step()
        except Killed:
            super().append(span, b"")
            raise
        try:
            self.step()
        except Killed:
            super().append(span, data[: len(data) // 2])
            raise
        written = super().append(span, data)
        self.step()
        return written

    def unlink(self, spans: tuple[Span, ...]) -> None:
        """Delete, one by one."""
        for span in spans:
            self.step()
            super().unlink((span,))


class AccountsTests(LogCase):
    """What is kept and the marks for what is not are, by their offsets, all that was written."""

    def setUp(self) -> None:
        super().setUp()
        self.needs_holes()
        self.steps = -1

    def step(self) -> None:
        """Go on, or die."""
        self.steps -= 1
        if self.steps == 0:
            raise Killed

    def begin(self, holes: bool) -> None:
        """As before anything was written, on a file system that has holes, or none."""
        self.setUp()
        self.files, self.holes, self.written = Mortal(self.files.live, step=self.step), holes, b""
        self.log = self.new(SMALL)

    def new(self, limits: Limits) -> Rotation:
        return self.make(limits, punch=self.punch)

    def punch(self, fd: int, start: int, length: int) -> None:
        self.step()
        (libc.punch if self.holes else no_holes)(fd, start, length)
        self.step()

    def more(self, count: int) -> None:
        """Have the process write so much."""
        data = content(len(self.written), count)
        self.written += data
        self.write(data)

    @contextmanager
    def mortal(self, steps: int) -> Iterator[None]:
        """Die at one of the next steps, if it comes to that many."""

        def deadly(function: Callable[..., None]) -> Callable[..., None]:
            def call(*args: Any) -> None:
                self.step()
                function(*args)
                self.step()

            return call

        self.steps = steps
        with (
            mock.patch.object(os, "ftruncate", deadly(os.ftruncate)),
            mock.patch.object(origin, "write", deadly(origin.write)),
        ):
            try:
                yield
            except Killed:
                pass
            finally:
                self.steps = -1

    def guardian(self, kept: int) -> None:
        """What the guardian does to a file that takes too much."""
        with self.files.open_live(os.O_RDWR) as fd:
            end = (os.fstat(fd).st_size - kept) // 4096 * 4096
            if not self.holes:
                origin.empty(fd, str(self.files.folder))
            elif end > 0:
                libc.punch(fd, 0, end)

    def check(self) -> None:
        everything(self.log, 0)  # who reads sees what is gone
        text = b"".join(reversed([*backwards(self.log, end_of(self.log), 5000)]))
        self.assertIn(len(self.written), lengths(text, self.written))
        self.assertEqual(everything(self.log, 0), text)
        self.assertEqual(self.end(), len(self.written))

    def attend_all(self) -> None:
        self.log.attend(nobody_waits)
        folder = self.files.folder
        left = [path.name for path in folder.iterdir() if not path.stat().st_size] if folder.exists() else []
        self.assertEqual(left, [])

    @examples(100)
    @given(
        st.booleans(),
        st.lists(
            st.one_of(
                st.tuples(st.just("write"), st.integers(0, 3 * MAX)),
                st.tuples(st.sampled_from(["attend", "slice"]), st.none()),
                st.tuples(st.just("limits"), st.builds(Limits, st.integers(MAX, 3 * MAX), st.integers(0, 4))),
                st.tuples(st.just("full"), st.integers(100, 2 * MAX)),
                st.tuples(st.just("cut"), st.integers(0, 2 * MAX)),
                st.tuples(st.just("killed"), st.tuples(st.integers(1, 40), st.integers(0, 1000))),
                st.tuples(st.just("alone"), st.integers(0, 2 * MAX)),
            ),
            max_size=25,
        ),
    )
    @example(True, [("write", 70_000), ("attend", None), ("write", 3 * MAX), ("attend", None)] * 4)
    @example(False, [("write", 70_000), ("attend", None), ("write", 3 * MAX), ("attend", None), ("alone", 0)] * 4)
    @example(False, [("write", 3 * MAX), ("killed", (4, 100)), ("alone", 5), ("write", 3 * MAX), ("alone", 0)])
    def test_any_order(self, holes: bool, plan: list[tuple[str, Any]]) -> None:
        """Whatever is written, moved, cut and dropped, on a full disk too, and whoever is killed in the middle."""
        self.begin(holes)
        for name, value in plan:
            if name == "write":
                self.more(value)
            elif name == "attend":
                self.attend_all()
            elif name == "slice":
                self.log.attend(lambda: True)
            elif name == "limits":
                self.log.limits = value
            elif name == "full":
                with largest_file(value):
                    self.log.attend(nobody_waits)
            elif name == "cut" and self.holes:
                self.guardian(value)
            elif name == "killed":
                steps, meanwhile = value
                with self.mortal(steps):
                    self.log.attend(nobody_waits)
                self.more(meanwhile)
                self.log = self.new(self.log.limits)
            elif name == "alone":
                self.guardian(value)
                self.more(value)
                self.log = self.new(self.log.limits)
            self.check()
        self.attend_all()
        self.check()

    def test_every_step(self) -> None:
        """Killed at each step of what is done to a log that is moved, dropped and emptied, with and without holes."""
        for holes in (True, False):
            for steps in range(1, 30):
                with self.subTest(holes=holes, steps=steps):
                    self.begin(holes)
                    for count in (60_000, 3 * MAX, 60_000):
                        self.more(count)
                        with self.mortal(steps):
                            self.log.attend(nobody_waits)
                        self.more(500)
                        self.log = self.new(Limits(MAX, 1))
                        self.check()
                        self.attend_all()
                        self.check()

    def test_grown_again(self) -> None:
        """Killed when it had just been emptied; what the next one saw of that the one after it knows, too."""
        self.begin(False)
        self.more(60_000)
        truncate = os.ftruncate

        def last(fd: int, size: int) -> None:
            truncate(fd, size)
            raise Killed

        with mock.patch.object(os, "ftruncate", last):
            self.assertRaises(Killed, self.log.attend, nobody_waits)
        self.more(10)
        self.log = self.new(SMALL)
        self.attend_all()
        self.more(70_000)
        self.log = self.new(SMALL)
        self.check()

    def test_no_room(self) -> None:
        """On a disk that has no room at all no file of nothing is made."""
        self.begin(True)
        self.more(60_000)
        with largest_file(0):
            self.assertIsNotNone(self.log.attend(nobody_waits).trouble)
        self.assertEqual([path for path in self.files.folder.iterdir() if path.suffix == ".log"], [])
        self.check()

    def test_end_of_a_move(self) -> None:
        """Killed behind a last piece that was short: what was given back before it is not taken for another file."""
        self.begin(True)
        self.log = self.new(Limits(MAX, 3))
        self.more(8192 * 6 + 100)
        with self.mortal(6 * 5 + 3):
            self.log.attend(nobody_waits)
        self.log = self.new(SMALL)
        self.check()
        self.assertEqual(self.log.layout.origin, 0)
