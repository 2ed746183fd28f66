# mypy: allow-untyped-calls
"""Declared options: their types, ranges, texts and JSON form."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Refused, Rejected
from proactor.options import Option, Options, is_secret, is_steering, secret_globs

from .support.examples import examples

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
WORD = st.text("abcXYZ0189._-$#;", min_size=1, max_size=8)


@st.composite
def declarations(draw: st.DrawFn) -> Option:
    """Declarations that hold, of every type, with a range or choices that the default is in."""
    name = draw(st.from_regex(r"[a-z][a-z0-9_.-]{0,20}", fullmatch=True).filter(lambda name: not is_steering(name)))
    kind = draw(st.sampled_from([str, int, float, bool, tuple]))
    values: Any = {
        str: WORD,
        int: st.integers(-(10**9), 10**9),
        float: NUMBERS,
        bool: st.booleans(),
        tuple: st.lists(st.from_regex("[a-z]{1,5}", fullmatch=True), max_size=3).map(tuple),
    }[kind]
    default = draw(st.none() | values)
    extra: dict[str, Any] = {}
    if kind in (int, float) and default is not None:
        extra = draw(
            st.sampled_from(
                [{}, {"minimum": default}, {"maximum": default, "exclusive_minimum": default - abs(default) - 1}]
            )
        )
    elif kind is str:
        extra = draw(st.sampled_from([{}, {"choices": [default or "a", "other"]}]))
    flags = draw(st.fixed_dictionaries({"live": st.booleans(), "help": st.text(max_size=20)}))
    more: dict[str, Any] = {**extra, **flags}
    return Option(name, kind, default, **more)


class ParseTests(SynchronousTestCase):
    """``Option.parse``."""

    def assert_rejected(self, option: Option, text: str, reason: str) -> None:
        """Check the reason, word by word."""
        rejected = self.assertRaises(Rejected, option.parse, text)
        self.assertEqual((rejected.option, rejected.reason), (option.name, reason))

    def test_types(self) -> None:
        """Each type reads its text."""
        read = [
            (Option("a"), "x y", "x y"),
            (Option("a"), "", ""),
            (Option("a", int), "-25", -25),
            (Option("a", float), "2.5", 2.5),
            (Option("a", float), "1e3", 1000.0),
            (Option("a", bool), "YES", True),
            (Option("a", bool), "off", False),
            (Option("a", tuple), "red, green  blue", ("red", "green", "blue")),
            (Option("a", tuple), "", ()),
        ]
        for option, text, value in read:
            self.assertEqual(option.parse(text), value)
            self.assertIs(type(option.parse(text)), type(value))

    def test_configparsers_words(self) -> None:
        """A flag is written as ``configparser`` reads it."""
        from configparser import ConfigParser  # noqa: PLC0415

        for word, flag in ConfigParser.BOOLEAN_STATES.items():
            self.assertIs(Option("a", bool).parse(word), flag)

    def test_reason_says_what_is_right(self) -> None:
        """Who reads a rejection knows what to write instead."""
        self.assert_rejected(Option("a", float), "abc", "'abc' is not a number; a number like 2.5 is right")
        self.assert_rejected(Option("a", int), "2.5", "'2.5' is not a whole number; one like 25 is right")
        self.assert_rejected(Option("a", bool), "", "'' is not one of yes, true, on, 1, no, false, off, 0")
        self.assert_rejected(Option("a", float, exclusive_minimum=0), "0", "must be > 0")
        self.assert_rejected(Option("a", int, minimum=1), "0", "must be >= 1")
        self.assert_rejected(Option("a", int, maximum=9), "10", "must be <= 9")
        self.assert_rejected(Option("a", float, exclusive_maximum=1), "1.0", "must be < 1")
        self.assert_rejected(Option("a", choices=["x", "y"]), "z", "must be one of x, y")
        self.assert_rejected(Option("a", tuple, choices=["x", "y"]), "x z", "must be among x, y")

    def test_no_number(self) -> None:
        """Neither NaN nor infinity, nor what only Python takes for a number, is a number."""
        for text in ("nan", "inf", "-Infinity", "1e999", "1_0.5", "", "٣", "0x10", "2,5"):
            self.assertRaises(Rejected, Option("a", float).parse, text)
        for text in ("1_000", "", "٣", "0x10", "1" * 5000, "--1"):
            self.assertRaises(Rejected, Option("a", int).parse, text)

    def test_long_text(self) -> None:
        """A reason stays short, whatever was given."""
        rejected = self.assertRaises(Rejected, Option("a", int).parse, "x" * 10_000)
        self.assertLess(len(rejected.reason), 150)

    def test_secret(self) -> None:
        """The text of a secret is in no reason."""
        for option in (Option("pin", int, secret=True), Option("api_key", int), Option("db_password", float)):
            rejected = self.assertRaises(Rejected, option.parse, "hush")
            self.assertNotIn("hush", str(rejected))
        options = Options((Option("pin", int),))
        rejected = self.assertRaises(Rejected, options.check, {"pin": "hush", "secret_options": "p*"})
        self.assertEqual(rejected.reason, "the value is not a whole number; one like 25 is right")

    @given(declarations())
    @examples(200)
    def test_text_reads_back(self, option: Option) -> None:
        """What a default is written as reads back as that default."""
        if option.default is not None:
            self.assertEqual(option.parse(option.text(option.default)), option.default)

    @given(st.text(max_size=30), declarations())
    @examples(300)
    def test_any_text(self, text: str, option: Option) -> None:
        """Any text is a value of the type, in the range, or rejected."""
        try:
            value = option.parse(text)
        except Rejected as rejected:
            self.assertEqual(rejected.option, option.name)
        else:
            self.assertIs(type(value), option.type)
            self.assertEqual(option.parse(option.text(value)), value)


class DeclarationTests(SynchronousTestCase):
    """What ``Option`` itself refuses, for who writes one to find out at once."""

    def test_contradictions(self) -> None:
        """A declaration that contradicts itself does not come into being."""
        contradictions: list[tuple[Any, dict[str, Any]]] = [
            (("Rate", float), {}),
            (("", str), {}),
            (("a" * 65, str), {}),
            (("rate", complex), {}),
            (("rate", float, "1"), {}),
            (("rate", int, 1.5), {}),
            (("rate", int, True), {}),
            (("rate", float, float("nan")), {}),
            (("rate", str, ("a",)), {}),
            (("rate", tuple, "a"), {}),
            (("rate", tuple, ("a b",)), {}),
            (("rate", str, " a"), {}),
            (("rate", str, "a\nb"), {}),
            (("rate", float, 0.0), {"exclusive_minimum": 0}),
            (("rate", str, "z"), {"choices": ["x"]}),
            (("rate", str), {"minimum": 1}),
            (("rate", int), {"maximum": "9"}),
            (("rate", int), {"choices": ["x"]}),
            (("rate", str), {"choices": "xyz"}),
            (("rate", str), {"live": "no"}),
            (("rate", str), {"help": None}),
        ]
        for arguments, extra in contradictions:
            with self.assertRaises(ValueError, msg=f"{arguments} {extra}") as caught:
                Option(*arguments, **extra)
            self.assertIn(repr(arguments[0]), str(caught.exception))

    def test_twice(self) -> None:
        """An option is declared once, and what the initiator sets not at all."""
        self.assertRaises(ValueError, Options, (Option("a"), Option("a", int)))
        for name in ("guid", "token", "revision", "module", "command", "listen_port", "parent_url"):
            self.assertRaises(ValueError, Options, (Option(name),))

    def test_whole_default(self) -> None:
        """The default of a number is one of its type, however it is written."""
        self.assertIs(type(Option("rate", float, 1).default), float)

    def test_requirement(self) -> None:
        """What is right is said in a few words."""
        option = Option("rate", float, exclusive_minimum=0, maximum=10)
        self.assertEqual(option.requirement(), "float, > 0, <= 10")
        self.assertEqual(Option("a", choices=("x", "y")).requirement(), "str, one of x, y")

    def test_empty(self) -> None:
        """No value is written as the empty text."""
        self.assertEqual(Option("a", int).text(None), "")


class OptionsTests(SynchronousTestCase):
    """All options of a processor together."""

    options = Options(
        (Option("rate", float, 1.0, exclusive_minimum=0), Option("workers", int, 2, live=False), Option("label"))
    )

    def test_check(self) -> None:
        """Declared options are typed, with their defaults; any other passes as the text that it is."""
        values = self.options.check({"rate": "2", "colour": "red"})
        self.assertEqual(values, {"rate": 2.0, "workers": 2, "label": None, "colour": "red"})

    def test_all_or_nothing(self) -> None:
        """One wrong option is reason enough, the first that was declared."""
        rejected = self.assertRaises(Rejected, self.options.check, {"workers": "many", "rate": "-1", "colour": "red"})
        self.assertEqual(str(rejected), "rate: must be > 0")

    def test_pending(self) -> None:
        """Of what is for the next start only what has another value waits for it."""
        old = self.options.check({"workers": "2"})
        for raw, names in [
            ({"workers": "+2"}, ()),
            ({}, ()),
            ({"workers": "3"}, ("workers",)),
            ({"rate": "5"}, ()),
        ]:
            self.assertEqual(self.options.pending(old, self.options.check(raw)), names)

    def test_secrets(self) -> None:
        """An option is secret because it is declared so, or by its name."""
        options = Options((Option("pin", int, secret=True),))
        names = ["pin", "token", "db_password", "my_secret_thing", "api_key", "rate", "keys"]
        self.assertEqual(options.secrets(names), {"pin", "token", "db_password", "my_secret_thing", "api_key"})
        self.assertEqual(options.secrets(names, ("ra*",)), {"pin", "token", "rate"})

    def test_secret_globs(self) -> None:
        """``secret_options`` takes the place of the usual globs, even when it is empty; ``token`` stays secret."""
        self.assertEqual(secret_globs({}), ("token", "*password*", "*secret*", "*_key"))
        self.assertEqual(secret_globs({"secret_options": "a*, b*"}), ("a*", "b*"))
        self.assertEqual(secret_globs({"secret_options": ""}), ())
        self.assertTrue(is_secret("token", ()))
        self.assertFalse(is_secret("password", ()))


class JSONTests(SynchronousTestCase):
    """The form in which declarations travel to the initiator."""

    def test_form(self) -> None:
        """A declaration is a flat object, without what is at its default."""
        option = Option("rate", float, 1.0, exclusive_minimum=0, live=False, help="Ticks a second.")
        self.assertEqual(
            option.to_json(),
            {
                "name": "rate",
                "type": "float",
                "default": 1.0,
                "exclusive_minimum": 0,
                "live": False,
                "help": "Ticks a second.",
            },
        )
        self.assertEqual(
            Option("tags", tuple, ("a",), choices=("a", "b")).to_json(),
            {"name": "tags", "type": "words", "default": ["a"], "choices": ["a", "b"]},
        )

    def test_secret_default(self) -> None:
        """The default of a secret stays where it is declared."""
        option = Option("pin", int, 1234, secret=True)
        self.assertEqual(option.to_json(), {"name": "pin", "type": "int", "secret": True})

    @given(st.lists(declarations(), max_size=4, unique_by=lambda option: option.name))
    @examples(100)
    def test_there_and_back(self, declared: list[Option]) -> None:
        """What arrives checks as what was sent."""
        options = Options(declared)
        self.assertEqual(Options.from_json(json.loads(json.dumps(options.to_json()))), options)

    def test_unknown_keys(self) -> None:
        """A processor of another version may say more than is known here."""
        option = Option.from_json({"name": "rate", "type": "int", "unit": "Hz", "minimum": 1})
        self.assertEqual(option, Option("rate", int, minimum=1))

    def test_malformed(self) -> None:
        """What is no declaration is refused as malformed, whatever it is."""
        documents: list[Any] = [
            None,
            {},
            [1],
            [{}],
            [{"name": 1}],
            [{"name": "a", "type": "complex"}],
            [{"name": "a", "type": []}],
            [{"name": "a", "type": "int", "default": {}}],
            [{"name": "a", "type": "int", "minimum": float("nan")}],
            [{"name": "a", "type": "int", "minimum": 10**400}],
            [{"name": "a", "type": "float", "default": 10**400}],
            [{"name": "a", "choices": [[1]]}],
            [{"name": "a"}, {"name": "a"}],
            [{"name": "token"}],
        ]
        for document in documents:
            self.assertRaises(Refused, Options.from_json, document)

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )

    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from(["name", "type", "default", "minimum", "maximum", "choices", "live", "secret", "help"]),
                json_values | st.sampled_from(["int", "float", "str", "bool", "words", "rate"]),
            ),
            max_size=2,
        )
    )
    @examples(300)
    def test_any_json(self, document: list[dict[str, Any]]) -> None:
        """Whatever arrives is declarations that can be used, or malformed."""
        try:
            options = Options.from_json(document)
        except Refused:
            return
        self.assertEqual(Options.from_json(options.to_json()), options)
