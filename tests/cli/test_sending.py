"""Tests of what ``proactor send`` sends."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..client.support import Memory
from .support import typed_in

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
BINARY = "application/octet-stream"


class SendTests(SynchronousTestCase):
    """Of which type the data is."""

    def setUp(self) -> None:
        self.memory = Memory(self)
        self.job = self.memory.rig.create()

    def came(self, *words: str, stdin: bytes | None = None) -> tuple[object, bytes]:
        """What the receiver has got: its type, and its data."""
        found = typed_in(self.memory, "send", self.job.guid, *words, stdin=stdin)
        self.assertEqual(found.code, 0, found.err)
        _, message = self.memory.rig.deliveries.came[-1]
        return message.attributes.get("datacontenttype"), message.data

    def test_types(self) -> None:
        """An object or a list is JSON; anything else is the text that was typed, as it is for ``curl -d``."""
        self.assertEqual(self.came("hello"), (TEXT, b"hello"))
        self.assertEqual(self.came('{"a": 1}'), (JSON, b'{"a":1}'))
        self.assertEqual(self.came('{"a": 1}', "--text"), (TEXT, b'{"a": 1}'))
        for text in ("5", '"a"', "[NaN]", "[1e999", "[" * 5000):
            self.assertEqual(self.came(text), (TEXT, text.encode()))
        self.assertEqual(self.came(), (None, b""))

    def test_another_type(self) -> None:
        """A type that is said is that of the event, and the data what was typed."""
        self.assertEqual(self.came("[1, 2]", "-a", "datacontenttype=text/x"), ("text/x", b"[1, 2]"))
        self.assertEqual(self.came("a", "-a", f"datacontenttype={JSON}"), (JSON, b'"a"'))

    def test_standard_input(self) -> None:
        """So it is with standard input; what is no text comes as it is."""
        self.assertEqual(self.came("-", stdin="hé\n".encode()), (TEXT, "hé\n".encode()))
        self.assertEqual(self.came("-", stdin=b'[{"a": 1}]'), (JSON, b'[{"a":1}]'))
        self.assertEqual(self.came("-", stdin=b"\xff\x00"), (BINARY, b"\xff\x00"))
