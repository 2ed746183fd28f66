from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus, urlencode

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from proactor.errors import Malformed, Overtaken, ProactorError, UnsupportedCoding, UnsupportedType
from proactor.web import calls
from proactor.web.callers import Anonymous
from proactor.web.calls import FORM, JSON, MERGE_PATCH, Call
from proactor.web.table import Body

from ..support.examples import examples

#: What can be in a header's value.
header_text = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
spaces = st.sampled_from(["", " ", "  "])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
objects = st.dictionaries(
    st.text(), st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
)


def made(**values: str | list[str]) -> Headers:
    """Headers by their names, ``_`` for ``-``."""
    return Headers(
        {name.replace("_", "-"): [value] if isinstance(value, str) else value for name, value in values.items()}
    )


def typed(content_type: str) -> Headers:
    return made(Content_Type=content_type)


class PreferTests(SynchronousTestCase):
    """``Prefer: wait=N``."""

    def test_usual(self) -> None:
        """It is read as RFC 7240 writes it, the name in any case, a quoted number too."""
        for value in (
            "wait=10",
            "Wait=10",
            "respond-async, wait=10",
            "wait = 10",
            'wait="10"',
            "wait=10; x=y",
            "a=b,wait=10",
        ):
            self.assertEqual(calls.wait(made(Prefer=value)), 10.0, value)

    def test_several_headers(self) -> None:
        """The first of several counts, of one header or of two."""
        self.assertEqual(calls.wait(made(Prefer=["respond-async", "wait=3", "wait=4"])), 3.0)
        self.assertEqual(calls.wait(made(Prefer="wait=5, wait=6")), 5.0)

    def test_none(self) -> None:
        """What is no number of seconds is no wish to wait."""
        for value in (
            "",
            "wait",
            "wait=",
            "wait=-1",
            "wait=1.5",
            "wait=1e3",
            "wait=\xb2",
            "xwait=5",
            "x-wait=5",
            "wait=5x",
        ):
            self.assertIsNone(calls.wait(made(Prefer=value)), value)
        self.assertIsNone(calls.wait(Headers()))

    @examples(150)
    @given(
        before=st.lists(st.sampled_from(["respond-async", "a=b", 'c="d"', "handling=lenient; e"]), max_size=3),
        seconds=st.integers(0, 10**9 - 1),
        after=st.lists(st.sampled_from(["respond-async", "wait=7", "f=g"]), max_size=3),
        space=spaces,
    )
    def test_among_others(self, before: list[str], seconds: int, after: list[str], space: str) -> None:
        """It is found among other preferences."""
        value = f"{space},{space}".join([*before, f"wait{space}={space}{seconds}", *after])
        self.assertEqual(calls.wait(made(Prefer=value)), float(seconds))

    @examples(150)
    @given(value=header_text)
    def test_anything(self, value: str) -> None:
        """Anything else is passed over."""
        found = calls.wait(made(Prefer=value))
        self.assertTrue(found is None or 0 <= found < 10**9)


