from __future__ import annotations

import errno
import io
import json
import os
import re
import stat
import sys
import types
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import inlineCallbacks
from twisted.internet.utils import getProcessOutputAndValue
from twisted.logger import ILogObserver, LogBeginner, LogEvent, Logger, LogLevel, LogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from proactor.log import writing as logs
from proactor.log.levels import CONSOLE, LEVELS, TOLD, Levels

from ..support.examples import examples

LINE = re.compile(
    r"^(?P<asctime>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) "
    r"(?P<level>[A-Z]+ *)\|(?P<pid>\d+)\|(?P<name>[^|]*)\|(?P<message>.*)$"
)

WHEN = datetime(2026, 11, 24, 18, 4, 16, 425000, tzinfo=timezone.utc).timestamp()


def event(text: str, **fields: object) -> LogEvent:
    """Make an event of a known time."""
    return {"log_time": WHEN, "log_level": LogLevel.info, "log_namespace": "proactor", "log_format": text, **fields}


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def fail(message: str) -> None:
    raise ValueError(message)


class Case(SynchronousTestCase):
    def logged(
        self, *, fmt: str = "text", level: str = "info", namespace: str = "proactor"
    ) -> tuple[Logger, io.StringIO]:
        """Give a logger and where its lines go."""
        stream = io.StringIO()
        return Logger(namespace, observer=logs.stream_observer(stream, fmt=fmt, levels=Levels(level))), stream


class TextTests(Case):
    """What the text of one event looks like."""

    def test_format(self) -> None:
        """A line has local time, level in seven columns, pid, name, message."""
        stream = io.StringIO()
        logs.stream_observer(stream)(event("Serving on {addr}:{port}", addr="0.0.0.0", port=8080))
        local = datetime.fromtimestamp(WHEN).astimezone().strftime("%Y-%m-%d %H:%M:%S,425")
        self.assertEqual(stream.getvalue(), f"{local} INFO   |{os.getpid()}|proactor|Serving on 0.0.0.0:8080\n")

    def test_level_names(self) -> None:
        """Levels have the names that Python's own logging gives them."""
        log, stream = self.logged(level="debug")
        for level in LogLevel.iterconstants():
            log.emit(level, "x")
        names = [LINE.fullmatch(line)["level"].rstrip() for line in stream.getvalue().splitlines()]  # type: ignore[index]
        self.assertEqual(names, ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])

    @examples(200)
    @given(message=st.text(), namespace=st.text(min_size=1))
    def test_one_line(self, message: str, namespace: str) -> None:
        """No message and no name makes a second line, or holds what a terminal obeys."""
        log, stream = self.logged(namespace=namespace)
        log.warn("{message}", message=message)
        lines = stream.getvalue().splitlines(keepends=True)
        self.assertEqual(len(lines), 1)
        self.assertTrue(lines[0].endswith("\n"))
        self.assertNotRegex(lines[0][:-1], "[\x00-\x08\x0a-\x1f\x7f-\x9f\u202e]")
        lines[0].encode("utf-8")

    def test_harmless_stays(self) -> None:
        """Text in any script, tabs and backslashes are as they were written."""
        log, stream = self.logged()
        log.info("{text}", text="grüße\t\\n 日本 🙂")
        self.assertTrue(stream.getvalue().endswith("|grüße\t\\n 日本 🙂\n"))

    def test_traceback(self) -> None:
        """A traceback follows on lines of its own, none of which passes for an event's."""
        log, stream = self.logged()
        try:
            fail("first\n2026-11-24 18:04:16,425 INFO   |1|proactor|forged\x1b[2J")
        except ValueError:
            log.failure("It broke")
        first, *rest = stream.getvalue().splitlines()
        self.assertTrue(first.endswith("|It broke"))
        self.assertIn("Traceback (most recent call last):", rest[0])
        self.assertIn("forged\\x1b[2J", rest[-1])
        self.assertEqual([line for line in rest if LINE.match(line)], [])

    def test_nothing_to_say(self) -> None:
        """An event without words makes no line; one of empty words, such as a printed empty line, does."""
        log, stream = self.logged()
        log.info(None, count=1)
        self.assertEqual(stream.getvalue(), "")
        log.info("")
        self.assertTrue(stream.getvalue().endswith("|proactor|\n"))

    def test_unformattable(self) -> None:
        """An event that cannot be formatted is one line still."""
        log, stream = self.logged()
        log.info("{nowhere} {value}", value=Unprintable())
        self.assertEqual(len(stream.getvalue().splitlines()), 1)

    def test_unknown_format(self) -> None:
        """A format that there is none of is refused, with those that there are."""
        with self.assertRaisesRegex(ValueError, "'xml'.*text, json"):
            logs.stream_observer(io.StringIO(), fmt="xml")

    def test_interface(self) -> None:
        """What is handed to Twisted is a log observer."""
        self.assertTrue(verifyObject(ILogObserver, logs.stream_observer(io.StringIO())))


