from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Malformed
from proactor.logstore.stamps import moment, since

from ..support.examples import examples

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc).timestamp()


class StampCase(SynchronousTestCase):
    """Local time is an hour ahead."""

    def setUp(self) -> None:
        before = os.environ.get("TZ")
        self.addCleanup(self.set_zone, before)
        self.set_zone("XXX-1")

    def set_zone(self, name: str | None) -> None:
        os.environ.pop("TZ", None)
        if name is not None:
            os.environ["TZ"] = name
        time.tzset()


class MomentTests(StampCase):
    """The time that somebody asks for."""

    def test_given(self) -> None:
        """RFC 3339 with any zone, its plus sign lost in a URL or not, and seconds ago."""
        for text, expected in [
            ("2026-11-24T12:00:00Z", NOON),
            ("2026-11-24 12:00:00.5z", NOON + 0.5),
            ("2026-11-24t13:30:00.000000001+01:30", NOON),
            ("2026-11-24T13:00:00 01:00", NOON),
            ("2026-11-24T04:00:00-08:00", NOON),
            ("90", NOON - 90),
            ("0.25", NOON - 0.25),
        ]:
            self.assertEqual(moment(text, NOON), expected, text)

    def test_refused(self) -> None:
        """What is no time is refused in words, whatever it is."""
        for text in ["", "-5", "1e3", "nan", "yesterday", "2026-11-24", "2026-11-24T12:00:00", "2026-13-24T12:00:00Z",
                     "2026-11-24T12:00:00+99:00", "0001-01-01T00:00:00+01:00x", "²", "9" * 20]:  # fmt: skip
            self.assertIn("is no time", str(self.assertRaises(Malformed, moment, text, NOON)))

    @examples(200)
    @given(st.text(max_size=40))
    def test_any(self, text: str) -> None:
        """Any text is a time, or is refused."""
        try:
            self.assertIsInstance(moment(text, NOON), float)
        except Malformed as error:
            self.assertIn("is no time", str(error))


class SinceTests(StampCase):
    """Lines from a time on."""

    text = (
        b"noise 2026-11-24 14:00:00\n"
        b"2026-11-24 12:59:58,900 INFO   |1|x|old\n"
        b"  of it\n"
        b"2026-11-24 13:00:00,000 INFO   |1|x|noon\n"
        b'{"time": "2026-11-24T12:00:01.250Z", "message": "json"}\n'
        b"2026-99-24 13:00:00,000 no time\n"
        b"2026-11-24T13:00:02Z is an hour later"
    )

    def test_first(self) -> None:
        """It begins with the first line that is new enough; lines without a time belong to the one before."""
        for when, expected in [(0, b"2026-11-24 12:59"), (NOON - 1, b"2026-11-24 13"), (NOON + 0.5, b'{"time'),
                               (NOON + 2, b"2026-11-24T13:00:02")]:  # fmt: skip
            found = since(self.text, when) or b""
            self.assertTrue(found.startswith(expected), found)
            self.assertTrue(self.text.endswith(found))

    def test_none(self) -> None:
        """Where all are older there are none; where no line has a time, that is told."""
        self.assertEqual(since(self.text, NOON + 7200), b"")
        self.assertIsNone(since(b"a\nb\n", NOON))
        self.assertIsNone(since(b"", NOON))

    @examples(100)
    @given(st.lists(st.integers(0, 10**9)), st.integers(0, 10**9))
    def test_ascending(self, seconds: list[int], when: int) -> None:
        """Of lines in their order, those from the time on are given, and no others."""
        begin = datetime(2000, 1, 1)
        lines = [f"{begin + timedelta(seconds=each)},000 INFO\n".encode() for each in sorted(seconds)]
        wanted = [line for line, each in zip(lines, sorted(seconds), strict=True) if each >= when]
        found = since(b"".join(lines), (begin + timedelta(seconds=when)).timestamp())
        self.assertEqual(found, b"".join(wanted) if lines else None)
