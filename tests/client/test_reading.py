"""Tests of reading records as values."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proactor.client import Event, Explanation, Resources, Unintelligible
from proactor.client.reading import read, read_many

EVENT: dict[str, Any] = {
    "id": 1,
    "time": "2026-11-24T18:04:16.425Z",
    "event": "running",
    "guid": None,
    "cause": "",
    "because": None,
    "actor": "x",
    "new": "what a later version says",
}


class ReadTests(SynchronousTestCase):
    """A record becomes a value, or it is said what is wrong with it."""

    def test_read(self) -> None:
        """What is not known is kept in the record; what may be missing may."""
        event = read(Event, EVENT)
        self.assertEqual(event.time, datetime(2026, 11, 24, 18, 4, 16, 425000, timezone.utc))
        self.assertEqual((event.module, event.record["new"]), (None, "what a later version says"))

    def test_whole_number(self) -> None:
        """A whole number is a number."""
        record = {"cpu_percent": 1, "rss": 2, "descriptors": None, "threads": 1, "children": 0}
        self.assertEqual(read(Resources, record).cpu_percent, 1.0)

    def test_wrong(self) -> None:
        """A member that is missing or of another type is named."""
        options = {"rate": {"value": "1", "chain": [{"section": 3}]}}
        wrong: list[tuple[type, Any, str]] = [
            (Event, [], "is no JSON object"),
            (Event, {name: value for name, value in EVENT.items() if name != "id"}, "has no id"),
            (Event, {**EVENT, "id": "1"}, "id of the answer is str, not int"),
            (Event, {**EVENT, "id": True}, "id of the answer is bool, not int"),
            (Event, {**EVENT, "time": "noon"}, "time of the answer is no time"),
            (
                Explanation,
                {"guid": "", "revision": 1, "held_at": None, "options": options},
                "section of chain of rate of options of the answer is int",
            ),
        ]
        for kind, record, message in wrong:
            error = self.assertRaises(Unintelligible, read, kind, record)
            self.assertIn(message, str(error))

    def test_list(self) -> None:
        """Of a list it is said which; what is no list is none."""
        self.assertEqual(len(read_many(Event, [EVENT, EVENT])), 2)
        self.assertIn("number 2 of", str(self.assertRaises(Unintelligible, read_many, Event, [EVENT, 1])))
        self.assertRaises(Unintelligible, read_many, Event, {})
