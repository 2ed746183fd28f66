# mypy: allow-untyped-calls
"""A processor's configuration as text and as value."""

import json
from configparser import ConfigParser, ExtendedInterpolation

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import ConfigError, Rejected
from proactor.options import Option, Options
from proactor.processor.configuration import Config, read_section, read_start, redacted
from proactor.processor.peer_verifier import Trust

from ..support.examples import examples
from .fakes import GUID

OPTIONS = Options((Option("rate", float, 1.0), Option("workers", int, 1, live=False), Option("pin", secret=True)))


def config(revision: int = 1, **raw: str) -> Config:
    """Read a configuration with the options above."""
    return Config.from_raw(OPTIONS, raw, guid=GUID, revision=revision)


class ConfigTests(SynchronousTestCase):
    """The value that a processor's code sees."""

    def test_two_sides(self) -> None:
        """It is a mapping of texts, and has typed attributes."""
        given = config(rate="2", colour="red", flag="")
        self.assertEqual(dict(given), {"rate": "2", "colour": "red", "flag": ""})
        self.assertEqual((given["rate"], given.rate, given.workers, given.colour), ("2", 2.0, 1, "red"))
        self.assertEqual((given.flag, given.pin, len(given)), ("", None, 3))
        self.assertEqual((given.guid, given.revision), (GUID, 1))

    def test_unknown(self) -> None:
        """What is neither declared nor set is an error with its name."""
        with self.assertRaises(AttributeError) as caught:
            config().colour  # noqa: B018
        self.assertEqual(str(caught.exception), "no option 'colour' is declared or set")
        self.assertFalse(hasattr(config(), "_nothing"))

    def test_made_of_a_secret(self) -> None:
        """What holds the text of a secret is one too; a short text is in too many to tell."""
        self.assertEqual(set(config(pin="4711", odd="x4711y", even="47").public_items()), {"even"})
        self.assertEqual(set(config(pin="1", odd="10").public_items()), {"odd"})

    def test_read_only(self) -> None:
        """Nobody changes it, not even by the dictionary that it was made of."""
        raw = {"rate": "2"}
        given = Config.from_raw(OPTIONS, raw, guid=GUID, revision=1)
        raw["rate"] = "3"
        self.assertEqual(given["rate"], "2")
        with self.assertRaises(AttributeError):
            setattr(given, "rate", 3.0)  # noqa: B010 - the type checker knows no such attribute
        with self.assertRaises(TypeError):
            given.values_by_name["rate"] = 3.0  # type: ignore[index]

    def test_no_token(self) -> None:
        """Neither the token nor the revision is among the options."""
        given = Config.from_raw(OPTIONS, {"token": "hush", "revision": "7"}, guid=GUID, revision=7)
        self.assertEqual(dict(given), {})
        self.assertFalse(hasattr(given, "token"))

    def test_secrets_are_hidden(self) -> None:
        """No secret is in what is shown, public or logged."""
        given = config(pin="hush1", db_password="hush2", rate="2")
        self.assertEqual(given.public_items(), {"rate": "2"})
        self.assertEqual(repr(given), f"<Config {GUID} revision=1 pin=*** db_password=*** rate=2>")
        self.assertEqual(given.shown("pin"), "***")
        self.assertEqual(given.pin, "hush1")

    def test_other_globs(self) -> None:
        """``secret_options`` says what else is secret, instead of the usual."""
        given = config(secret_options="ra*", rate="2", db_password="x", pin="y")
        self.assertEqual(set(given.public_items()), {"secret_options", "db_password"})

    def test_shown(self) -> None:
        """What a log shows is on one line and tells what is not set."""
        given = config(rate="2", empty="", lines="a\nb", space=" x")
        shown = {name: given.shown(name) for name in ("rate", "empty", "lines", "space", "workers", "colour")}
        self.assertEqual(
            shown,
            {
                "rate": "2",
                "empty": "''",
                "lines": r"'a\nb'",
                "space": "' x'",
                "workers": "1 (default)",
                "colour": "(not set)",
            },
        )

    def test_redacted(self) -> None:
        """A text loses the secrets that are in it, the longest first."""
        text = redacted("a hush-hush, hush", config(pin="hush"), config(pin="hush-hush"), config(pin=""))
        self.assertEqual(text, "a ***, ***")

    def test_holding(self) -> None:
        """Options can be held at what they are elsewhere, not being there included."""
        old = config(rate="1", workers="2")
        held = config(2, rate="5", workers="9").holding(["workers"], old)
        self.assertEqual((dict(held), held.rate, held.workers), ({"rate": "5", "workers": "2"}, 5.0, 2))
        held = config(2, rate="5", workers="9").holding(["workers"], config(rate="1"))
        self.assertEqual((dict(held), held.workers, held.revision), ({"rate": "5"}, 1, 2))

    def test_rejected(self) -> None:
        """A wrong value makes none at all."""
        self.assertRaises(Rejected, config, rate="x")


