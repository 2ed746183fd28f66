"""References, resolved."""

from __future__ import annotations

from configparser import ConfigParser, ExtendedInterpolation, InterpolationError
from itertools import product

from hypothesis import example, given
from hypothesis import strategies as st

from proactor.config.document import Setting
from proactor.config.grammar import DEFAULT
from proactor.config.interpolation import (
    MAX_DEPTH,
    MAX_LENGTH,
    Malformed,
    Reference,
    Resolved,
    Resolver,
    escaped,
    template,
)
from proactor.config.layers import Layers
from proactor.errors import ConfigError

from ..support.examples import examples
from .samples import Case, parsed

SECTIONS = (DEFAULT, "a", "b")
OPTIONS = ("x", "y", "z", "k")

_TARGETS = [*OPTIONS, "X", "nothing", *(f"{s}:{o}" for s, o in product((*SECTIONS, "none", ""), (*OPTIONS, "Y")))]
PIECES = st.one_of(
    st.sampled_from(["$$", "text", " ", "é", "{", "}", "#"]),
    st.sampled_from([f"${{{target}}}" for target in _TARGETS]),
)
#: What resolves nowhere.
ODD = st.sampled_from(["$", "$x", "${", "${}", "${x", "${a:x:y}", "${:x}", "${x}}", "$${x}", "$$$", "${ x }", "${a:}"])
VALUES = st.one_of(
    st.lists(PIECES, max_size=3).map("".join),
    st.tuples(st.lists(PIECES, max_size=2), ODD).map(lambda parts: "".join([*parts[0], parts[1]])),
)
CONTENTS = st.dictionaries(
    st.sampled_from(SECTIONS), st.dictionaries(st.sampled_from(OPTIONS), VALUES, max_size=4), min_size=3, max_size=3
)


def written(contents: dict[str, dict[str, str]]) -> str:
    lines: list[str] = []
    for section, options in contents.items():
        lines += [f"[{section}]", *(f"{name} = {text}" for name, text in options.items())]
    return "\n".join(lines) + "\n"


def by_stdlib(text: str) -> ConfigParser:
    parser = ConfigParser(interpolation=ExtendedInterpolation(), allow_no_value=True)
    parser.read_string(text)
    return parser


def value(parser: ConfigParser, section: str, option: str) -> str | None:
    """What it says; ``None`` where it refuses."""
    try:
        return parser[section][option]
    except InterpolationError:
        return None


def resolver(text: str) -> Resolver:
    return Layers(parsed(text)).resolver()


def resolved(text: str, section: str = "a", option: str = "x") -> Resolved:
    found = resolver(text).resolve(section, option)
    assert found is not None
    return found


def chain(references: int, end: str = "end") -> str:
    """An option x0 that comes to ``end`` over so many references."""
    links = [f"x{number} = ${{x{number + 1}}}" for number in range(references)]
    return "\n".join(["[a]", *links, f"x{references} = {end}", ""])


class TemplateTests(Case):
    """A text in pieces."""

    def test_pieces(self) -> None:
        """What stands for itself, and what refers."""
        self.assertEqual(
            template("a${x}$$b${s.t:Y}"),
            ("a", Reference(None, "x"), "$", "b", Reference("s.t", "y")),
        )
        self.assertEqual(template(""), ())

    def test_malformed(self) -> None:
        """A ``$`` that begins nothing is told what it should be."""
        for text in ("$", "a$", "$x", "${", "${}", "$ {x}", "$$$"):
            self.assertIn("'$$'", str(self.assertRaises(Malformed, template, text)), text)
        self.assertIn("more than one ':'", str(self.assertRaises(Malformed, template, "${a:b:c}")))

    @given(st.text())
    @examples(200)
    def test_escaped(self, text: str) -> None:
        """What is escaped stands for itself."""
        pieces = template(escaped(text))
        self.assertEqual("".join(piece for piece in pieces if isinstance(piece, str)), text)
        self.assertTrue(all(isinstance(piece, str) for piece in pieces))


