"""Files, parsed."""

from __future__ import annotations

from configparser import ConfigParser, Error

from hypothesis import example, given
from hypothesis import strategies as st

from proactor.config.document import Document, Setting, decode, parse
from proactor.config.grammar import option_problem, section_problem, value_problem
from proactor.errors import ConfigError

from ..support.examples import examples
from .samples import INITIATOR, SEED, SOURCE, Case, parsed

_FORMER = "turberfield.ipc.demo.initiator"

#: Lines of which files are made that a parser may stumble over.
LINES = st.one_of(
    st.sampled_from(
        [
            "",
            "[DEFAULT]",
            "[a]",
            "[b]",
            "[a]]",
            "[]",
            "[a] ; b",
            "[a",
            "x = 1",
            "X : 2",
            "y",
            "y=",
            "= z",
            ":",
            "hash = #",
            "z = ${x} $$ ${a:x} $",
            "  more",
            "\tmore = 3",
            "    [c]",
            "# comment",
            "; comment",
            "  # comment",
            "x = 1\r",
            "\r",
        ]
    ),
    st.text(st.sampled_from("[]=:#; \t\r\x0b\x0c\x1c\x85\u2028\ufeffaAxİ0.-_$\x00"), max_size=8),
)
TEXTS = st.one_of(
    st.lists(LINES, max_size=12).map("\n".join),
    st.lists(LINES, max_size=12).map(lambda lines: "\n".join(["[a]", *lines])),
)


def by_stdlib(text: str) -> dict[str, dict[str, str | None]] | None:
    """What the standard library reads, DEFAULT's options in every section; ``None`` where it cannot."""
    parser = ConfigParser(interpolation=None, allow_no_value=True)
    try:
        parser.read_string(text)
    except (Error, AttributeError):  # the latter up to Python 3.12, for a line that continues no value
        return None
    return {name: dict(section) for name, section in parser.items()}


def merged(document: Document) -> dict[str, dict[str, str | None]]:
    texts = {name: {o: s.text for o, s in section.items()} for name, section in document.sections.items()}
    defaults = {option: setting.text for option, setting in document.defaults.items()}
    return {"DEFAULT": defaults, **{name: {**defaults, **section} for name, section in texts.items()}}


def has_problem(read: dict[str, dict[str, str | None]]) -> bool:
    return any(
        section_problem(name) or option_problem(option) or value_problem(text or "", lines=True)
        for name, section in read.items()
        for option, text in [("x", None), *section.items()]
    )


class SeedTests(Case):
    """The file that all began with."""

    def test_lines(self) -> None:
        """Every value is known with its line."""

        def setting(text: str, line: int) -> Setting:
            return Setting(text, SOURCE, line)

        expected = Document(
            SOURCE,
            {
                "host_scheme": setting("http", 2),
                "host_addr": setting("localhost", 3),
                "host_port": setting("8080", 4),
                "hash": setting("#", 5),
            },
            {
                _FORMER: {
                    "listen_addr": setting("0.0.0.0", 8),
                    "child_port_min": setting("49152", 9),
                    "child_port_max": setting("65536", 10),
                },
                "turberfield.ipc.demo.processor": {},
                INITIATOR: {
                    "listen_addr": setting(f"${{{_FORMER}:listen_addr}}", 15),
                    "child_port_min": setting(f"${{{_FORMER}:child_port_min}}", 16),
                    "child_port_max": setting(f"${{{_FORMER}:child_port_max}}", 17),
                    "listen_port": setting("8080", 18),
                },
            },
            {_FORMER: 7, "turberfield.ipc.demo.processor": 12, INITIATOR: 14},
        )
        self.assertEqual(parsed(SEED), expected)

    def test_order(self) -> None:
        """Sections and options keep the file's order."""
        document = parsed("[b]\nz = 1\na = 2\n[a]\n")
        self.assertEqual((list(document.sections), list(document.sections["b"])), (["b", "a"], ["z", "a"]))

    def test_line_ends_and_byte_order_mark(self) -> None:
        """A file from Windows is the same file."""
        data = b"\xef\xbb\xbf" + SEED.replace("\n", "\r\n").encode()
        self.assertEqual(parse(decode(data, SOURCE), SOURCE), parsed(SEED))