class ConditionTests(SynchronousTestCase):
    """``If-None-Match``, ``If-Match`` and ``Last-Event-ID``."""

    @examples(150)
    @given(
        tags=st.lists(
            st.integers(0, 10**18 - 1)
            | st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"'), max_size=5)
        ),
        weak=st.booleans(),
        space=spaces,
    )
    @example(tags=["1,2", "\u00b2", "+1", "-1", " 1"], weak=False, space="")
    def test_if_none_match(self, tags: list[int | str], weak: bool, space: str) -> None:
        """The revisions of all tags, weak or not; a tag that is none of ours matches nothing."""
        value = f"{space},{space}".join(f'{"W/" if weak else ""}"{tag}"' for tag in tags)
        expected = {int(tag) for tag in tags if isinstance(tag, int) or (tag.isascii() and tag.isdigit())}
        self.assertEqual(calls.if_none_match(made(If_None_Match=value)), expected)

    def test_no_tag(self) -> None:
        """What is no quoted tag matches nothing."""
        for value in ("", "*", "17", '"', "'17'", '"17', '17"'):
            self.assertEqual(calls.if_none_match(made(If_None_Match=value)), frozenset(), value)
        self.assertEqual(calls.if_none_match(Headers()), frozenset())

    def test_if_match(self) -> None:
        """One tag of ours is a revision; none, or ``*``, is no condition."""
        self.assertEqual(calls.if_match(made(If_Match='"17"')), 17)
        for headers in (Headers(), made(If_Match=""), made(If_Match="*"), made(If_Match=" * ")):
            self.assertIsNone(calls.if_match(headers))

    def test_if_match_of_strangers(self) -> None:
        """A tag that no answer of ours had is one that was overtaken."""
        for value in ('"abc"', '""', '"-1"', '"1.0"', f'"{"9" * 19}"', '"\xb2"'):
            self.assertRaises(Overtaken, calls.if_match, made(If_Match=value))

    def test_if_match_weak(self) -> None:
        """A weak tag never matches where something is to be changed (RFC 9110, 13.1.1)."""
        self.assertRaises(Overtaken, calls.if_match, made(If_Match='W/"17"'))

    def test_if_match_malformed(self) -> None:
        """A condition that cannot be understood is never passed over: another change would be made than was meant."""
        for value in ("17", '"17', '17"', "'17'", '"1", "2"', 'w/"17"', "* x"):
            self.assertRaises(Malformed, calls.if_match, made(If_Match=value))
        self.assertRaises(Malformed, calls.if_match, made(If_Match=['"1"', '"2"']))

    @examples(200)
    @given(value=header_text)
    def test_if_match_anything(self, value: str) -> None:
        """Whatever is sent is one revision, no condition, or an error of ours."""
        try:
            found = calls.if_match(made(If_Match=value))
        except (Malformed, Overtaken):
            return
        self.assertEqual(value.strip() in ("", "*"), found is None)
        self.assertTrue(found is None or value.strip() == f'"{value.strip()[1:-1]}"')

    def test_last_event(self) -> None:
        """The number of the last event; anything else is none."""
        self.assertEqual(calls.last_event(made(Last_Event_ID="17")), 17)
        for value in ("", "x", "-1", "1.5", "\xb2", "1,2", "9" * 19):
            self.assertIsNone(calls.last_event(made(Last_Event_ID=value)), value)
        self.assertIsNone(calls.last_event(Headers()))

    def test_events(self) -> None:
        """A stream of events is for who accepts one."""
        for value in ("text/event-stream", "application/json, Text/Event-Stream;q=0.9"):
            self.assertTrue(calls.wants_events(made(Accept=value)), value)
        for value in ("*/*", "text/*", "application/json", ""):
            self.assertFalse(calls.wants_events(made(Accept=value)), value)
        self.assertFalse(calls.wants_events(Headers()))


class QueryTests(SynchronousTestCase):
    """The query of a URL."""

    @examples(100)
    @given(
        pairs=st.lists(
            st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
        )
    )
    def test_any(self, pairs: list[tuple[str, str]]) -> None:
        """What is encoded comes back, by name, in order."""
        found = calls.query(urlencode(pairs).encode())
        self.assertEqual(list(found), list(dict.fromkeys(name for name, _ in pairs)))
        for name, values in found.items():
            self.assertEqual(values, [value for key, value in pairs if key == name])

    def test_as_typed(self) -> None:
        """What people type without encoding it is taken as it is meant: a lone ``%``, no value, letters of any
        language."""
        self.assertEqual(calls.query(b"batch=1&batch=10%&plan"), {"batch": ["1", "10%"], "plan": [""]})
        self.assertEqual(calls.query("name=Zoë&plan".encode()), {"name": ["Zoë"], "plan": [""]})
        self.assertEqual(calls.query(b""), {})

    def test_refused(self) -> None:
        """What is not UTF-8, or without end, is refused."""
        for raw in (b"a=%ff", b"%c3=1", b"a=\xc3", b"a=%ed%a0%80"):
            error = self.assertRaises(Malformed, calls.query, raw)
            self.assertEqual(str(error), "the query is not URL-encoded UTF-8")
        error = self.assertRaises(Malformed, calls.query, b"&".join([b"a=b"] * 1001))
        self.assertEqual(str(error), "the query has more than 1000 fields")

    def test_known(self) -> None:
        """A name that a route does not know is an error, or a typo would change what is done."""
        call = Call(Anonymous(), {}, query=calls.query(b"plan=1&bacth=2"))
        error = self.assertRaises(Malformed, call.known, "plan", "batch")
        self.assertEqual(str(error), "unknown query parameter 'bacth'; there are: plan, batch")
        error = self.assertRaises(Malformed, call.known)
        self.assertEqual(str(error), "unknown query parameter 'plan'; there are none here")
        call.known("plan", "bacth")

    def test_one(self) -> None:
        """A parameter that can be there once is not there twice."""
        call = Call(Anonymous(), {}, query=calls.query(b"a=1&b=2&b=3&c"))
        self.assertEqual([call.one(name) for name in "acd"], ["1", "", None])
        self.assertRaises(Malformed, call.one, "b")


