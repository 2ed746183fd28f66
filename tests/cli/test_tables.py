"""Tests of tables, and of the words in them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.cli.configs import HISTORY
from proactor.cli.events import EVENTS
from proactor.cli.frames import FRAME
from proactor.cli.jobs_shown import COLUMNS, table
from proactor.cli.log_level import LEVELS
from proactor.cli.messages import MESSAGES, WAITING
from proactor.cli.registry import ENDPOINTS, TOKENS
from proactor.cli.tables import Cell, Column, Table
from proactor.cli.words import age, duration, one_line, safe, shorts, size
from proactor.client import Job
from proactor.client.reading import read

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
RECORD: dict[str, Any] = {
    "guid": "c1f9c615590e4e2cbba12e18671598ac",
    "module": "company.services.of.a.very.long.name.ingestion.worker",
    "labels": {},
    "wanted": "running",
    "state": "running",
    "ready": True,
    "queue": None,
    "incarnation": 1,
    "pid": 22567,
    "port": 49152,
    "url": "http://localhost:49152",
    "launcher": "fork",
    "revision": {"wanted": 17, "running": 17, "pending": []},
    "created": "2026-11-24T11:00:00.000Z",
    "started": "2026-11-24T11:58:00.000Z",
    "restarts": 0,
    "next_start": None,
    "exit": None,
}
EXIT = {
    "code": 1,
    "signal": None,
    "reason": "exited with status 1",
    "lines": ["...", "ModuleNotFoundError: No module named 'company' \x1b[31m" + "x" * 60],
}


def job(**members: Any) -> Job:
    """A job that is like the others but for some members."""
    return read(Job, {**RECORD, **members})


JOBS = [
    job(),
    job(
        guid="0" * 32, state="fatal", ready=False, restarts=10, exit=EXIT, revision={**RECORD["revision"], "running": 9}
    ),
    job(guid="1" * 32, state="backoff", next_start="2026-11-24T12:00:05.000Z", exit={**EXIT, "lines": []}),
    job(
        guid="2" * 32, state="starting", queue=3, started=None, revision={"wanted": 17, "running": None, "pending": []}
    ),
    job(guid="3" * 32, revision={"wanted": 17, "running": 17, "pending": ["first", "cwd"]}),
    job(
        guid="4" * 32,
        revision={**RECORD["revision"], "rejected": {"revision": 18, "option": "rate", "reason": "must be > 0"}},
    ),
    job(guid="5" * 32, state="exited", exit=None),
]


def lines(found: Table, width: int) -> list[str]:
    return ["".join(cell.text for cell in pieces) for pieces in found.fitted(width)]


class JobTableTests(SynchronousTestCase):
    """``proactor ps``."""

    def test_terminal(self) -> None:
        """At 80 columns long modules give way at their beginning, and what is wrong stands below in full width."""
        self.assertEqual(
            lines(table(JOBS, NOON), 80),
            [
                "JOB       MODULE                            STATE      PORT   REV  RESTARTS  AGE",
                "c1f9c615  …very.long.name.ingestion.worker  running   49152    17         0   2m",
                "00000000  …very.long.name.ingestion.worker  fatal     49152  9/17        10   2m",
                "  exited with status 1: ModuleNotFoundError: No module named 'company' \\x1b[31m…",
                "11111111  …very.long.name.ingestion.worker  backoff   49152    17         0   2m",
                "  again in 5s: exited with status 1",
                "22222222  …very.long.name.ingestion.worker  starting  49152  -/17         0  60m",
                "  number 3 in line",
                "33333333  …very.long.name.ingestion.worker  running   49152    17         0   2m",
                "  for the next start: first, cwd",
                "44444444  …very.long.name.ingestion.worker  running   49152    17         0   2m",
                "  rejected 18: rate: must be > 0",
                "55555555  …very.long.name.ingestion.worker  exited    49152    17         0   2m",
                "  no reason is known",
            ],
        )

    def test_pipe(self) -> None:
        """In a pipe a job is one line, nothing is cut, and nothing steers a terminal."""
        plain = list(table(JOBS, NOON).plain())
        self.assertEqual(len(plain), 1 + len(JOBS))
        self.assertTrue(plain[0].startswith("JOB       MODULE"), plain[0])
        self.assertTrue(plain[0].endswith("AGE  NOTE"), plain[0])
        self.assertIn(RECORD["module"], plain[1])
        self.assertTrue(plain[2].endswith("x" * 60), plain[2])
        self.assertNotIn("\x1b", "".join(plain))


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z", "M"]), max_size=30)


class FittedTests(SynchronousTestCase):
    """Any table."""

    @given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=5), st.integers(40, 100))
    def test_width(self, rows: list[tuple[str, str, str]], width: int) -> None:
        """With two columns that give way it is never wider than there is room for, but for the one that does not."""
        columns = (Column("A", gives=True), Column("B", right=True), Column("C", gives=True, tail=True))
        short = [(one, two[:5], three) for one, two, three in rows]
        found = Table(columns, [[Cell(text) for text in row] for row in short])
        from rich.cells import cell_len  # noqa: PLC0415

        self.assertLessEqual(max(map(cell_len, lines(found, width))), width)

    def test_too_narrow(self) -> None:
        """Where there is no room at all it is wider rather than empty."""
        found = Table((Column("NAME", gives=True), Column("B")), [[Cell("abcdefghijkl"), Cell("x")]])
        self.assertEqual(lines(found, 5), ["NAME      B", "abcdefg…  x"])


class WordsTests(SynchronousTestCase):
    """Times, sizes, foreign text."""

    def test_ages(self) -> None:
        """An age is in the largest unit of which there are two."""
        ages = {-5: "0s", 0: "0s", 59: "59s", 119: "119s", 120: "2m", 7199: "119m", 7200: "2h", 86400 * 3: "3d"}
        self.assertEqual({seconds: duration(seconds) for seconds in ages}, ages)
        self.assertEqual((age(None, NOON), age(NOON - timedelta(hours=5), NOON)), ("-", "5h"))

    def test_sizes(self) -> None:
        """A size is in MiB or GiB."""
        self.assertEqual([size(None), size(41 << 20), size(3 << 29)], ["-", "41M", "1.5G"])

    def test_foreign(self) -> None:
        """What would steer a terminal is shown as an escape."""
        self.assertEqual(safe("a\tb\x1b[2J\x07ü\u202e"), "a\tb\\x1b[2J\\x07ü\\u202e")
        self.assertEqual(one_line("a\r\nb\n  c"), "a b c")

    def test_shorts(self) -> None:
        """A guid is shown as far as it takes to tell it from the others."""
        one, two = "a" * 10 + "0" * 22, "a" * 10 + "1" * 22
        self.assertEqual(shorts([one, "b" * 32]), {one: "a" * 8, "b" * 32: "b" * 8})
        self.assertEqual(shorts([one, two, two]), {one: one[:11], two: two[:11]})
        self.assertEqual(shorts([]), {})


#: The longest that is to be expected in columns that are not cut.
WIDEST = {
    "JOB": "3f2a81c0",
    "STATE": "starting",
    "PORT": "65535",
    "REV": "12345/12346",
    "RESTARTS": "1234",
    "AGE": "59m",
    "%CPU": "100.0",
    "MEM": "1023M",
    "MSGS": "10000",
    "ID": "1234567",
    "TIME": "2026-11-24 18:04:16",
    "EVENT": "rollout.reverting",
    "WAITING": "10000",
    "LIMIT": "10000",
    "OLDEST": "2026-11-24 18:04:16",
    "NUMBER": "1234567",
    "ACCEPTED": "2026-11-24 18:04:16",
    "TRIES": "1234",
    "SCOPES": "read launch configure message",
    "EXPIRES": "2026-11-24 18:04:16",
    "LEVEL": "critical",
    "UNTIL": "2026-11-24 18:04:16",
}


class WidthTests(SynchronousTestCase):
    """Eighty columns."""

    def test_all(self) -> None:
        """Every table fits, whatever stands in the columns that give way."""
        for columns in (ENDPOINTS, EVENTS, COLUMNS, FRAME, HISTORY, LEVELS, MESSAGES, TOKENS, WAITING):
            row = [Cell("x" * 200 if column.gives else WIDEST[column.title]) for column in columns]
            for line in Table(columns, [row]).fitted(80):
                text = "".join(cell.text for cell in line)
                self.assertLessEqual(len(text), 80, text)