class VerbatimTests(Case):
    """Lines that a processor wrote."""

    def test_as_it_is(self) -> None:
        """The line stands alone, with its own time and pid."""
        log, stream = self.logged()
        line = "2026-11-24 18:11:30,306 INFO   |1065|proactor.processor|Serving on 0.0.0.0:49152"
        log.info("{line}", verbatim=True, line=line)
        log.info("{line}", verbatim=True, line=line.encode() + b"\n")
        self.assertEqual(stream.getvalue(), f"{line}\n{line}\n")

    def test_a_format_is_none(self) -> None:
        """Braces in it are text."""
        log, stream = self.logged()
        log.info("{line}", verbatim=True, line="{line} {0} {")
        self.assertEqual(stream.getvalue(), "{line} {0} {\n")

    @examples(200)
    @given(st.binary())
    def test_any_bytes(self, line: bytes) -> None:
        """Whatever it is, it is one line that holds no control character but tabs."""
        log, stream = self.logged()
        log.info("{line}", verbatim=True, line=line)
        self.assertEqual(len(stream.getvalue().splitlines()), 1)
        self.assertNotRegex(stream.getvalue()[:-1], "[\x00-\x08\x0a-\x1f\x7f-\x9f]")

    def test_undecodable(self) -> None:
        """What is not UTF-8 is shown with backslashes."""
        log, stream = self.logged()
        log.info("{line}", verbatim=True, line=b"caf\xe9\t\xc3\xa9")
        self.assertEqual(stream.getvalue(), "caf\\xe9\t\u00e9\n")

    def test_json(self) -> None:
        """In JSON it is a message that says so, with whose it is."""
        log, stream = self.logged(fmt="json")
        log.info("{line}", verbatim=True, line=b"caf\xe9\n", guid="8d74")
        record = json.loads(stream.getvalue())
        self.assertEqual(
            [record[key] for key in ("message", "echo", "guid", "namespace", "pid")],
            ["caf\\xe9", True, "8d74", CONSOLE, None],
        )
        self.assertEqual(set(record) & {"line", "verbatim"}, set())

    def echoed(self, line: str) -> dict[str, Any]:
        log, stream = self.logged(fmt="json")
        log.info("{line}", verbatim=True, line=line, guid="8d74", module="m", pid=7)
        record: dict[str, Any] = json.loads(stream.getvalue())
        return record

    def test_json_of_our_format(self) -> None:
        """A line in our own format is a record with its own time, level, pid and namespace."""
        local = datetime(2026, 11, 24, 18, 11, 30, 306000)
        record = self.echoed(f"{local:%Y-%m-%d %H:%M:%S},306 WARNING|1065|ticker|a | b")
        self.assertEqual(
            record,
            {
                "time": local.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "level": "WARNING",
                "pid": 1065,
                "namespace": "ticker",
                "message": "a | b",
                "echo": True,
                "guid": "8d74",
                "module": "m",
            },
        )

    def test_json_of_nearly_our_format(self) -> None:
        """A line that only looks like it stays as it is."""
        for line in (
            "2026-13-24 18:11:30,306 INFO   |1065|ticker|no such month",
            "2026-11-24 18:11:30,306 LOUD   |1065|ticker|no such level",
            "2026-11-24 18:11:30,306 INFO   |x|ticker|no pid",
            "0001-01-01 00:00:00,000 INFO   |99999999999|ticker|no pid either",
        ):
            record = self.echoed(line)
            shown = [record[key] for key in ("message", "level", "pid", "namespace")]
            self.assertEqual(shown, [line, "INFO", 7, CONSOLE])

    @examples(200)
    @given(
        st.binary(), st.sampled_from(["", "2026-11-24 18:11:30,306 INFO   |1|x|", "0001-01-01 00:00:00,000 INFO |1|x|"])
    )
    def test_json_of_any_bytes(self, line: bytes, head: str) -> None:
        """Whatever bytes it is, it is one JSON object in ASCII, with all fields."""
        log, stream = self.logged(fmt="json")
        log.info("{line}", verbatim=True, line=head.encode() + line, guid="8d74")
        (text,) = stream.getvalue().splitlines()
        self.assertTrue(text.isascii())
        self.assertLessEqual({"time", "level", "pid", "namespace", "message", "guid"}, set(json.loads(text)))


