"""CloudEvents: what is one, and how it goes over HTTP."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Malformed, Refused
from proactor.messaging.cloudevents import (
    CloudEvent,
    check,
    from_headers,
    from_structured,
    is_json,
    is_media_type,
    read_object,
    read_time,
    to_headers,
)

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/job/a", "type": "t"}
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
VALUES = TEXTS | st.booleans() | st.integers(-(2**31), 2**31 - 1)
NAMES = st.from_regex("[a-z0-9]{1,20}", fullmatch=True).filter(lambda name: name not in ("data", "datacontenttype"))


class AttributeTests(SynchronousTestCase):
    """What the attributes may be."""

    def test_right(self) -> None:
        """What the specification allows is taken."""
        check(EVENT)
        more = {
            "subject": "ä/b",
            "time": "2026-11-24T12:00:00.123456789+01:00",
            "datacontenttype": 'text/plain; charset="utf-8"',
            "dataschema": "https://example.com/schema#v1",
            "mine": 3,
            "flag": True,
        }
        check({**EVENT, **more})

    def test_wrong(self) -> None:
        """What it does not is refused, by name."""
        for name, value in (
            ("specversion", "0.3"),
            ("specversion", None),
            ("id", ""),
            ("id", 7),
            ("source", "a b"),
            ("source", ""),
            ("type", None),
            ("subject", ""),
            ("time", "yesterday"),
            ("time", "2026-13-01T00:00:00Z"),
            ("expirytime", "3"),
            ("datacontenttype", "json"),
            ("dataschema", "relative"),
            ("mine", 2**31),
            ("mine", 1.5),
            ("mine", ["a"]),
            ("mine", "a\nb"),
            ("mine", "\ud800"),
            ("Mine", "a"),
            ("my_own", "a"),
            ("data", "a"),
            ("mine", "x" * 9000),
        ):
            with self.assertRaises(Refused) as caught:
                check({**EVENT, name: value})
            self.assertTrue(str(caught.exception), name)

    def test_times(self) -> None:
        """Times are read in any zone; a leap second is the last one before it."""
        noon = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
        for text in ("2026-11-24T12:00:00Z", "2026-11-24t13:00:00.000+01:00"):
            self.assertEqual(read_time(text), noon)
        self.assertEqual(read_time("2016-12-31T23:59:60Z"), datetime(2016, 12, 31, 23, 59, 59, tzinfo=timezone.utc))
        for wrong in ("", "2026-11-24", "2026-11-24T12:00:00", "2026-02-30T12:00:00Z", "0001-01-01T00:00:00+10:00"):
            self.assertIsNone(read_time(wrong))

    def test_types(self) -> None:
        """It is known of a media type whether it is one, and of JSON."""
        self.assertEqual([is_json(each) for each in ("a/b+json; x=y", "Application/JSON", "text/plain", None)],
                         [True, True, False, False])  # fmt: skip
        self.assertEqual([is_media_type(each) for each in ("a/b", "a/b;c=d", "a", "a/b;c")], [True, True, False, False])


class HeaderTests(SynchronousTestCase):
    """The binary mode."""

    @given(st.dictionaries(NAMES, VALUES, max_size=6))
    def test_there_and_back(self, attributes: dict[str, Any]) -> None:
        """What goes as headers is what comes of them, as texts; and headers are printable ASCII."""
        headers = to_headers(attributes)
        self.assertTrue(all(value.isascii() and value.isprintable() and " " not in value for _, value in headers))
        texts = {
            name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in attributes.items()
        }
        self.assertEqual(from_headers(headers), texts)

    def test_written_otherwise(self) -> None:
        """Values may be quoted, names in any case; other headers are none."""
        headers = [("CE-Subject", '"a \\"b\\""'), ("Content-Type", "a/b"), ("ce-x", "%C3%A4")]
        self.assertEqual(from_headers(headers), {"subject": 'a "b"', "x": "ä"})
        self.assertEqual(to_headers({"datacontenttype": "a/b"}), [("content-type", "a/b")])
        for wrong in ([("ce-a", "%ff")], [("ce-a", "1"), ("Ce-A", "1")]):
            self.assertRaises(Malformed, from_headers, wrong)


class StructuredTests(SynchronousTestCase):
    """The structured mode."""

    def test_data(self) -> None:
        """Data is JSON, a text, or bytes in base64; nothing where it is null."""
        for more, kind, data in (
            ({"data": {"a": "ä"}}, "application/json", '{"a":"ä"}'.encode()),
            ({"data": "a"}, "application/json", b'"a"'),
            ({"data": "a", "datacontenttype": "text/plain"}, "text/plain", b"a"),
            ({"data": [1], "datacontenttype": "a/b+json"}, "a/b+json", b"[1]"),
            ({"data_base64": b64encode(b"\xff").decode()}, None, b"\xff"),
            ({"data": None, "subject": None}, None, b""),
        ):
            event = from_structured({**EVENT, **more})
            self.assertEqual((event.attributes.get("datacontenttype"), event.data), (kind, data))
            check(event.attributes)

    def test_wrong(self) -> None:
        """What is neither is refused."""
        for more in (
            {"data": 1, "data_base64": "YQ=="},
            {"data_base64": "a"},
            {"data_base64": 3},
            {"data": {}, "datacontenttype": "text/plain"},
            {"datacontenttype": 3},
            {"data": "\ud800"},
        ):
            self.assertRaises(Refused, from_structured, {**EVENT, **more})

    def test_text(self) -> None:
        """An attribute is told as text."""
        event = CloudEvent({"a": True, "b": 3})
        self.assertEqual([event.text(name) for name in "abc"], ["true", "3", None])

    def test_object(self) -> None:
        """What is no JSON object is said to be none."""
        for wrong in (b"", b"[]", b"\xff", b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": 1e999}', b"[" * 100_000):
            self.assertRaises(Malformed, read_object, wrong)