class JsonTests(SynchronousTestCase):
    """Bodies of JSON."""

    def read(self, data: bytes, content_type: str = JSON) -> tuple[dict[str, Any], bool]:
        return calls.body(Body.FORM, typed(content_type), data)

    def refused(self, data: bytes, *parts: str, error: type[ProactorError] = Malformed) -> None:
        text = str(self.assertRaises(error, self.read, data))
        for part in parts:
            self.assertIn(part, text)

    @examples(150)
    @given(value=objects, ascii_=st.booleans())
    def test_any_object(self, value: dict[str, Any], ascii_: bool) -> None:
        """Every object comes back as it was, with no form about it."""
        data = json.dumps(value, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")
        try:
            data.decode()
        except UnicodeDecodeError:
            self.refused(data, "not UTF-8")
        else:
            self.assertEqual(self.read(data), (value, False))

    @examples(200)
    @given(
        data=st.binary(min_size=1)
        | st.text(alphabet='{}[]":,0123456789eE+-.truefalsnNIy\\ \n', min_size=1).map(str.encode)
    )
    @example(data=b"\xef\xbb\xbf{}")
    @example(data=b'{"a": 1} {"b": 2}')
    def test_any_bytes(self, data: bytes) -> None:
        """Whatever comes is an object, or refused with words of ours."""
        try:
            value, is_form = self.read(data)
        except Malformed as e:
            self.assertTrue(str(e).startswith("the body is"), str(e))
        else:
            self.assertEqual((json.loads(data), False), (value, is_form))

    def test_place(self) -> None:
        """Who makes a mistake is told where."""
        self.refused(b'{\n "rate": x}', "line 2", "column 10")

    def test_twice(self) -> None:
        """A name that is there twice is refused, at any depth: readers disagree on which counts (RFC 8259, 4)."""
        self.refused(b'{"a": 1, "a": 2}', "twice")
        self.refused(b'{"a": [{"b": 1, "\\u0062": 1}]}', "twice")

    def test_numbers(self) -> None:
        """What is no number of JSON, or none that can be kept, is refused."""
        for number in (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1" * 5000):
            self.refused(b'{"a": ' + number + b"}", "the body is not JSON that is read here")
        for number in (b"01", b"1.", b".5", b"0x1", b"+1"):
            self.refused(b'{"a": ' + number + b"}", "the body is not JSON")

    def test_own_words(self) -> None:
        """Nobody is told what a Python program would have to do."""
        for data, says in (
            (b'{"a": ' + b"1" * 5000 + b"}", f"{'1' * 20}... is a number of too many digits, 5000"),
            (b'{"a": -' + b"2" * 9000 + b"}", f"-{'2' * 19}... is a number of too many digits, 9000"),
            (b"\xef\xbb\xbf{}", "the body is not JSON that is read here: it begins with a byte order mark"),
            (b'{"a": ' + b"[" * 30_000, "the body is not JSON that is read here: it is nested too deep"),
        ):
            self.refused(data, says)
            text = str(self.assertRaises(Malformed, self.read, data))
            self.assertNotRegex(text, r"sys\.|utf-8-sig|recursion|\d{50}")

    def test_deep(self) -> None:
        """Nesting without end is refused, and costs no stack."""
        for data in (b'{"a":' * 30_000, b'{"a": ' + b"[" * 60_000, b'{"a": ' + b"[" * 30_000 + b"]" * 30_000 + b"}"):
            self.refused(data)

    def test_not_an_object(self) -> None:
        """Other JSON is refused."""
        for data in (b"[]", b'"a"', b"1", b"null", b"true"):
            self.refused(data, "not an object")

    def test_not_utf8(self) -> None:
        """Other encodings are refused, declared or not."""
        for data in (b'{"a": "\xff"}', '{"a": "é"}'.encode("latin-1"), '{"a": 1}'.encode("utf-16-le") + b"\xd8"):
            self.refused(data)
        self.assertRaises(UnsupportedType, self.read, b"{}", "application/json; charset=latin-1")
        for content_type in ("application/json; charset=utf-8", 'Application/JSON ;Charset="UTF-8"'):
            self.assertEqual(self.read(b"{}", content_type), ({}, False))


class FormTests(SynchronousTestCase):
    """Bodies that are forms."""

    @examples(100)
    @given(
        fields=st.dictionaries(
            st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")), min_size=1
        )
    )
    def test_any(self, fields: dict[str, str]) -> None:
        """Fields come back, each with all its texts."""
        data = urlencode(fields).encode()
        found, is_form = calls.body(Body.FORM, typed(FORM), data)
        self.assertEqual((found, is_form), ({name: [text] for name, text in fields.items()}, True))

    def test_twice(self) -> None:
        """A field that is there twice is kept twice, for whoever reads it to judge."""
        self.assertEqual(calls.body(Body.FORM, typed(FORM), b"a=1&a=2"), ({"a": ["1", "2"]}, True))

    def test_json_as_form(self) -> None:
        """``curl -d '{...}'`` without a type sends a form that is none: the remedy is named."""
        for data in (b'{"module": "a"}', b" [1]"):
            error = self.assertRaises(Malformed, calls.body, Body.FORM, typed(FORM), data)
            self.assertIn("add -H 'Content-Type: application/json'", str(error))

    def test_not_utf8(self) -> None:
        """What is not UTF-8 is refused."""
        for data in (b"a=%ff", b"a=\xff"):
            self.assertRaises(Malformed, calls.body, Body.FORM, typed(FORM), data)
        quoted = quote_plus("é".encode("latin-1")).encode()
        self.assertRaises(UnsupportedType, calls.body, Body.FORM, typed(f"{FORM};charset=iso-8859-1"), b"a=" + quoted)


class TypeTests(SynchronousTestCase):
    """Which types are read where."""

    def test_no_body(self) -> None:
        """No body is an empty object everywhere, whatever type it is said to be of."""
        for kind in Body:
            self.assertEqual(calls.body(kind, typed("image/png"), b""), ({}, False))

    def test_none_is_read(self) -> None:
        """A body where none is read is refused, and not passed over."""
        self.assertRaises(Malformed, calls.body, Body.NONE, typed(JSON), b"{}")

    def test_each(self) -> None:
        """Each kind of body takes its types and no others."""
        read = {
            kind: {
                type_
                for type_ in (FORM, JSON, MERGE_PATCH, "text/plain", "multipart/form-data; boundary=x", "")
                if self.takes(kind, type_)
            }
            for kind in (Body.FORM, Body.JSON, Body.MERGE_PATCH)
        }
        self.assertEqual(
            read, {Body.FORM: {FORM, JSON}, Body.JSON: {JSON}, Body.MERGE_PATCH: {MERGE_PATCH, JSON, FORM}}
        )

    def takes(self, kind: Body, type_: str) -> bool:
        try:
            calls.body(kind, typed(type_) if type_ else Headers(), b"a=b" if type_ == FORM else b"{}")
        except UnsupportedType as e:
            self.assertIn("send Content-Type: ", str(e))
            return False
        return True

    def test_two_types(self) -> None:
        """Two types are none."""
        headers = made(Content_Type=[JSON, FORM])
        self.assertRaises(UnsupportedType, calls.body, Body.FORM, headers, b"{}")

    def test_coding(self) -> None:
        """A body in a coding is not read, whatever is in it: it is never taken for what it is not."""
        for coding in ("gzip", "GZIP", "identity, gzip", ["gzip", "identity"], "deflate", "aes128gcm", "x"):
            headers = made(Content_Type=JSON, Content_Encoding=coding)
            for read, kind in ((calls.body, Body.JSON), (calls.sent, Body.EVENT)):
                error = self.assertRaises(UnsupportedCoding, read, kind, headers, b"{}")
                self.assertIn("is not read here: send it without any", str(error))
        for coding in ("identity", "Identity", "", "identity, identity"):
            headers = made(Content_Type=JSON, Content_Encoding=coding)
            self.assertEqual(calls.body(Body.JSON, headers, b'{"a": 1}'), ({"a": 1}, False))
            self.assertEqual(calls.sent(Body.EVENT, headers, b"a").data, b"a")

    def test_body_stays_out_of_repr(self) -> None:
        """A call's ``repr`` does not hold its body, where a secret may be."""
        self.assertNotIn("hunter2", repr(Call(Anonymous(), {}, body={"password": "hunter2"})))
