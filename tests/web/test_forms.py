from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Malformed, ProactorError, Refused
from proactor.web import forms
from proactor.web.callers import Anonymous
from proactor.web.calls import Call

from ..support.examples import examples

names = st.sampled_from(["module", "options", "options.", "options.rate", "options.a.b", "labels.x", "count", ".", ""])
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)


def form(*pairs: tuple[str, str]) -> Call:
    body: dict[str, list[str]] = {}
    for name, value in pairs:
        body.setdefault(name, []).append(value)
    return Call(Anonymous(), {}, body=body, is_form=True)


class PlainTests(SynchronousTestCase):
    """A form as the object that JSON would have been."""

    def read(self, *pairs: tuple[str, str]) -> dict[str, Any]:
        return forms.plain(form(*pairs), ("options", "labels"))

    def test_json(self) -> None:
        """JSON is taken as it is, and may be changed without harm to the call."""
        call = Call(Anonymous(), {}, body={"options.rate": 1, "options": {"rate": 2}})
        forms.plain(call, ("options",)).clear()
        self.assertEqual(forms.plain(call, ("options",)), {"options.rate": 1, "options": {"rate": 2}})

    def test_groups(self) -> None:
        """``group.name`` fields are members of the group; of a name with more dots, the first parts them."""
        pairs = (("module", "m"), ("options.rate", "2"), ("options.a.b", "3"), ("labels.x", "y"), ("other.z", "4"))
        self.assertEqual(
            self.read(*pairs),
            {"module": "m", "options": {"rate": "2", "a.b": "3"}, "labels": {"x": "y"}, "other.z": "4"},
        )
        self.assertEqual(forms.plain(form(*pairs[1:3]), ()), {"options.rate": "2", "options.a.b": "3"})

    def test_twice(self) -> None:
        """A field that is there twice is refused."""
        error = self.assertRaises(Malformed, self.read, ("module", "a"), ("module", "a"))
        self.assertEqual(str(error), "the field 'module' is there more than once")
        self.assertRaises(Malformed, self.read, ("options.a", "1"), ("options.a", "2"))

    def test_group_by_itself(self) -> None:
        """A field that is named like a group is refused, whatever comes first."""
        for pairs in (
            [("options", "x"), ("options.rate", "2")],
            [("options.rate", "2"), ("options", "x")],
            [("options", "x")],
        ):
            error = self.assertRaises(Refused, lambda pairs=pairs: forms.texts(self.read(*pairs), "options"))
            self.assertEqual(str(error), "options: must be an object of texts")

    @examples(200)
    @given(pairs=st.lists(st.tuples(names, st.text(max_size=3)), max_size=6, unique_by=lambda pair: pair[0]))
    def test_any(self, pairs: list[tuple[str, str]]) -> None:
        """No form breaks it: every field's text is found again in its place, or it is refused."""
        read = self.read(*pairs)
        for name, text in pairs:
            group, dot, member = name.partition(".")
            if dot and group in ("options", "labels"):
                try:
                    self.assertEqual(forms.texts(read, group)[member], text)
                except Refused:
                    self.assertIn(group, dict(pairs))
            elif name not in ("options", "labels"):
                self.assertEqual(read[name], text)


class MemberTests(SynchronousTestCase):
    """Members, each of its type."""

    def test_known(self) -> None:
        """A member that is not known is refused, with those that are."""
        error = self.assertRaises(Refused, forms.known, {"modul": 1}, ("module", "count"))
        self.assertEqual(str(error), "'modul' is not known here; there are: module, count")
        forms.known({"count": 1}, ("module", "count"))

    def test_text(self) -> None:
        """A text is one, or none."""
        self.assertEqual(forms.text({"a": "b"}, "a"), "b")
        self.assertIsNone(forms.text({}, "a"))
        self.assertIsNone(forms.text({"a": None}, "a"))
        others: tuple[Any, ...] = (1, True, [], {}, "x" * (64 * 1024 + 1))
        for value in others:
            self.assertRaises(Refused, forms.text, {"a": value}, "a")

    def test_whole(self) -> None:
        """A whole number within its range, as such or as a text."""
        good: tuple[Any, ...] = (3, "3", "003")
        for value in good:
            self.assertEqual(forms.whole({"a": value}, "a", 1, 5), 3)
        bad: tuple[Any, ...] = (0, 6, "0", "6", -1, "-1", "", "x", "3.0", 3.0, True, [], "\u0663", "9" * 30, " 3")
        for value in bad:
            error = self.assertRaises(Refused, forms.whole, {"a": value}, "a", 1, 5)
            self.assertEqual(str(error), "a: must be a whole number from 1 to 5")
        self.assertIsNone(forms.whole({}, "a", 1, 5))

    def test_texts(self) -> None:
        """An object of scalars becomes one of texts: numbers in digits, flags as the configuration has them."""
        given_ = {"a": "x", "b": 1, "c": 2.5, "d": True, "e": False}
        self.assertEqual(forms.texts({"o": given_}, "o"), {"a": "x", "b": "1", "c": "2.5", "d": "yes", "e": "no"})
        self.assertEqual(forms.texts({}, "o"), {})
        self.assertEqual(forms.texts({"o": None}, "o"), {})
        for value in ("x", 1, [], ["a"]):
            self.assertRaises(Refused, forms.texts, {"o": value}, "o")
        members: tuple[Any, ...] = (None, [], {})
        for member in members:
            error = self.assertRaises(Refused, forms.texts, {"o": {"a": member}}, "o")
            self.assertEqual(str(error), "o.a: must be a text, a number, true or false")

    @examples(200)
    @given(body=st.dictionaries(st.just("a"), values | st.lists(values) | st.dictionaries(st.text(max_size=3), values)))
    def test_any(self, body: dict[str, Any]) -> None:
        """Whatever JSON holds is of the type that is asked for, or refused in words of ours."""
        for read in (
            lambda: forms.text(body, "a"),
            lambda: forms.whole(body, "a", 0, 9),
            lambda: forms.texts(body, "a"),
            lambda: forms.known(body, ()),
        ):
            with contextlib.suppress(ProactorError):
                read()