class JSONTests(Case):
    """What the JSON of one event looks like."""

    def record(self, text: str, **fields: object) -> dict[str, Any]:
        stream = io.StringIO()
        logs.stream_observer(stream, fmt="json")(event(text, **fields))
        (line,) = stream.getvalue().splitlines()
        record: dict[str, Any] = json.loads(line, parse_constant=self.fail)
        return record

    def test_record(self) -> None:
        """A record has its time in UTC, and the event's fields as what they are."""
        record = self.record("{guid} {n} {x} {yes} {none}", guid="8d", n=3, x=0.5, yes=True, none=None)
        self.assertEqual(
            record,
            {
                "time": "2026-11-24T18:04:16.425Z",
                "level": "INFO",
                "pid": os.getpid(),
                "namespace": "proactor",
                "message": "8d 3 0.5 True None",
                "guid": "8d",
                "n": 3,
                "x": 0.5,
                "yes": True,
                "none": None,
            },
        )

    def test_own_names(self) -> None:
        """A field that is named like one of the record's stays, and does not pass for it."""
        record = self.record("gone", pid=1065, time=1, level="high", message="m", namespace="l")
        self.assertEqual((record["pid"], record["pid_"]), (os.getpid(), 1065))
        self.assertEqual(record["message"], "gone")
        self.assertEqual(record["level_"], "high")

    @examples(200)
    @given(
        st.one_of(
            st.text(),
            st.binary(),
            st.floats(),
            st.integers(),
            st.lists(st.floats()),
            st.builds(Unprintable),
            st.just(10**5000),
            st.just("\ud800\u2028"),
        )
    )
    def test_any_value(self, value: object) -> None:
        """No value breaks the record, which is one line of ASCII and JSON as the RFC has it."""
        log, stream = self.logged(fmt="json")
        log.info("x", value=value)
        self.assertTrue(stream.getvalue().isascii())
        self.assertEqual(len(stream.getvalue().splitlines()), 1)
        self.assertIn("value", json.loads(stream.getvalue(), parse_constant=self.fail))

    def test_failure(self) -> None:
        """A failure is text in a field."""
        log, stream = self.logged(fmt="json")
        try:
            fail("why")
        except ValueError:
            log.failure("It broke")
        record = json.loads(stream.getvalue())
        self.assertEqual(record["message"], "It broke")
        self.assertRegex(record["failure"], r"(?s)^Traceback.*ValueError: why$")

    def test_nothing_to_say(self) -> None:
        """An event without words makes no record."""
        log, stream = self.logged(fmt="json")
        log.info(None, count=1)
        self.assertEqual(stream.getvalue(), "")

    def test_legacy(self) -> None:
        """An event of Twisted's older API has its text and none of its machinery."""
        log, stream = self.logged(fmt="json", namespace="log_legacy")
        log.critical("{log_text}", log_text="old", isError=1, system="-", message=("old",))
        self.assertEqual(set(json.loads(stream.getvalue())), {"time", "level", "pid", "namespace", "message"})


