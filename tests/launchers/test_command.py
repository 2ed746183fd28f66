from __future__ import annotations

import os
import pwd
import shlex

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Refused
from proactor.launchers.command import MARK, check_command, command_line, environment, takes_socket

from ..support.examples import examples

GUID = "8d740c16d9b8419aa7417f7da6deb039"
STANDARD = ("--guid", GUID, "--port", "5000", "--fd", "3")

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), max_size=20)
PROGRAMS = TEXT.filter(lambda text: text.strip() == text and text != "" and not text.startswith("-"))
LINES = TEXT.map(str.strip).filter(bool)
PLACEHOLDERS = {"{guid}": GUID, "{port}": "5000", "{fd}": "3", "{python}": "/usr/bin/python"}
PIECES = st.lists(
    st.one_of(TEXT.map(lambda text: (text, False)), st.sampled_from([*PLACEHOLDERS]).map(lambda p: (p, True)))
)
ENVIRONMENTS = st.dictionaries(
    st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True) | st.sampled_from(["PATH", "PROACTOR_TOKEN", MARK]),
    TEXT,
)


def line(command: str | None) -> tuple[str, ...]:
    return command_line("my.module", command, GUID, 5000, 3, "/usr/bin/python")


def doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


class CommandLineTests(SynchronousTestCase):
    """The command line of a processor."""

    def refused(self, command: str, *parts: str) -> None:
        for ask in (line, check_command):
            text = str(self.assertRaises(Refused, ask, command))
            for part in ("command: ", *parts):
                self.assertIn(part, text)

    def test_module(self) -> None:
        """Without a command the module is run, with the arguments that a processor takes."""
        self.assertEqual(line(None), ("/usr/bin/python", "-m", "my.module", *STANDARD))

    def test_placeholders(self) -> None:
        """Placeholders are replaced wherever they stand in an argument, and nothing is put behind then."""
        self.assertEqual(
            line("{python} x.py --bind fd://{fd} {guid}:{port}"),
            ("/usr/bin/python", "x.py", "--bind", "fd://3", f"{GUID}:5000"),
        )

    def test_standard_arguments(self) -> None:
        """A command that has none of the processor's own things gets them all; the interpreter is no such thing."""
        self.assertEqual(line("perl x.pl -v"), ("perl", "x.pl", "-v", *STANDARD))
        self.assertEqual(line("{python} x.py"), ("/usr/bin/python", "x.py", *STANDARD))
        for name in ("{guid}", "{port}", "{fd}"):
            self.assertNotIn("--fd", line(f"perl {name}"))

    def test_no_shell(self) -> None:
        """What a shell would act on is an argument like any other."""
        for odd in ("$HOME", "`id`", "$(id)", "*", ">", "x;", "|", "&", "#", "~"):
            self.assertEqual(line(f"echo {odd} {{fd}}"), ("echo", odd, "3"))

    def test_quoted(self) -> None:
        """Quotation holds an argument together, an empty one too."""
        self.assertEqual(line("""run 'a b' "c'd" e\\ f '' {fd}"""), ("run", "a b", "c'd", "e f", "", "3"))

    def test_lines(self) -> None:
        """On several lines each is an argument as it stands, quotation marks and white space included."""
        self.assertEqual(line("\nrun\n--name\na 'b\n\n  c \\ d\n{fd}"), ("run", "--name", "a 'b", "c \\ d", "3"))

    def test_one_line_below(self) -> None:
        """One line below the option is one line."""
        self.assertEqual(line("\nrun {fd}"), ("run", "3"))

    def test_braces(self) -> None:
        """A doubled brace is a brace, next to a placeholder too."""
        self.assertEqual(line("run {{fd}} {{{fd}}} }}{{"), ("run", "{fd}", "{3}", "}{"))

    def test_unknown_placeholder(self) -> None:
        """What is in braces and unknown is refused with those that there are."""
        for wrong in ("{token}", "{}", "{", "}", "{fd", "fd}", "{{fd}", "{fd}}", "{ fd }", "{fd!r}", "{0}"):
            self.refused(f"run {wrong}", "{guid} {port} {fd} {python}", "doubled")

    def test_long_placeholder(self) -> None:
        """Of what is in braces no more is shown than helps."""
        text = str(self.assertRaises(Refused, line, "run {" + "x" * 5000 + "}"))
        self.assertLess(len(text), 300)

    def test_open_quotation(self) -> None:
        """A quotation without an end is refused with the two ways out."""
        self.refused("run 'a b", "close", "one argument a line")
        self.refused("run a\\", "one argument a line")

    def test_empty(self) -> None:
        """A command of nothing is refused."""
        for nothing in ("", "  ", "\n\n "):
            self.refused(nothing, "name a program")

    def test_no_program(self) -> None:
        """One that begins with an option, or an empty program, is refused."""
        for wrong in ("--port {port}", "'' {port}", "-c x"):
            self.refused(wrong, "name one first")

    def test_nul(self) -> None:
        """What no argument can hold is refused before it is started."""
        self.refused("run a\0b", "NUL")

    def test_socket(self) -> None:
        """One that is told the port, and not the descriptor, binds the port itself."""
        for command in (None, "run", "run {fd}", "run {fd} {port}", "run {guid}", "run {{port}}"):
            self.assertTrue(takes_socket(command), command)
        for command in ("run {port}", "run :{port} {guid} {{fd}}", "run\n0.0.0.0:{port}"):
            self.assertFalse(takes_socket(command), command)
        self.assertRaises(Refused, takes_socket, "run {")

    @given(PROGRAMS, st.lists(TEXT))
    @examples(200)
    def test_any_arguments(self, program: str, arguments: list[str]) -> None:
        """Whatever an argument is, quoted and with its braces doubled it arrives as it was."""
        argv = [program, *arguments]
        self.assertEqual(line(doubled(shlex.join(argv))), (*argv, *STANDARD))

    @given(PROGRAMS, st.lists(LINES, min_size=1))
    @examples(200)
    def test_any_lines(self, program: str, arguments: list[str]) -> None:
        """The same on a line of its own, without any quotation."""
        argv = [program, *arguments]
        self.assertEqual(line(doubled("\n".join(argv))), (*argv, *STANDARD))

    @given(PROGRAMS, PIECES)
    @examples(200)
    def test_any_placeholders(self, program: str, pieces: list[tuple[str, bool]]) -> None:
        """What is filled in is not looked at again, and what is not a placeholder stays."""
        written = "".join(text if placeholder else doubled(text) for text, placeholder in pieces)
        meant = "".join(PLACEHOLDERS[text] if placeholder else text for text, placeholder in pieces)
        found = line(f"{shlex.quote(doubled(program))} {shlex.quote(written)}")
        self.assertEqual(found[:2], (program, meant))
        own = {text for text, placeholder in pieces if placeholder} - {"{python}"}
        self.assertEqual(found[2:], () if own else STANDARD)

    @given(st.text())
    @examples(300)
    def test_any_value(self, command: str) -> None:
        """Any value at all is a command line, or is refused; never anything else."""
        try:
            argv = line(command)
        except Refused:
            self.assertRaises(Refused, check_command, command)
            return
        self.assertTrue(argv[0])
        self.assertNotIn("\0", "".join(argv))
        takes_socket(command)


