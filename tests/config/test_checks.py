"""Whether what every processor's section may say holds."""

from __future__ import annotations

import json
from collections.abc import Mapping

from proactor.config.checks import check_sections
from proactor.config.grammar import DEFAULT
from proactor.config.job_settings import JOB_OPTIONS
from proactor.config.layers import Layers
from proactor.errors import ConfigError, Refused
from proactor.extent import MOST_FETCHED, MOST_SECTION, extent

from .samples import Case, parsed, placed

#: For each option of processors: what is wrong, and a part of what is said of it. ``None``: any text is right.
WRONG_JOB: Mapping[str, list[tuple[str, str]] | None] = {
    "refresh": [
        ("0", "must be >= 0.05"),
        ("often", "is not a number"),
        ("", "is not a number"),
        ("400", "token_ttl = 300"),
    ],
    "restart": [("sometimes", "must be one of always, on-failure, never")],
    "restart_delay": [("-1", "must be >= 0")],
    "restart_delay_max": [("-1", "must be >= 0")],
    "restart_attempts": [("-1", "must be >= 0"), ("1.5", "is not a whole number")],
    "restart_window": [("0", "must be >= 1")],
    "ready_timeout": [("0", "must be >= 0.1")],
    "stop_timeout": [("-1", "must be >= 0"), ("1e9", "must be <=")],
    "watchdog": [("-1", "must be >= 0"), ("59", "must be 0 or at least 60: it is heard of every refresh = 30 s")],
    "limit_nofile": [("1", "must be >= 16")],
    "limit_memory": [("1", "must be >= 16")],
    "nice": [("-21", "must be >= -20"), ("20", "must be <= 19")],
    "working_folder": None,
    "umask": None,
    "user": None,
    "inherit_environment": [("maybe", "is not one of yes")],
    "pass_environment": None,
    "log_max_bytes": [("1", "must be >= 65536")],
    "log_backups": [("-1", "must be >= 0"), ("101", "must be <= 100")],
    "labels": [("canary", "each word must be name=value"), ("a=b =c", "each word must be name=value")],
    "instances": [("-1", "must be >= 0")],
    "launcher": [("docker", "must be one of")],
    "preload": [("perhaps", "is not one of yes")],
    "allow_from": [("label:=x", "label:NAME=VALUE"), ("a b!", "each word must be *, none, a module")],
    "allow_scopes": [("pic ture@", "a scope, or SCOPE@"), ("a@b@c", "a scope, or SCOPE@")],
    "rollout_batch": [("0", "a size like 5"), ("101%", "a size like 5"), ("5 x", "a size like 5")],
    "rollout_watch": [("-1", "must be >= 0")],
    "rollout_timeout": [("0", "must be >= 0.1")],
    "subscribe": [("a..b", "a topic like orders.new"), ("a b/c", "a topic like orders.new")],
    "message_queue": [("0", "must be >= 1"), ("1000001", "must be <= 1000000")],
    "message_concurrency": [("0", "must be >= 1"), ("1001", "must be <= 1000")],
    "message_timeout": [("0", "must be >= 0.1")],
}


class SectionTests(Case):
    """Every wrong value is told with its place and what would be right."""

    def test_every_option_is_tried(self) -> None:
        """Or a new one would not be."""
        self.assertEqual({option.name for option in JOB_OPTIONS}, WRONG_JOB.keys())

    def test_wrong(self) -> None:
        """In DEFAULT and in each module's section, whether anybody runs it or not."""
        for name, trials in WRONG_JOB.items():
            for value, says in trials or ():
                for section in (DEFAULT, "m", "n"):
                    text, line = placed(section, f"{name} = {value}".strip())
                    error = self.assertRaises(ConfigError, check_sections, Layers(parsed(text)), 300)
                    self.assert_error(error, line=line, section=section, option=name, value=value, says=[says])

    def test_by_reference(self) -> None:
        """The place is where the option stands, the value what it comes to."""
        error = self.assertRaises(ConfigError, check_sections, Layers(parsed("[m]\nx = -1\nnice = 2${x}\n")), 300)
        self.assert_error(error, line=3, section="m", option="nice", value="2-1", says=["is not a whole number"])

    def test_secrets(self) -> None:
        """A value that a secret went into is not shown."""
        for option in ("nice", "labels", "rollout_batch"):
            layers = Layers(parsed(f"[m]\na_secret = S1\n{option} = ${{a_secret}}\n"))
            error = self.assertRaises(ConfigError, check_sections, layers, 300)
            self.assert_error(error, line=3, section="m", option=option, value="***")
            self.assertNotIn("S1", str(error))

    def test_not_known_before(self) -> None:
        """DEFAULT may refer to what each module says; it is checked there."""
        text = f"[{DEFAULT}]\nnice = ${{level}}\n[m]\nlevel = 5\n"
        check_sections(Layers(parsed(text)), 300)
        error = self.assertRaises(ConfigError, check_sections, Layers(parsed(f"{text}[n]\nlevel = 50\n")), 300)
        self.assert_error(error, line=2, section="n", option="nice", value="50")


