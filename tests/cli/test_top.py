"""Tests of ``proactor top``: what is on the screen."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.cli.frames import Frame
from proactor.cli.output import Output
from proactor.cli.top import screenful

from ..client.support import Memory
from .support import typed_in
from .test_tables import EXIT, NOON, job

USED = {"cpu_percent": 12.34, "rss": 41 << 20, "descriptors": 9, "threads": 1, "children": 0}


def frame(count: int = 1) -> Frame:
    jobs = [job(guid=f"{number:032x}"[::-1], module="ticker", resources=USED) for number in range(count)]
    failing = job(guid="f" * 32, module="ticker", state="fatal", ready=False, restarts=10, exit=EXIT)
    waiting = {"f" * 32: 3, "ticker": 2}
    return Frame("http://127.0.0.1:8080", 17, [failing, *jobs], waiting, 1, NOON)


class DumbTests(SynchronousTestCase):
    """A terminal that cannot be drawn on."""

    def test_dumb(self) -> None:
        """What there is to see is seen once, and it is said why."""
        memory = Memory(self)
        memory.rig.create()
        self.patch(Output, "is_terminal", True)
        found = typed_in(memory, "top", variables={"TERM": "dumb"})
        self.assertEqual(
            (found.code, found.err), (0, "This terminal (TERM=dumb) cannot be drawn on: this is one look.\n")
        )
        self.assertIn("\nJOB ", found.out)


class ScreenTests(SynchronousTestCase):
    """A terminal of 80 columns."""

    def lines(self, found: Frame, height: int = 24, width: int = 80) -> list[str]:
        return ["".join(cell.text for cell in line) for line in screenful(found, width, height)]

    def test_screen(self) -> None:
        """States, CPU, memory, restarts, revisions, messages: what needs attention first, with its reason."""
        self.assertEqual(
            self.lines(frame()),
            [
                "http://127.0.0.1:8080  revision 17  2 jobs  1 fatal  1 running",
                "5 messages, 1 dead",
                "JOB       MODULE  STATE    %CPU  MEM  RESTARTS  REV  MSGS  AGE",
                "ffffffff  ticker  fatal       -    -        10   17     3   2m",
                "  exited with status 1: ModuleNotFoundError: No module named 'company' \\x1b[31m…",
                "00000000  ticker  running  12.3  41M         0   17     0   2m",
                "q quit  sort by: t trouble  c CPU  m memory  r restarts  a age",
            ],
        )

    def test_narrow(self) -> None:
        """Nothing goes past the edge: counts are on more lines, and columns that matter less are left out."""
        self.assertEqual(
            self.lines(frame(), width=40),
            [
                "http://127.0.0.1:8080  revision 17",
                "2 jobs  1 fatal  1 running",
                "5 messages, 1 dead",
                "JOB       MODULE  STATE    RESTARTS",
                "ffffffff  ticker  fatal          10",
                "  exited with status 1: ModuleNotFoundE…",
                "00000000  ticker  running         0",
                "q quit  sort by: t trouble  c CPU",
                "m memory  r restarts  a age",
            ],
        )
        for width in range(28, 80):
            self.assertEqual([line for line in self.lines(frame(), width=width) if len(line) > width], [], width)

    def test_many(self) -> None:
        """What does not fit is counted."""
        lines = self.lines(frame(100), 10)
        self.assertEqual(len(lines), 10)
        self.assertEqual(lines[-2], "and 97 lines more: --sort says what comes first")

    def test_none(self) -> None:
        """Without jobs there is the line above; without the right to see them no messages."""
        nothing = Frame("http://x", 1, [], None, 0, NOON)
        self.assertEqual(self.lines(nothing)[0], "http://x  revision 1  0 jobs")
        self.assertIsNone(nothing.record()["messages"])