class FilterTests(Case):
    """Who may say what."""

    def said(self, observer: logs.Observer, stream: io.StringIO) -> set[tuple[str, str]]:
        stream.truncate(stream.seek(0))
        for name in ("proactor.web", "my.module", "twisted.web.http", "log_legacy", "klein", "treq.api", "txlog"):
            for level in ("debug", "info", "warn"):
                Logger(name, observer=observer).emit(LogLevel.levelWithName(level), level)
        matches = [LINE.fullmatch(line) for line in stream.getvalue().splitlines()]
        return {(match["name"], match["message"]) for match in matches if match}

    def test_levels(self) -> None:
        """Ours and users' are heard from info on, libraries from warnings on; with ``debug`` everything is."""
        stream = io.StringIO()
        observer = logs.stream_observer(stream)
        quiet = {(name, "warn") for name in ("twisted.web.http", "log_legacy", "klein", "treq.api", "txlog")}
        quiet |= {(name, level) for name in ("proactor.web", "my.module") for level in ("info", "warn")}
        self.assertEqual(self.said(observer, stream), quiet)
        observer.levels.set("debug")
        self.assertEqual(len(self.said(observer, stream)), 21)
        observer.levels.set("info")
        self.assertEqual(self.said(observer, stream), quiet)
        observer.levels.set("error")
        self.assertEqual(self.said(observer, stream), set())

    def test_own_levels(self) -> None:
        """A namespace has a level of its own, with all below it, until there is none."""
        stream = io.StringIO()
        observer = logs.stream_observer(stream)
        observer.levels.set("error", {"proactor.web": "debug", "twisted": "info"})
        said = {("proactor.web", level) for level in ("debug", "info", "warn")}
        said |= {("twisted.web.http", level) for level in ("info", "warn")}
        self.assertEqual(self.said(observer, stream), said)
        observer.levels.set("error")
        self.assertEqual(self.said(observer, stream), set())

    def test_always(self) -> None:
        """What processors write, and that there is another level, is heard at any level."""
        for general in LEVELS:
            stream = io.StringIO()
            observer = logs.stream_observer(stream, levels=Levels(general))
            Logger(CONSOLE, observer=observer).info("{line}", line="x", verbatim=True)
            Logger(TOLD, observer=observer).info("y")
            self.assertEqual(len(stream.getvalue().splitlines()), 2, general)


class Failing(io.StringIO):
    """A stream without descriptor that fails while it is told to."""

    error: Exception | None = None

    def write(self, text: str) -> int:
        if self.error is not None:
            raise self.error
        return super().write(text)


class LostTests(SynchronousTestCase):
    """A stream that is gone."""

    def full(self) -> TextIO:
        stream = open("/dev/full", "w")  # noqa: SIM115
        self.addCleanup(stream.close)
        return stream

    def test_counted(self) -> None:
        """What was lost is said, once, when the stream works again."""
        stream = Failing()
        log = Logger("proactor", observer=logs.stream_observer(stream))
        stream.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        log.info("one")
        log.info("two")
        stream.error = None
        log.info("three")
        log.info("four")
        notice, three, four = stream.getvalue().splitlines()
        self.assertTrue(notice.endswith("|proactor.log|2 log entries could not be written: No space left on device"))
        self.assertIn("WARNING", notice)
        self.assertTrue(three.endswith("|three"))
        self.assertTrue(four.endswith("|four"))

    def test_counted_in_json(self) -> None:
        """The number is a field of the record, too."""
        stream = Failing()
        log = Logger("proactor", observer=logs.stream_observer(stream, fmt="json"))
        stream.error = ValueError("closed")
        log.info("one")
        stream.error = None
        log.info("two")
        self.assertEqual(json.loads(stream.getvalue().splitlines()[0])["lost"], 1)

    def test_closed(self) -> None:
        """A closed stream is like a full one."""
        stream = io.StringIO()
        log = Logger("proactor", observer=logs.stream_observer(stream))
        stream.close()
        log.info("x")

    def test_full_device(self) -> None:
        """A real device that has no space raises nothing, and nothing waits in a buffer for it."""
        stream = self.full()
        log = Logger("proactor", observer=logs.stream_observer(stream))
        for _ in range(3):
            log.info("x")
        stream.close()

    def test_broken_pipe(self) -> None:
        """A reader that went away raises nothing."""
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "w") as stream:
            Logger("proactor", observer=logs.stream_observer(stream)).info("x")

    def test_torn_line(self) -> None:
        """A line that was written by half is ended before the next."""
        read, write = os.pipe()
        os.set_blocking(write, False)
        os.set_blocking(read, False)
        with os.fdopen(write, "w") as stream, os.fdopen(read, "rb") as reader:
            log = Logger("proactor", observer=logs.stream_observer(stream))
            log.info("x" * (1 << 20))
            torn = reader.read()
            log.info("again")
            rest = reader.read()
        self.assertNotIn(b"\n", torn)
        empty, notice, again = rest.decode().split("\n")[:3]
        self.assertEqual(empty, "")
        self.assertIn("1 log entries could not be written", notice)
        self.assertTrue(again.endswith("|again"))

    def test_poor_encoding(self) -> None:
        """A stream of an encoding that lacks a character gets it with backslashes."""
        path = self.mktemp()
        with open(path, "w", encoding="ascii") as stream:
            Logger("proactor", observer=logs.stream_observer(stream)).info("é")
        self.assertTrue(Path(path).read_text().endswith("|\\xe9\n"))