class AgreementTests(Case):
    """The standard library decides what a reference comes to."""

    @given(CONTENTS)
    @example({DEFAULT: {"x": "1"}, "a": {"y": "${none:x}"}, "b": {}})
    @example({DEFAULT: {"x": "${y}"}, "a": {"y": "1"}, "b": {"y": "${a:x}"}})
    @examples(500)
    def test_any_references(self, contents: dict[str, dict[str, str]]) -> None:
        """Values, DEFAULT fallen back on, own and other sections; what it refuses is refused."""
        text = written(contents)
        parser, ours = by_stdlib(text), resolver(text)
        for section, option in _places(text):
            expected = value(parser, section, option)
            if expected is None:
                error = self.assertRaises(ConfigError, ours.resolve, section, option)
                self.assertIsInstance(error.line, int)
            else:
                found = ours.resolve(section, option)
                self.assertEqual(found and found.text, expected)

    def test_depth(self) -> None:
        """Ten references one behind the other are taken and eleven are not, as there."""
        self.assertEqual(by_stdlib(chain(MAX_DEPTH))["a"]["x0"], "end")
        self.assertEqual(resolved(chain(MAX_DEPTH), option="x0"), Resolved("end", MAX_DEPTH, False))
        self.assertRaises(InterpolationError, by_stdlib(chain(MAX_DEPTH + 1)).get, "a", "x0")
        error = self.assertRaises(ConfigError, resolved, chain(MAX_DEPTH + 1), option="x0")
        self.assertIn("more than 10 references", str(error))

    def test_depth_of_what_is_known(self) -> None:
        """The same whichever option of the chain was resolved first."""
        for references, fails in ((MAX_DEPTH, False), (MAX_DEPTH + 1, True)):
            ours = resolver(chain(references))
            for number in range(references, 0, -1):
                self.assertIsNotNone(ours.resolve("a", f"x{number}"))
            if fails:
                error = self.assertRaises(ConfigError, ours.resolve, "a", "x0")
                self.assert_error(error, line=2, section="a", option="x0", value="${x1}", says=["more than 10"])
            else:
                self.assertIsNotNone(ours.resolve("a", "x0"))

    def test_depth_over_two_ways(self) -> None:
        """The longer way counts, whichever comes first."""
        for text in ("${end}${x1}", "${x1}${end}"):
            config = chain(MAX_DEPTH + 1).replace("x0 = ${x1}", f"x0 = {text}") + "end = 1\n"
            self.assertRaises(ConfigError, resolved, config, option="x0")

    def test_escape_at_the_end(self) -> None:
        """A ``$$`` is no reference, so that it takes nothing of the depth."""
        self.assertEqual(resolved(chain(MAX_DEPTH, "$$"), option="x0").text, "$")

    def test_no_value(self) -> None:
        """An option that stands alone is empty where it is referred to, which the standard library breaks at."""
        self.assertEqual(resolved("[a]\ny\nx = (${y})\n").text, "()")