class EnvironmentTests(SynchronousTestCase):
    """The environment of a processor."""

    def refused(self, options: dict[str, str], *parts: str) -> None:
        text = str(self.assertRaises(Refused, environment, {}, options, True))
        for part in (*options, *parts):
            self.assertIn(part, text)

    def test_inherited(self) -> None:
        """It is the initiator's, with output that comes at once, and without the operator's token."""
        initiators = {"PATH": "/bin", "A": "1", "PROACTOR_TOKEN": "hush", "PROACTOR_URL": "http://x"}
        expected = {"PATH": "/bin", "A": "1", "PROACTOR_URL": "http://x", "PYTHONUNBUFFERED": "1"}
        self.assertEqual(environment(initiators, {"rate": "2"}, True), expected)

    def test_called_like_secrets(self) -> None:
        """What is called like a secret is not inherited, whatever its case, unless a section says so."""
        initiators = {
            "PATH": "/bin",
            "DB_PASSWORD": "a",
            "aws_secret_access_key": "b",
            "TOKEN": "c",
            "PROACTOR_TOKEN": "d",
        }
        own = {"PATH": "/bin", "PYTHONUNBUFFERED": "1"}
        self.assertEqual(environment(initiators, {}, True), own)
        for globs in (("DB_PASSWORD",), ("db_*", "x")):
            self.assertEqual(environment(initiators, {}, True, passed=globs), {**own, "DB_PASSWORD": "a"})
        found = environment(initiators, {}, True, passed=("*",))
        self.assertEqual(found, {**own, "DB_PASSWORD": "a", "aws_secret_access_key": "b", "TOKEN": "c"})

    def test_own_words_for_secrets(self) -> None:
        """Which names are secret is for the option to say, but for the token."""
        initiators = {"DB_PASSWORD": "a", "PIN_CODE": "b", "token": "c"}
        found = environment(initiators, {"secret_options": "pin*"}, True)
        self.assertEqual(found, {"DB_PASSWORD": "a", "PYTHONUNBUFFERED": "1"})

    def test_passed_without_inheritance(self) -> None:
        """What a section names is passed on where nothing else is."""
        initiators = {"PATH": "/bin", "A": "1", "API_KEY": "2", "B": "3"}
        found = environment(initiators, {}, False, passed=("api_key", "b"))
        self.assertEqual(found, {"PATH": "/bin", "API_KEY": "2", "B": "3", "PYTHONUNBUFFERED": "1"})

    def test_not_inherited(self) -> None:
        """Without inheritance there is the search path, the mark by which it is found, and what is set."""
        initiators = {"PATH": "/bin", "A": "1", "PROACTOR_TOKEN": "hush", MARK: "ours"}
        expected = {"PATH": "/bin", MARK: "ours", "PYTHONUNBUFFERED": "1", "B": "2"}
        self.assertEqual(environment(initiators, {"env.b": "2"}, False), expected)
        self.assertEqual(environment({}, {}, False), {"PYTHONUNBUFFERED": "1"})

    def test_set(self) -> None:
        """An option sets the variable of its name in upper case."""
        found = environment({"PATH": "/bin"}, {"env.lang": "C", "env.path": "/usr/bin"}, True)
        self.assertEqual(found, {"PATH": "/usr/bin", "LANG": "C", "PYTHONUNBUFFERED": "1"})

    def test_case(self) -> None:
        """A variable that is there keeps its name, however it is written; all that differ in case alone are meant."""
        initiators = {"http_proxy": "a", "Mixed": "b", "no_proxy": "c", "NO_PROXY": "d"}
        found = environment(initiators, {"env.http_proxy": "1", "env.mixed": "2", "env.no_proxy": "3"}, True)
        self.assertEqual(
            found, {"http_proxy": "1", "Mixed": "2", "no_proxy": "3", "NO_PROXY": "3", "PYTHONUNBUFFERED": "1"}
        )

    def test_case_of_what_is_not_inherited(self) -> None:
        """Without inheritance names depend on nothing of the initiator's."""
        found = environment({"http_proxy": "a"}, {"env.http_proxy": "1"}, False)
        self.assertEqual(found, {"HTTP_PROXY": "1", "PYTHONUNBUFFERED": "1"})

    def test_removed(self) -> None:
        """An empty value takes a variable away, ours too; one that is not there is no matter."""
        options = {"env.a": "", "env.b": "", "env.pythonunbuffered": "", "env.path": ""}
        self.assertEqual(environment({"PATH": "/bin", "A": "1", "C": "3"}, options, True), {"C": "3"})

    def test_unbuffered_is_a_default(self) -> None:
        """What the initiator has, or a section says, is as it is."""
        self.assertEqual(environment({"PYTHONUNBUFFERED": "0"}, {}, True), {"PYTHONUNBUFFERED": "0"})
        self.assertEqual(environment({}, {"env.pythonunbuffered": "x"}, True), {"PYTHONUNBUFFERED": "x"})

    def test_secrets(self) -> None:
        """A variable that is called like a secret is refused, with what to do; its value is not in the answer."""
        for option in ("env.db_password", "env.api_key", "env.my_secret", "env.token"):
            self.refused({option: "hush-hush"}, "standard input", "without 'env.'")
            text = str(self.assertRaises(Refused, environment, {}, {option: "hush-hush"}, True))
            self.assertNotIn("hush-hush", text)

    def test_own_globs(self) -> None:
        """What is secret is for the section's option to say; a glob can speak of the whole name."""
        self.assertEqual(environment({}, {"env.my_key": "a", "secret_options": "x"}, False)["MY_KEY"], "a")
        for glob in ("pin*", "env.p*"):
            self.assertRaises(Refused, environment, {}, {"env.pin": "1", "secret_options": glob}, True)

    def test_names(self) -> None:
        """What is no name of a variable is refused."""
        for option in ("env.", "env.a-b", "env.a.b", "env.1a", "env.A", "env.a b"):
            self.refused({option: "1"}, "letters, digits")

    def test_ours(self) -> None:
        """A section can neither give the operator's token nor hide a process."""
        for name in ("PROACTOR_TOKEN", MARK):
            self.refused({f"env.{name.lower()}": "1"}, name)

    def test_nul(self) -> None:
        """What no variable can hold is refused before anything is started."""
        self.refused({"env.a": "b\0c"}, "NUL")

    def test_user(self) -> None:
        """Who runs as another user has that one's home, not the initiator's; a section has the last word."""
        user = pwd.getpwuid(os.geteuid())
        found = environment({"HOME": "/x", "USER": "x"}, {"env.logname": "y"}, True, user.pw_name)
        self.assertEqual((found["HOME"], found["USER"], found["LOGNAME"]), (user.pw_dir, user.pw_name, "y"))

    def test_no_user(self) -> None:
        """A user that there is not is named."""
        for name in ("no-such-user", "a\0b", ""):
            self.assertIn(repr(name), str(self.assertRaises(Refused, environment, {}, {}, True, name)))

    @given(ENVIRONMENTS, ENVIRONMENTS, st.booleans())
    @examples(200)
    def test_any(self, initiators: dict[str, str], wanted: dict[str, str], inherit: bool) -> None:
        """Whatever there is and is asked for: no token is in it, each that is set is, none that is taken away."""
        lowered = {name.lower(): value for name, value in wanted.items()}
        options = {f"env.{name}": value for name, value in lowered.items()}
        try:
            found = environment(initiators, options, inherit)
        except Refused:
            self.assertTrue(
                any(name in {"token", "proactor_token", MARK.lower()} or name.endswith("_key") for name in lowered)
            )
            return
        self.assertNotIn("PROACTOR_TOKEN", found)
        for name, value in lowered.items():
            self.assertEqual({found[each] for each in found if each.lower() == name}, {value} if value else set())
        others = {name: value for name, value in found.items() if name.lower() not in lowered}
        others.pop("PYTHONUNBUFFERED", None)
        self.assertLessEqual(others.items(), initiators.items())