class ExtentTests(Case):
    """A section that would not reach its processors is told as too large."""

    def test_most(self) -> None:
        """As much as there may be, names and all, and one more byte."""
        names = [f"x{number}" for number in range(9)]
        values = dict.fromkeys(names, "\u00e9" * 29_000)
        values["last"] = ""
        values["last"] = "x" * (MOST_SECTION - extent(values))
        for section in (DEFAULT, "m"):
            for more in ("", "x"):
                lines = [f"{name} = {text}" for name, text in {**values, "last": values["last"] + more}.items()]
                layers = Layers(parsed("\n".join([f"[{section}]", *lines, ""])))
                if not more:
                    check_sections(layers, 300)
                    continue
                error = self.assertRaises(ConfigError, check_sections, layers, 300)
                says = [f"{MOST_SECTION + 1} bytes", "x0 has most", f"at most are {MOST_SECTION}"]
                self.assert_error(error, section=section, says=says)

    def test_what_a_reference_brings(self) -> None:
        """What it comes to counts, not what stands there."""
        lines = "".join(f"x{number} = ${{big}}\n" for number in range(9))
        error = self.assertRaises(
            ConfigError, check_sections, Layers(parsed(f"[m]\nbig = {'x' * 60000}\n{lines}")), 300
        )
        self.assert_error(error, section="m", says=["600"])

    def test_it_can_be_fetched(self) -> None:
        """The most that there may be leaves room in an answer for a token, and the revocations of thousands."""
        self.assertGreater(MOST_FETCHED - MOST_SECTION, 20_000 * len(json.dumps({"0" * 32: 1_000})))


class RefreshTests(Case):
    """A token is renewed in a fetch: it must outlive the longest time between two."""

    def check(self, text: str, token_ttl: float) -> None:
        check_sections(Layers(parsed(text)), token_ttl)

    def test_fine(self) -> None:
        """The defaults; what each section says where DEFAULT says nothing; short ones of both."""
        for text, token_ttl in [
            ("[m]\n", 300),
            ("[m]\n", 33.1),
            ("[m]\nrefresh = 1\n", 4),
            (f"[{DEFAULT}]\nrefresh = 1\n[m]\n", 1.2),
            ("[m]\nrefresh = 272\n", 300),
        ]:
            self.check(text, token_ttl)

    def test_said(self) -> None:
        """Both are named, and what would be right."""
        error = self.assertRaises(ConfigError, self.check, "[m]\nrefresh = 3.7\n", 4)
        says = ["must be less than 3.63636", "token_ttl = 4 s"]
        self.assert_error(error, line=2, section="m", option="refresh", value="3.7", says=says)
        error = self.assertRaises(ConfigError, self.check, f"[{DEFAULT}]\nrefresh = 300\n[m]\nrefresh = 1\n", 300)
        self.assert_error(error, line=2, section=DEFAULT, option="refresh", value="300", says=["token_ttl = 300 s"])

    def test_not_said(self) -> None:
        """A token that lives shorter than the default takes, in a section that does not say another, or by itself."""
        says = ["is 30 where it is not set", "must be less than 3.63636", "token_ttl = 4 s"]
        error = self.assertRaises(ConfigError, self.check, "[m]\nrefresh = 1\n[n]\n", 4)
        self.assert_error(error, section="n", option="refresh", says=says)
        error = self.assertRaises(ConfigError, self.check, "[not a module]\n", 4)
        self.assert_error(error, section=DEFAULT, option="refresh", says=says)


class LaunchTests(Case):
    """What a launch would say is asked of each section."""

    def test_refused(self) -> None:
        """By option, with its value or without; what a secret went into is told to be one."""
        asked: list[Mapping[str, str]] = []

        def check(values: Mapping[str, str]) -> None:
            asked.append(values)
            if "umask" in values:
                raise Refused(f"umask = {values['umask']}: must be octal")
            if "env.x" in values["secret_options"].split():
                raise Refused("env.x: holds a secret")

        layers = Layers(parsed("[m]\numask = 9\n"))
        error = self.assertRaises(ConfigError, check_sections, layers, 300, check)
        self.assert_error(error, line=2, section="m", option="umask", value="9", says=["must be octal"])
        layers = Layers(parsed("[m]\na_key = S\nenv.x = ${a_key}\n"))
        error = self.assertRaises(ConfigError, check_sections, layers, 300, check)
        self.assert_error(error, line=3, section="m", option="env.x", value="***", says=["holds a secret"])
        self.assertEqual(asked[-1]["secret_options"], "token *password* *secret* *_key a_key env.x")