class RefusalTests(Case):
    """References that lead nowhere."""

    def error(self, text: str, section: str = "a", option: str = "x") -> ConfigError:
        error = self.assertRaises(ConfigError, resolved, text, section, option)
        assert isinstance(error, ConfigError)
        return error

    def test_missing(self) -> None:
        """An option that is not set, in its own section or another."""
        error = self.error("[a]\nx = 1${y}\n")
        self.assert_error(error, line=2, section="a", option="x", value="1${y}", says=["${y}", "set y in [a]"])
        error = self.error("[b]\n[a]\nx = ${b:y}\n")
        self.assert_error(error, line=3, section="a", option="x", value="${b:y}", says=["${b:y}", "set y in [b]"])

    def test_missing_section(self) -> None:
        """A section that is not there is nothing, though DEFAULT has such an option."""
        for name in ("none", ""):
            error = self.error(f"[DEFAULT]\ny = 1\n[a]\nx = ${{{name}:y}}\n")
            value = f"${{{name}:y}}"
            self.assert_error(error, line=4, section="a", option="x", value=value, says=[f"no section [{name}]"])

    def test_place_of_the_fault(self) -> None:
        """Is where the wrong reference stands, not where it was reached from."""
        error = self.error("[DEFAULT]\ny = ${z}\n[b]\n[a]\nx = ${b:y}\n")
        self.assert_error(error, line=2, section="b", option="y", value="${z}")

    def test_circles(self) -> None:
        """Are shown."""
        self.assertIn("refers to itself: a:x -> a:x", str(self.error("[a]\nx = ${x}\n")))
        text = "[a]\nx = ${b:y}\n[b]\ny = ${z}\nz = ${a:x}\n"
        self.assertIn("refers to itself: a:x -> b:y -> b:z -> a:x", str(self.error(text)))

    def test_runaway_in_length(self) -> None:
        """What would come to gigabytes is refused at 64 KiB."""
        links = [f"x{number} = {f'${{x{number + 1}}}' * 10}" for number in range(10)]
        error = self.error("\n".join(["[a]", *links, "x10 = 0123456789", ""]), option="x0")
        self.assertIn("more than 64 KiB", str(error))

    def test_runaway_in_time(self) -> None:
        """Ten billion references are looked up once for each that is written."""
        settings_ = {f"x{number}": Setting(f"${{x{number + 1}}}" * 10, "test") for number in range(10)}
        settings_["x10"] = Setting("", "test")
        asked: list[str] = []

        def lookup(section: str, option: str) -> Setting | None:
            asked.append(option)
            return settings_.get(option)

        found = Resolver(lookup, lambda _: True, lambda _: False).resolve("a", "x0")
        self.assertEqual(found, Resolved("", 10, False))
        self.assertEqual(len(asked), 101)

    def test_length(self) -> None:
        """64 KiB are taken, in UTF-8, and not a byte more; whether they are referred to or written."""
        most = "é" * (MAX_LENGTH // 2)
        self.assertEqual(resolved(f"[a]\nx = {most}\n").text, most)
        half = "é" * (MAX_LENGTH // 4)
        self.assertEqual(resolved(f"[a]\ny = {half}\nx = ${{y}}${{y}}\n").text, most)
        for text in (f"[a]\nx = {most}1\n", f"[a]\ny = {half}\nx = ${{y}}1${{y}}\n"):
            self.assertIn("more than 64 KiB", str(self.error(text)))

    def test_what_failed_fails_again(self) -> None:
        """A resolver that refused once is as good as new."""
        ours = resolver("[a]\nx = ${y}\ny = ${x}\nz = 1\n")
        first = str(self.assertRaises(ConfigError, ours.resolve, "a", "x"))
        self.assertEqual(str(self.assertRaises(ConfigError, ours.resolve, "a", "x")), first)
        self.assertEqual(ours.resolve("a", "z"), Resolved("1", 0, False))

    def test_long_values_are_cut(self) -> None:
        """An error is fit to read."""
        self.assertLess(len(str(self.error(f"[a]\nx = {'0' * 70000}\n"))), 300)


class SecretTests(Case):
    """A secret stays one in all that it goes into."""

    def test_taint(self) -> None:
        """By its own name, over one reference, over more; a neighbour is none."""
        text = "[b]\npassword = p\nurl = u:${password}\n[a]\nx = ${b:url}\ny = ${b:z}\n[DEFAULT]\nz = 1\ntoken = t\n"
        ours = resolver(text)
        secret = {(s, o): (found := ours.resolve(s, o)) and found.secret for s, o in _places(text)}
        self.assertEqual(
            {place for place, is_secret in secret.items() if is_secret},
            {("b", "password"), ("b", "url"), ("a", "x"), ("a", "token"), ("b", "token"), (DEFAULT, "token")},
        )

    def test_empty_secrets(self) -> None:
        """An option that nothing of a secret went into but its emptiness is secret all the same."""
        self.assertTrue(resolved("[a]\npassword =\nx = ${password}\n").secret)

    def test_errors(self) -> None:
        """The text of a secret is in no error, the option's name is."""
        error = self.assertRaises(ConfigError, resolved, "[a]\nx = ${password}\npassword = pa$word\n")
        self.assert_error(error, line=3, section="a", option="password", says=["write '$$'"])
        self.assertNotIn("pa$", str(error))


def _places(text: str) -> list[tuple[str, str]]:
    parser = ConfigParser(interpolation=None)
    parser.read_string(text)
    return [(section, option) for section in parser for option in parser[section]]