NAMES = st.from_regex(r"[a-z][a-z0-9_.-]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12).map(str.strip)


class StandardInputTests(SynchronousTestCase):
    """The text that an initiator writes."""

    def test_section(self) -> None:
        """Its own section is read, references resolved; an option without a value is empty."""
        text = f"[_]\nempty =\n\n[{GUID}]\na = ${{_:empty}} x ${{_:empty}}\nb = 5$$\nflag\nnone =\nhash = #\n"
        self.assertEqual(read_section(text, GUID), {"a": " x ", "b": "5$", "flag": "", "none": "", "hash": "#"})

    @given(st.dictionaries(NAMES, VALUES.filter(lambda text: not text.startswith(("#", ";")))))
    @examples(100)
    def test_reads_back(self, options: dict[str, str]) -> None:
        """Whatever the options are, they come out as they went in."""
        lines = [f"{name} = {text.replace('$', '$$')}" for name, text in options.items()]
        self.assertEqual(read_section("\n".join([f"[{GUID}]", *lines]), GUID), options)

    def test_broken(self) -> None:
        """What is wrong is named by its place; nothing of the text is quoted, as it may be secret."""
        for text, reason in [
            ("", f"standard input [{GUID}]: there is no such section"),
            ("[other]\nhush = hush\n", f"standard input [{GUID}]: there is no such section"),
            ("hush\n", "standard input:1: missing section header error"),
            (f"[{GUID}]\na = b\n[{GUID}]\n", "standard input:3: duplicate section error"),
            (f"[{GUID}]\na = hush\na = hush\n", "standard input:3: duplicate option error"),
            (f"[{GUID}]\n = hush\n", "standard input:2: parsing error"),
            (f"[{GUID}]\na = hush ${{hush}}\n", "standard input a: a reference of its value leads nowhere"),
            (f"[{GUID}]\na = hush $hush\n", "standard input a: a reference of its value leads nowhere"),
        ]:
            error = self.assertRaises(ConfigError, read_section, text, GUID)
            self.assertEqual(str(error), reason)
            self.assertIsNone(error.__cause__)
            self.assertTrue(error.__suppress_context__)

    def test_goes_on(self) -> None:
        """A line that goes on after an option without a value is no more than another mistake."""
        error = self.assertRaises(ConfigError, read_section, f"[{GUID}]\nhush\n  hush\n", GUID)
        self.assertIn("multiline continuation error", str(error))
        self.assertNotIn("hush", str(error))

    @given(st.text(max_size=80) | st.text("ab[]=:#;$%{} \n\r\t", max_size=30))
    @examples(300)
    def test_anything(self, text: str) -> None:
        """Any text is a section of texts, or an error of ours."""
        try:
            section = read_section(f"[{GUID}]\n{text}", GUID)
        except ConfigError:
            return
        self.assertTrue(all(isinstance(value, str) for value in section.values()))

    def start(self, **options: str) -> str:
        """Write a section."""
        parser = ConfigParser(interpolation=ExtendedInterpolation())
        parser[GUID] = options
        return "\n".join([f"[{GUID}]", *(f"{name} = {text}" for name, text in options.items())])

    def test_start(self) -> None:
        """The steering options are read out of it."""
        text = self.start(
            revision="17", token="a.b-c", parent_url="http://127.0.0.1:8080/", listen_addr="0.0.0.0", rate="2"
        )
        start = read_start(text, GUID)
        self.assertEqual((start.revision, start.token), (17, "a.b-c"))
        self.assertEqual((start.parent_url, start.listen_addr), ("http://127.0.0.1:8080", "0.0.0.0"))
        self.assertEqual(start.raw["rate"], "2")
        self.assertNotIn("a.b-c", repr(start))

    def test_trust(self) -> None:
        """By what tokens of others are verified is known from the start, and is no option."""
        trust = {"tag": "7f80", "issuer": "e" * 32, "keys": [], "revoked": {"a" * 32: 3}}
        start = read_start(self.start(parent_trust=json.dumps(trust)), GUID)
        self.assertEqual(start.parent_trust, ("7f80", Trust("e" * 32, {}, {"a" * 32: 3})))
        self.assertEqual(start.raw, {})
        for wrong in (
            "x",
            "[]",
            "{}",
            json.dumps({**trust, "tag": 1}),
            json.dumps({**trust, "tag": '"'}),
            '{"tag": "1"}',
        ):
            error = self.assertRaises(ConfigError, read_start, self.start(parent_trust=wrong), GUID)
            self.assertEqual(str(error), "standard input parent_trust: it is not what an initiator writes")

    def test_by_itself(self) -> None:
        """Without an initiator it listens on loopback."""
        start = read_start(f"[{GUID}]\n", GUID)
        self.assertEqual((start.revision, start.parent_url, start.listen_addr), (0, None, "127.0.0.1"))

    def test_wrong_steering(self) -> None:
        """A wrong steering option is named, a token not shown."""
        url = "http://127.0.0.1:8080"
        for options, reason in [
            ({"revision": "x"}, "standard input revision = x: a whole number is right"),
            ({"parent_url": url}, "standard input token: there is none, or it is no bearer token"),
            (
                {"parent_url": url, "token": "hush hush"},
                "standard input token: there is none, or it is no bearer token",
            ),
            *(
                (
                    {"parent_url": wrong, "token": "a"},
                    "standard input parent_url: a URL like http://127.0.0.1:8080 is right",
                )
                for wrong in (
                    "ftp://a",
                    "127.0.0.1:8080",
                    "http://",
                    "http://a:x",
                    "http://a:0",
                    "http://a/?b",
                    "http://u:p@a",
                )
            ),
        ]:
            self.assertEqual(str(self.assertRaises(ConfigError, read_start, self.start(**options), GUID)), reason)