class ValueTests(Case):
    """What a value may look like."""

    def texts(self, text: str) -> dict[str, tuple[str | None, int | None]]:
        return {name: (each.text, each.line) for name, each in parsed(text).sections["a"].items()}

    def test_no_value(self) -> None:
        """An option that stands alone has no text; with a delimiter it has an empty one."""
        self.assertEqual(self.texts("[a]\nx\n\ny =\nz:\n"), {"x": (None, 2), "y": ("", 4), "z": ("", 5)})

    def test_several_lines(self) -> None:
        """A value over several lines, empty ones and comments among them, has the line of its option."""
        text = "[a]\nx = 1\n\n  # not this\n   2 = 3\n\t[b]\n\ny = 4\n"
        self.assertEqual(self.texts(text), {"x": ("1\n\n2 = 3\n[b]", 2), "y": ("4", 8)})

    def test_names_are_lower_case(self) -> None:
        """As in ``configparser``."""
        self.assertEqual(self.texts("[a]\nXy = Z\n"), {"xy": ("Z", 2)})

    def test_default_in_parts(self) -> None:
        """DEFAULT may stand in a file more than once, and after others."""
        document = parsed("[DEFAULT]\nx = 1\n[a]\n[DEFAULT]\ny = 2\n")
        self.assertEqual(document.defaults, {"x": Setting("1", SOURCE, 2), "y": Setting("2", SOURCE, 5)})

    def test_references_are_left_alone(self) -> None:
        """What stands between braces is for who resolves it."""
        self.assertEqual(self.texts("[a]\nx = ${b:y} $ $$\n"), {"x": ("${b:y} $ $$", 2)})