class FileTests(SynchronousTestCase):
    """The log file of a daemon."""

    def observer(self, path: str, **options: Any) -> Logger:
        observer = logs.file_observer(path, **options)
        self.addCleanup(observer.stream.close)  # type: ignore[attr-defined]
        return Logger("proactor", observer=observer)

    def test_private_and_appended(self) -> None:
        """It is for its owner's eyes alone, also where it was not, and grows."""
        path = Path(self.mktemp())
        path.write_text("before\n")
        path.chmod(0o644)
        self.observer(str(path)).info("after ü")
        before, after = path.read_text("utf-8").splitlines()
        self.assertEqual(before, "before")
        self.assertTrue(after.endswith("|proactor|after ü"))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_rotated(self) -> None:
        """At its length it makes room; of the older ones so many stay, as private."""
        path = Path(self.mktemp())
        log = self.observer(str(path), rotate_length=100, keep=2)
        for number in range(10):
            log.info("{n}", n=str(number) * 100)
        names = sorted(each.name for each in path.parent.glob(path.name + "*"))
        self.assertEqual(names, [path.name, path.name + ".1", path.name + ".2"])
        self.assertIn("9" * 100, path.read_text())
        self.assertEqual({stat.S_IMODE((path.parent / name).stat().st_mode) for name in names}, {0o600})

    def test_closed(self) -> None:
        """One that was closed makes no call raise."""
        observer = logs.file_observer(self.mktemp())
        observer.stream.close()  # type: ignore[attr-defined]
        Logger("proactor", observer=observer).info("x")


class StartTests(SynchronousTestCase):
    """The begin of a process's log."""

    def test_begin(self) -> None:
        """What was logged before is written, prints arrive as lines, and so do warnings."""
        publisher, stream = LogPublisher(), io.StringIO()
        stdio = types.SimpleNamespace(stdout=io.StringIO(), stderr=io.StringIO())
        warnings = types.SimpleNamespace(showwarning=None)
        Logger("proactor", observer=publisher).info("early")
        beginner = LogBeginner(publisher, io.StringIO(), stdio, warnings)
        Logger("proactor", observer=publisher).info("buffered")
        logs.start_logging(stream, beginner=beginner)
        print("printed\nforged\r2026", file=stdio.stdout)
        print("wrong", file=stdio.stderr)
        warnings.showwarning("beware", UserWarning, "file.py", 1)
        matches = [LINE.fullmatch(line) for line in stream.getvalue().splitlines()]
        self.assertEqual(
            [(match["level"].strip(), match["name"], match["message"]) for match in matches if match],
            [
                ("INFO", "proactor", "buffered"),
                ("INFO", "stdout", "printed"),
                ("INFO", "stdout", "forged\\r2026"),
                ("ERROR", "stderr", "wrong"),
                ("WARNING", "twisted.logger._global", "file.py:1: builtins.UserWarning: beware"),
            ],
        )


PROGRAM = """
from twisted.logger import Logger
from proactor.log.writing import start_logging
start_logging()
Logger("proactor.processor").info("Read config...")
print("printed")
"""


class ProcessTests(TestCase):
    """A process of its own."""

    @inlineCallbacks
    def test_process(self) -> Any:
        """A program's log is on its standard output at once, its prints in it."""
        out, err, code = yield getProcessOutputAndValue(sys.executable, ["-c", PROGRAM], env=dict(os.environ))
        self.assertEqual((err, code), (b"", 0))
        first, second = out.decode().splitlines()
        self.assertTrue(first.endswith("|proactor.processor|Read config..."))
        self.assertTrue(second.endswith("|stdout|printed"))
