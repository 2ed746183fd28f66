"""Text for a processor's standard input."""

from __future__ import annotations

from configparser import ConfigParser, ExtendedInterpolation

from hypothesis import example, given
from hypothesis import strategies as st

from proactor.config.document import parse
from proactor.config.grammar import option_problem, value_problem
from proactor.config.render import render
from proactor.processor.configuration import read_section

from ..support.examples import examples
from .samples import A, Case

NAMES = st.one_of(
    st.sampled_from(["rate", "token", "a.b-c_d"]), st.from_regex(r"[a-z][a-z0-9_.-]{0,63}", fullmatch=True)
)
_LINE = st.one_of(
    st.text(st.sampled_from(" \t\u3000\xa0#;$[]{}=:%_aé'\"\\"), max_size=12),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20),
    st.sampled_from(["${_:empty}", "$${_:empty}", "[x]", "rem x", "${x}", "%(x)s", "a = b", f"[{A}]"]),
)
#: All that a value can come to: lines of anything that is printed, joined by references or in the file.
VALUES = st.lists(_LINE, min_size=1, max_size=4).map("\n".join)


def read(text: str, section: str) -> dict[str, str | None]:
    parser = ConfigParser(interpolation=ExtendedInterpolation(), allow_no_value=True)
    parser.read_string(text)
    assert set(parser.sections()) <= {section, "_"}
    return dict(parser[section])


class RenderTests(Case):
    """What is read back is what went in."""

    def test_plain(self) -> None:
        """Plain values look plain, and no helper is needed."""
        text = render(A, {"rate": "2", "empty": "", "cost": "5 $"})
        self.assertEqual(text, f"[{A}]\nrate = 2\nempty = \ncost = 5 $$\n")

    @given(st.dictionaries(NAMES, VALUES, max_size=5))
    @example({"x": ""})
    @example({"x": " "})
    @example({"x": "\n"})
    @example({"x": "\n\n a\n\n"})
    @example({"x": "#\n;\n[y]\ny = 1"})
    @example({"x": "${_:empty}", "y": "$${_:empty}"})
    @examples(500)
    def test_any_value(self, options: dict[str, str]) -> None:
        """By the standard library, and by our processors, with one section and no option more."""
        text = render(A, options)
        self.assertEqual(read(text, A), options)
        self.assertEqual(read_section(text, A), options)

    @given(st.dictionaries(NAMES, VALUES, max_size=5))
    @examples(200)
    def test_a_file_like_any(self, options: dict[str, str]) -> None:
        """It is a file that we would read ourselves."""
        document = parse(render(A, options), "standard input")
        self.assertEqual(list(document.sections[A]), list(options))

    @given(NAMES, VALUES)
    @examples(200)
    def test_what_is_tested(self, name: str, value: str) -> None:
        """The names and values above are those that the configuration lets in."""
        self.assertIsNone(option_problem(name))
        self.assertIsNone(value_problem(value, lines=True))