class ErrorTests(Case):
    """A file that is wrong is told where and how to mend it."""

    def error(self, text: str) -> ConfigError:
        error = self.assertRaises(ConfigError, parsed, text)
        assert isinstance(error, ConfigError)
        return error

    def test_duplicate_section(self) -> None:
        """Names the second."""
        self.assert_error(
            self.error("[a]\nx = 1\n[b]\n[a]\n"), line=4, section="a", says=["stands in the file already"]
        )

    def test_duplicate_option(self) -> None:
        """Names the second, in DEFAULT too, and in another case."""
        for header in ("[a]", "[DEFAULT]"):
            error = self.error(f"{header}\nx = 1\n\nX = 2\n")
            self.assert_error(error, line=4, section=header[1:-1], option="x", says=["remove one of the two"])

    def test_before_the_first_section(self) -> None:
        """A setting that is in no section."""
        self.assert_error(self.error("# fine\n\nx = 1\n[a]\n"), line=3, says=["begin with [DEFAULT]"])

    def test_header(self) -> None:
        """A header that is not closed, or names nothing, is told as that, wherever it stands."""
        for text, line in (("[a\nx = 1\n", 1), ("[a]\nx = 1\n[b\ny = 1\n", 3), ("[a]\n[b = 1\n", 2)):
            self.assert_error(self.error(text), line=line, says=["header that is not closed: a ] is missing"])
        for text, line in (("[]\n", 1), ("[a]\n[]\nx = 1\n", 2)):
            self.assert_error(self.error(text), line=line, says=["header without a name: write [NAME]"])

    def test_no_name(self) -> None:
        """A value without an option."""
        self.assert_error(self.error("[a]\nx = 1\n= 2\n"), line=3, says=["write option = value"])

    def test_continues_nothing(self) -> None:
        """An indented line behind an option without a value, which the standard library breaks at."""
        self.assert_error(self.error("[a]\nx\n  y = 1\n"), line=3, says=["do not indent"])

    def test_option_names(self) -> None:
        """A name outside of the grammar, shown so that it is one line."""
        for name in ("1x", "x y", "_x", "x$", "é", "x" * 65, "x\x1b"):
            error = self.error(f"[a]\n\n{name} = 1\n")
            self.assert_error(
                error, line=3, section="a", option=repr(name)[1:-1], says=["a lower-case letter, then up to 63"]
            )
        self.assertEqual(list(parsed(f"[a]\n{'x' * 64} = 1\n").sections["a"]), ["x" * 64])

    def test_characters_of_values(self) -> None:
        """Control characters and what others take for the end of a line, in a line of its own too."""
        for character in "\x00\x07\x0b\x0c\r\x1b\x1c\x7f\x85\u2028\u2029":
            error = self.error(f"[a]\ny = 1\n  2{character}3\n")
            code = f"U+{ord(character):04X}"
            self.assert_error(error, line=2, section="a", option="y", says=[code, "no control characters"])

    def test_a_tab_is_fine(self) -> None:
        """Inside of a value in a file."""
        self.assertEqual(parsed("[a]\nx = 1\t2\n").sections["a"]["x"].text, "1\t2")

    def test_characters_of_sections(self) -> None:
        """A section's name appears in logs and is one line of them."""
        for character in "\x00\r\x1b\x85\u2028":
            error = self.error(f"[a]\n[b{character}c]\n")
            name = repr(f"b{character}c")[1:-1]
            self.assert_error(error, line=2, section=name, says=[f"U+{ord(character):04X}"])

    def test_bytes(self) -> None:
        """What is not UTF-8, with its byte and its line, behind a byte order mark or not."""
        for mark in (b"", b"\xef\xbb\xbf"):
            error = self.assertRaises(ConfigError, decode, mark + b"[a]\nx = \xc3\xa9\ny = \xe9\n", SOURCE)
            self.assert_error(error, line=3, says=["0xe9", "not UTF-8"])

    def test_other_encodings(self) -> None:
        """UTF-16, as some editors save."""
        error = self.assertRaises(ConfigError, decode, "[a]\n".encode("utf-16"), SOURCE)
        self.assert_error(error, line=1, says=["0xff", "not UTF-8"])

    def test_no_secret(self) -> None:
        """A value that is refused for its characters is not repeated."""
        self.assertNotIn("hunter", str(self.error("[a]\npassword = hunter\x07two\n")))


class AgreementTests(Case):
    """The standard library decides what a file says."""

    @given(TEXTS)
    @example("[a]\nx\n  y\n")
    @example("[a]\nx\n\n  y\n")
    @example("[DEFAULT]\n[a]\n[DEFAULT]\nx\n")
    @examples(600)
    def test_any_text(self, text: str) -> None:
        """We read what it reads, or say what is wrong; never anything else."""
        read = by_stdlib(text)
        try:
            document = parse(text, SOURCE)
        except ConfigError as error:
            self.assertTrue(read is None or has_problem(read), error)
            self.assertEqual(error.source, SOURCE)
            self.assertIsInstance(error.line, int)
            return
        self.assertEqual(merged(document), read)

    @given(TEXTS)
    @examples(300)
    def test_lines(self, text: str) -> None:
        """Where we say that an option stands, it stands; the same for a section."""
        try:
            document = parse(text, SOURCE)
        except ConfigError:
            return
        lines = text.split("\n")
        for section in (document.defaults, *document.sections.values()):
            for name, setting in section.items():
                assert setting.line is not None
                self.assertTrue(lines[setting.line - 1].strip().lower().startswith(name), (name, setting))
        for name, line in document.lines.items():
            self.assertTrue(lines[line - 1].strip().startswith(f"[{name}]"))

    @given(st.binary(max_size=60))
    @examples(200)
    def test_any_bytes(self, data: bytes) -> None:
        """The same for bytes."""
        try:
            parse(decode(data, SOURCE), SOURCE)
        except ConfigError as error:
            self.assertTrue(str(error).startswith(f"{SOURCE}:"))
